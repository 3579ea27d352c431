"""The table of figures at the end of `make soak`: what each row asks, whether it held, and how to measure it alone."""

from __future__ import annotations

import pytest

ROWS = (
    ("size", "10,000 graduates on SQLite, 50,000 on PostgreSQL: all works", "tests/soak/test_sizes.py"),
    (
        "upstream",
        "every fault x 5 systems x (query, submit): 0 false clears, 0 slips, 0 5xx, in time",
        "tests/integration/test_fault_matrix.py",
    ),
    (
        "mutated answers",
        "10,000 mutated department answers: 0 false clears",
        "tests/soak/test_mutated_answers.py",
    ),
    (
        "emptied view",
        "200 submissions of debtors while a view is emptied: 0 slips",
        "tests/soak/test_emptied_view.py",
    ),
    ("bad input", "20,000 generated requests: 0 5xx", "tests/soak/test_odd_requests.py"),
    (
        "slip codes",
        "all bit flips and digit swaps of 60 codes: 0 accepted",
        "tests/soak/test_slip_codes.py",
    ),
    (
        "isolation",
        "10,000 requests of 20 students through a cache: no byte of another",
        "tests/soak/test_isolation.py",
    ),
    ("audit", "1,000 tamperings: all found", "tests/soak/test_audit.py"),
    ("herd", "1,000 students x 4 submits, 100 at a time: 1,000 slips, no 5xx", "tests/soak/test_herd.py"),
    ("crash", "200 + 100 rounds of SIGKILL: lost, changed, doubled = 0", "tests/soak/test_crashes.py"),
    (
        "gate",
        "lacking x network x clock x list x code: 0 false red, 0 false green, 0 silent",
        "tests/soak/test_gate_matrix.py",
    ),
    (
        "staff's grants",
        "1,000 given, and ended between page and form: all at the next request",
        "tests/soak/test_staff_grants.py",
    ),
    (
        "desk",
        "an undo against a submission, 1,000 x 2 databases: no slip on a decision undone",
        "tests/soak/test_desk.py",
    ),
    ("slips", "2,000 generated slips: no fault", "tests/soak/test_slips.py"),
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    outcomes = {
        outcome: {report.nodeid.split("::")[0] for report in terminalreporter.getreports(outcome)}
        for outcome in ("passed", "skipped", "failed", "error")
    }
    terminalreporter.section("figures")
    for area, figure, path in ROWS:
        found = [outcome for outcome, paths in outcomes.items() if path in paths]
        held = {"passed": "held"}.get(found[-1], found[-1].upper()) if found else "not run"
        terminalreporter.write_line(f"{area:<16}{held:<9}{figure:<84}python -m pytest {path}")
