"""What a hostile or a broken system sends does no harm to whoever tries it, and is told as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.connectors import stand_in
from tests.integration.connectors.stand_in import STUDENT, StandIn, response
from tests.integration.operation.trials import Trials, get_verdict, make_http

CONTROLS = "\x1b[2J\x1b]0;pwn\x07\x9b\u202e\u200b"
UNSEEN = tuple(CONTROLS.replace("[2J", "").replace("]0;pwn", ""))
TEXT_FACT = {"m": {"path": "m", "type": "text"}}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with stand_in.running_stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    return Trials(tmp_path_factory.mktemp("trials"))


@pytest.mark.parametrize("words", [(), ("--raw",)])
@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"code": 0, "no": STUDENT, "rows": {"m": CONTROLS}}, ensure_ascii=False).encode(),
        f"{CONTROLS}garbage".encode(),
        f"<a b='{CONTROLS}'>{CONTROLS}</a>".encode(),
    ],
)
def test_no_control_of_a_system_reaches_the_terminal(
    server: StandIn, trials: Trials, body: bytes, words: tuple[str, ...]
) -> None:
    server.will_answer(response(body, "X-Odd: a\x1b[31mb\r\n"))
    done = trials.run(make_http(server.url, fields=TEXT_FACT), *words)
    assert [character for character in UNSEEN if character in done.output] == []
    assert r"X-Odd: a\x1b[31mb" in done.output


def test_a_system_writes_no_line_of_its_own(server: StandIn, trials: Trials) -> None:
    rows = {"m": "a\nstep graduate_departure.library: cleared"}
    server.will_answer(response(json.dumps({"code": 0, "no": STUDENT, "rows": rows}).encode()))
    done = trials.run(make_http(server.url, fields=TEXT_FACT))
    assert not any(line.startswith("step graduate_departure.library") for line in done.output.splitlines())


@pytest.mark.parametrize("words", [(), ("--raw",)])
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("[" * 5_000, "not_json"),
        ("[" * 900 + "]" * 900, "not_json"),
        (f'{{"code": 0, "no": "{STUDENT}", "rows": {{"m": "a"}}, "z": {"[" * 900}{"]" * 900}}}', "not_json"),
    ],
)
def test_deep_json_is_refused_in_words(
    server: StandIn, trials: Trials, body: str, fault: str, words: tuple[str, ...]
) -> None:
    server.will_answer(response(body.encode()))
    done = trials.run(make_http(server.url, fields=TEXT_FACT), *words)
    assert (done.exit_code, get_verdict(done).startswith(f"unavailable: {fault}")) == (1, True), (
        done.exception
    )


@pytest.mark.parametrize(
    ("keys", "number", "echo", "told", "is_understood"),
    [
        (
            {"number_as": "integer"},
            "2023000002",
            "2023000002",
            "stands 2023000002: the number asked for",
            True,
        ),
        (
            {"number_as": "integer"},
            "2023000002",
            '"2023000002"',
            "stands a text: not the number asked for, wrong_type",
            False,
        ),
        (
            {"number_as": "integer"},
            "2023000002",
            "true",
            "stands a bool: not the number asked for, wrong_type",
            False,
        ),
        ({}, STUDENT, '"ts23000002"', 'stands "ts23000002": the number asked for', True),
        ({}, STUDENT, '"TS23000003"', "stands a text: not the number asked for, wrong_student", False),
    ],
)
def test_the_echo_is_told_as_it_is_judged(
    server: StandIn,
    trials: Trials,
    keys: dict[str, str],
    number: str,
    echo: str,
    told: str,
    is_understood: bool,
) -> None:
    server.will_answer(response(f'{{"code": 0, "no": {echo}, "rows": {{"m": "a"}}}}'.encode()))
    further = "" if number == STUDENT else '[numbers]\npattern = "TS[0-9]{8}|20[0-9]{8}"\n'
    done = trials.run(make_http(server.url, fields=TEXT_FACT, **keys), number=number, further=further)
    assert f"echo  at no {told}" in done.output, done.output
    assert get_verdict(done).startswith("understood") == is_understood


ARREARS = {
    "project": {"path": "p", "type": "text"},
    **{name: {"path": name[0], "type": "money", "unit": "fen"} for name in ("deferred", "reduced", "loan")},
    "amount": {"path": "a", "type": "money", "unit": "fen", "empty": True},
    "row_status": {"path": "s", "type": "text", "known": ["欠费"]},
}


def test_a_step_that_an_empty_fact_leaves_undecided_says_so(server: StandIn, trials: Trials) -> None:
    row = {"p": "学费", "d": "0", "r": "0", "l": "0", "a": None, "s": "欠费"}
    server.will_answer(response(json.dumps({"code": 0, "no": STUDENT, "rows": [row]}).encode()))
    changes = {"fields": ARREARS, "rows": "many", "complete": "the system sends all"}
    further = '[mini_apps.graduate_departure.steps]\nfinance = "x"\n'
    done = trials.run(make_http(server.url, **changes), further=further)
    told = "step graduate_departure.finance: unavailable: empty, and so it decides nothing: amount"
    assert (done.exit_code, told in done.output) == (0, True), done.output


def test_of_several_pages_the_rows_line_speaks_of_the_last(server: StandIn, trials: Trials) -> None:
    def page(cursor: str | None, *texts: str) -> bytes:
        rows = [{"m": text} for text in texts]
        return response(
            json.dumps({"code": 0, "no": STUDENT, "rows": rows, "next": cursor, "total": 3}).encode()
        )

    server.will_answer(page("b", "a", "b"), page(None, "c"))
    cursor = {"cursor_in": "query", "cursor_name": "after", "next": "next", "total": "total", "end": "null"}
    done = trials.run(make_http(server.url, fields=TEXT_FACT, rows="many", cursor=cursor))
    assert "rows of the last page  at rows stands a list of 1" in done.output
    assert get_verdict(done) == "understood: 3 record(s)"
