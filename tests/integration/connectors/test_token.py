"""Systems that want a call for a token first: it is shared, renewed once, and its failures are the department's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.connectors.base import ActionOutcome, Connector
from app.connectors.client import close_connectors, perform_action, start_survey
from app.connectors.http import token as token_module
from app.domain.clearance import Reading
from app.identity.base import Severity
from app.services.operations import department_checks
from tests.campus.client import CampusClient
from tests.campus.equipment import APP_ID, SECRET, TENANT
from tests.fixtures.connectors import connect_all, list_faults
from tests.integration.connectors.stand_in import (
    SECTION,
    STUDENT,
    StandIn,
    ask,
    fault_of,
    hang,
    hang_up,
    response,
    running_stand_in,
)

TOKEN: dict[str, Any] = {
    "path": "/systems/equipment/oauth/token",
    "method": "POST",
    "credentials_in": "basic",
    "id": APP_ID,
    "secret": SECRET,
    "fixed": {"form": {"grant_type": "client_credentials"}},
    "success": {"code": 0},
    "token_path": "data.access_token",
    "life_path": "data.expires_in",
    "placed_in": "header",
    "name": "Authorization",
    "prefix": "Bearer ",
    "expired": {"code": [42001]},
}
RETURN: dict[str, Any] = {
    "path": "/systems/equipment/api/return",
    "method": "POST",
    "number_in": "json",
    "number_name": "data.xh",
    "fixed": {"header": {"X-Tenant": TENANT}},
    "echo": "data.xh",
    "confirmed": {"code": 0, "data.returned": True},
}
EQUIPMENT: dict[str, Any] = {
    "kind": "http_json",
    "path": "/systems/equipment/api/loans",
    "method": "POST",
    "number_in": "json",
    "number_name": "data.filter.xh",
    "credential_in": "none",
    "fixed": {"header": {"X-Tenant": TENANT}},
    "token": TOKEN,
    "success": {"code": 0},
    "echo": "data.xh",
    "rows_path": "data.items",
    "rows": "many",
    "no_record": "empty",
    "complete": "the system sends all",
    "fields": {"state": {"path": "state", "type": "text", "known": ["已归还", "未归还"]}},
    "actions": {"return-all": RETURN},
    "deadline_seconds": 2,
}
IN_FORM = {"credentials_in": "form", "id_name": "client_id", "secret_name": "client_secret", "path": "/token"}


@pytest.fixture
def campus(campus: CampusClient) -> CampusClient:
    """The test process's campus with its equipment office as at the start."""
    campus.set_equipment_fault()
    return campus


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


def connect(campus: CampusClient, action: dict[str, Any] | None = None, **changes: Any) -> Connector:
    """The equipment office; `changes` are those of the token."""
    tables = {"token": TOKEN | changes, "actions": {"return-all": RETURN | (action or {})}}
    return connect_all({"equipment": EQUIPMENT | {"base_url": campus.url} | tables})["equipment"]


def connect_to(server: StandIn, **changes: Any) -> Connector:
    token = TOKEN | IN_FORM | changes
    return connect_all({"x": SECTION | {"base_url": server.url, "token": token}})["x"]


def give_token(text: str = "t-1", life: object = 7200) -> bytes:
    return response(json.dumps({"code": 0, "data": {"access_token": text, "expires_in": life}}).encode())


def test_one_token_serves_many_calls(campus: CampusClient) -> None:
    connector = connect(campus)
    for _ in range(3):
        assert isinstance(ask(connector), Reading)
    assert campus.count_equipment_calls() == {"token": 1, "loans": 3}
    close_connectors([connector])


def ask_together(connector: Connector) -> list[bool]:
    """Whether each of several calls that set out in one turn of the loop got a reading."""
    answers = start_survey(connector, [f"TS2300{number:04}" for number in range(20)], 10).result(20)
    return [isinstance(answer, Reading) for answer in answers.values()]


def test_calls_at_the_same_time_wait_for_one_token(campus: CampusClient) -> None:
    assert ask_together(connect(campus)) == [True] * 20
    assert campus.count_equipment_calls() == {"token": 1, "loans": 20}


def test_without_one_fetch_at_a_time_each_call_would_fetch_a_token(
    campus: CampusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    keeper = token_module.TokenKeeper
    monkeypatch.setattr(keeper, "_start_fetch", lambda self, held: token_module.start_task(self._fetch(held)))
    assert ask_together(connect(campus)) == [True] * 20
    assert campus.count_equipment_calls() == {"token": 20, "loans": 20}


@pytest.mark.parametrize("fault", ["token_ends_early", "token_ends_in_answer"])
def test_a_token_that_ends_early_is_renewed_and_the_question_asked_once_more(
    campus: CampusClient, fault: str
) -> None:
    connector = connect(campus)
    assert isinstance(ask(connector), Reading)
    campus.set_equipment_fault(fault)
    assert isinstance(ask(connector), Reading)
    assert campus.count_equipment_calls() == {"token": 1, "loans": 2}


def test_without_the_mark_a_refusal_inside_an_answer_is_no_success_and_no_reading(
    campus: CampusClient,
) -> None:
    """The negative control: nothing is renewed for it, and nothing believed."""
    connector = connect(campus, expired={"code": 1})
    assert isinstance(ask(connector), Reading)
    campus.set_equipment_fault("token_ends_in_answer")
    assert fault_of(connector) == "no_success"


def test_a_token_is_renewed_exactly_once_for_a_question(campus: CampusClient) -> None:
    campus.set_equipment_fault("token_never_accepted")
    assert fault_of(connect(campus)) == "credential_refused"
    assert campus.count_equipment_calls() == {"token": 2, "loans": 2}


def test_calls_whose_token_was_refused_together_renew_it_once(campus: CampusClient) -> None:
    """The office forgets all tokens; whoever comes back late finds the new one already there."""
    connector = connect(campus)
    assert isinstance(ask(connector), Reading)
    campus.set_equipment_fault("tokens_forgotten")
    assert ask_together(connector) == [True] * 20
    assert campus.count_equipment_calls() == {"token": 1, "loans": 40}


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("token_refused", "token_refused"),
        ("token_hangs", "token_unreachable"),
        ("token_http_500", "token_unreachable"),
        ("token_missing", "token_unusable"),
        ("token_life_missing", "token_unusable"),
    ],
)
def test_a_failing_token_call_is_the_departments_failure_by_its_own_name(
    campus: CampusClient, fault: str, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    campus.set_equipment_fault(fault)
    connector = connect(campus)
    assert fault_of(connector) == named
    assert campus.count_equipment_calls() == {"token": 1}
    assert SECRET not in caplog.text
    assert "invalid client" not in caplog.text
    campus.set_equipment_fault()
    assert named == "token_refused" or isinstance(ask(connector), Reading)


@pytest.mark.parametrize("fault", ["none", "token_refused", "token_missing", "token_hangs"])
def test_a_token_that_cannot_be_had_is_serious_even_when_asked_about_nobody(
    campus: CampusClient, fault: str
) -> None:
    campus.set_equipment_fault(fault)
    found = department_checks._ask_about_nobody(connect(campus), 10)
    assert (found.fit is Severity.FAULT) == (fault != "none"), found


def test_a_refused_secret_is_not_tried_again_for_each_student(campus: CampusClient) -> None:
    connector = connect(campus, secret="another-0815")
    assert {fault_of(connector) for _ in range(5)} == {"token_refused"}
    assert campus.count_equipment_calls() == {"token": 1}


def test_a_refused_secret_is_tried_again_after_the_pause(campus: CampusClient) -> None:
    campus.set_equipment_fault("token_refused")
    table = EQUIPMENT | {"base_url": campus.url, "breaker_pause_seconds": 0.1}
    connector = connect_all({"equipment": table})["equipment"]
    assert fault_of(connector) == "token_refused"
    campus.set_equipment_fault()
    time.sleep(0.15)
    assert isinstance(ask(connector), Reading)


def test_a_token_whose_life_is_over_is_fetched_anew_before_the_question(server: StandIn) -> None:
    server.will_answer(give_token("t-1", 1), response(), give_token("t-2"), response())
    connector = connect_to(server)
    assert isinstance(ask(connector), Reading)
    time.sleep(1.1)
    assert isinstance(ask(connector), Reading)
    used = [request for request in server.requests if request.startswith("GET /readers")]
    assert ["Bearer t-1" in used[0], "Bearer t-2" in used[1]] == [True, True]


def test_a_token_that_is_about_to_end_is_used_while_it_is_renewed(
    campus: CampusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = connect(campus)
    keep = token_module._Held.keep

    def keep_shortly(held: Any, token: str, since: float, life: float) -> None:
        keep(held, token, since, life)
        held.renew_at = since

    monkeypatch.setattr(token_module._Held, "keep", keep_shortly)
    assert isinstance(ask(connector), Reading)
    campus.set_equipment_fault("token_hangs")
    assert isinstance(ask(connector), Reading)


@pytest.mark.parametrize("life", [0, -1, "soon", "1e3", 1.5, True, None, ""])
def test_a_life_that_is_none_makes_the_token_unusable(server: StandIn, life: object) -> None:
    server.will_answer(give_token("t-1", life))
    assert fault_of(connect_to(server)) == "token_unusable"


@pytest.mark.parametrize("text", ["", " ", "a\r\nX-Admin: 1", "王", "x" * 9000])
def test_a_token_that_cannot_be_sent_as_it_is_is_not_sent(server: StandIn, text: str) -> None:
    server.will_answer(give_token(text))
    assert fault_of(connect_to(server)) == "token_unusable"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (response(b'{"code": 1}'), "token_refused"),
        (response(b"{}", status="400 Bad"), "token_refused"),
        (response(b"{}", status="429 Slow"), "token_unreachable"),
        (response(b"", "Location: /login\r\n", "302 Found"), "token_unusable"),
        (response(b"<html>", content_type="text/html"), "token_unusable"),
        (response(b"{" + b" " * 300_000), "token_unusable"),
        (response(b'{"code": 0, "code": 0}'), "token_unusable"),
        (hang_up, "token_unreachable"),
        (hang, "token_unreachable"),
    ],
)
def test_no_answer_to_the_token_call_is_taken_for_another(server: StandIn, answer: Any, fault: str) -> None:
    server.will_answer(answer)
    table = SECTION | {"base_url": server.url, "token": TOKEN | IN_FORM, "deadline_seconds": 0.9}
    assert fault_of(connect_all({"x": table})["x"]) == fault
    assert not any(request.startswith("GET /readers") for request in server.requests)


def test_a_caller_that_gives_up_leaves_the_token_to_the_others(server: StandIn) -> None:
    async def answer_late(writer: Any) -> None:

        await asyncio.sleep(0.5)
        writer.write(give_token("late"))
        await writer.drain()

    server.will_answer(answer_late, response())
    connector = connect_to(server)
    assert fault_of(connector, deadline=0.1) == "timeout"
    assert isinstance(ask(connector), Reading)
    assert sum("POST /token" in request for request in server.requests) == 1


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "client_id=lixiao-equipment&client_secret=demo-equipment-secret"),
        ({"credentials_in": "query", "method": "GET", "fixed": {}}, "GET /token?client_id=lixiao-equipment&"),
        (
            {"credentials_in": "header", "id_name": "X-Id", "secret_name": "X-Secret"},
            "X-Secret: demo-equipment-secret",
        ),
        (
            {"credentials_in": "json", "secret_name": "auth.key", "fixed": {}},
            '"auth": {"key": "demo-equipment-secret"}',
        ),
    ],
)
def test_id_and_secret_go_where_the_token_call_wants_them(
    server: StandIn, changes: dict[str, Any], shown: str
) -> None:
    server.will_answer(give_token(), response())
    assert isinstance(ask(connect_to(server, **changes)), Reading)
    assert shown in server.requests[0]
    assert SECRET not in server.requests[1]


@pytest.mark.parametrize(
    ("placed", "shown"),
    [
        ({"placed_in": "query", "name": "access_token", "prefix": ""}, "access_token=a%2Fb%2Bc%3D%3D"),
        ({"placed_in": "header", "name": "X-Token", "prefix": ""}, "X-Token: a/b+c=="),
    ],
)
def test_the_token_goes_where_requests_carry_it(server: StandIn, placed: dict[str, str], shown: str) -> None:
    server.will_answer(give_token("a/b+c=="), response())
    assert isinstance(ask(connect_to(server, **placed)), Reading)
    assert shown in server.requests[1]


def test_an_action_after_401_is_told_as_unknown_and_not_asked_for_again(campus: CampusClient) -> None:
    connector = connect(campus)
    campus.set_equipment_fault("done_and_401")
    assert perform_action(connector, "return-all", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert campus.count_equipment_calls() == {"token": 1, "return": 1, "done": 1}


def test_an_action_whose_makers_vouch_for_401_is_asked_for_once_more(campus: CampusClient) -> None:
    connector = connect(campus, action={"repeat_after_401": True})
    campus.set_equipment_fault("token_ends_early")
    assert perform_action(connector, "return-all", STUDENT, 10) is ActionOutcome.CONFIRMED
    assert campus.count_equipment_calls() == {"token": 2, "return": 2, "done": 1}


def test_where_the_makers_are_wrong_the_action_is_done_twice(campus: CampusClient) -> None:
    """The control of the default: what the key costs where a 401 proves nothing."""
    connector = connect(campus, action={"repeat_after_401": True})
    campus.set_equipment_fault("done_and_401")
    assert perform_action(connector, "return-all", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert campus.count_equipment_calls()["done"] == 2


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"id": ""}, "token.id"),
        ({"id": "a:b"}, "token.id"),
        ({"id_name": "client_id"}, "token.id_name"),
        ({"credentials_in": "form"}, "token.secret_name"),
        ({"credentials_in": "form", "secret_name": "grant_type"}, "token.fixed.form.grant_type"),
        ({"credentials_in": "json", "id_name": "id", "secret_name": "key"}, "token.fixed.form"),
        ({"method": "GET"}, "token.method"),
        ({"life_path": ""}, "token.life_path"),
        ({"life_seconds": 60}, "token.life_path"),
        ({"life_path": "", "life_seconds": 0}, "token.life_seconds"),
        ({"secret": ""}, "token.secret"),
        ({"base_url": "http://sso.example.edu.cn"}, "token.base_url"),
        ({"base_url": "ftp://sso"}, "token.base_url"),
        ({"path": "/token/{student_number}"}, "token.path"),
        ({"fixed": {"header": {"authorization": "x"}, "form": {}}}, "token.fixed.header.authorization"),
        ({"name": "X-Tenant"}, "fixed.header.X-Tenant"),
        ({"name": "Host"}, "token.name"),
        ({"placed_in": "form"}, "number_in"),
        ({"expired": {}}, "token.expired"),
        ({"typo": 1}, "token.typo"),
    ],
)
def test_a_token_that_cannot_work_is_told_at_start(changes: dict[str, Any], named: str) -> None:
    table = EQUIPMENT | {"base_url": "http://localhost:1", "token": TOKEN | changes}
    faults = list_faults(x=table)
    assert any(fault.startswith(f"connectors.x.{named} ") for fault in faults), faults
    assert not any(SECRET in fault for fault in faults)


def test_an_action_is_repeated_only_where_there_is_a_token() -> None:
    table = {key: value for key, value in EQUIPMENT.items() if key != "token"}
    faults = list_faults(
        x=table
        | {"base_url": "http://localhost:1", "actions": {"return-all": RETURN | {"repeat_after_401": True}}}
    )
    assert faults == ["connectors.x.actions.return-all.repeat_after_401 needs [.token]"]
