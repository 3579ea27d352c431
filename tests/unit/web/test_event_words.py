"""Every kind of event and every detail of a choice has words on the auditor's page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from app.domain.staff import StaffRole
from app.services.desk.history import EVENTS, Outcome, Via
from app.services.staff.approvals import ASKED, Verdict
from app.services.staff.records import ABOUT_STUDENTS
from app.web.staff.event_words import KIND_WORDS, VALUES

APP = Path(__file__).resolve().parents[3] / "app"


def list_kinds(source: str) -> Iterator[str]:
    """The kinds that a module writes out where it adds an event."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("add_event", "_add_event"):
            yield from (
                one.value
                for one in node.args[1:2]
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def test_every_kind_of_event_has_words() -> None:
    written = {kind for path in APP.rglob("*.py") for kind in list_kinds(path.read_text("utf-8"))}
    assert len(written) > 10
    kinds = {*written, *EVENTS.values(), *ASKED.values(), *ABOUT_STUDENTS}
    assert sorted(kinds - KIND_WORDS.keys()) == []


def test_a_kind_without_words_is_found() -> None:
    assert list(list_kinds("add_event(session, 'made_up', actor=a)")) == ["made_up"]
    assert "made_up" not in KIND_WORDS


def test_every_choice_has_words() -> None:
    choices = {"outcome": Outcome, "via": Via, "decision": Verdict, "role": StaffRole}
    missing = [
        (name, value) for name, values in choices.items() for value in values if value not in VALUES[name]
    ]
    assert missing == []
