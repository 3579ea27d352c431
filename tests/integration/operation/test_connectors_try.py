"""`flask connectors try`: an operator's first hour with a department system. Against real systems of every kind."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from app.connectors.base import FailureCode
from app.factory import create_app
from app.services.operations.fault_advice import ADVICE
from app.settings import load_settings
from tests.campus.client import PROJECT, CampusClient, running_campus
from tests.campus.credentials import DEMO
from tests.campus.run import DATABASE, make_environment
from tests.conftest import get_free_port
from tests.fixtures.key_examples import make_views
from tests.fixtures.templates import prepare
from tests.integration.test_person_keys import CONFIG, DEPARTMENT

STUDENT, OTHER = "TS23000005", "TS23000002"
IDENTITY = "11010119990101001X"
FURTHER = """
[person_keys.identity_number]
label = "身份证号"
contact = "户籍室"
connector = "identity_view"
fact = "identity_number"

[connectors.identity_view]
kind = "sql"
url = "sqlite:///{views}"
statement = "SELECT xh, upper(sfzh) AS sfzh, gxsj FROM ryxx WHERE xh = :student_number"
keys_statement = "SELECT DISTINCT upper(trim(sfzh)) FROM ryxx"
number_column = "xh"
rows = "one"
no_record = "never"
freshness_column = "gxsj"
time_zone = "UTC"
fresh_for_minutes = 60

[connectors.identity_view.fields]
identity_number = {{ path = "sfzh", type = "text" }}

[connectors.household]
kind = "http_json"
asked_by = "identity_number"
base_url = "{url}"
path = "/systems/household/people"
method = "GET"
number_in = "query"
number_name = "sfzh"
credential_in = "none"
success = {{ code = 0 }}
echo = "sfzh"
rows_path = "items"
rows = "one"
no_record = "never"

[connectors.household.fields]
state = {{ path = "state", type = "text", known = ["已迁出"] }}

[connectors.nowhere]
kind = "http_json"
base_url = "http://127.0.0.1:9"
path = "/x"
method = "GET"
number_in = "query"
number_name = "xh"
credential_in = "header"
credential_name = "Authorization"
credential_prefix = "Bearer "
credential = "a-secret-of-nowhere"
success = {{ code = 0 }}
echo = "xh"
rows_path = "items"
rows = "one"
no_record = "never"
fields = {{ state = {{ path = "state", type = "text" }} }}

[connectors.wrong_tls]
kind = "http_json"
base_url = "https://{host}"
path = "/systems/finance/arrears"
method = "GET"
number_in = "query"
number_name = "xh"
credential_in = "none"
success = {{ code = 0 }}
echo = "xh"
rows_path = "items"
rows = "one"
no_record = "never"
fields = {{ state = {{ path = "state", type = "text" }} }}

[connectors.equipment]
kind = "http_json"
base_url = "{url}"
path = "/systems/equipment/api/loans"
method = "POST"
number_in = "json"
number_name = "data.filter.xh"
credential_in = "none"
success = {{ code = 0 }}
echo = "data.xh"
rows_path = "data.items"
rows = "many"
no_record = "empty"
complete = "the system sends all"
fixed.header = {{ X-Tenant = "graduate" }}
secrets.gateway = {{ placed_in = "header", name = "X-Gateway", value = "a-pass-of-the-gateway" }}
fields = {{ state = {{ path = "state", type = "text" }} }}

[connectors.equipment.token]
path = "/systems/equipment/oauth/token"
method = "POST"
fixed.form = {{ grant_type = "client_credentials" }}
credentials_in = "basic"
id = "lixiao-equipment"
secret = "demo-equipment-secret"
token_path = "data.access_token"
life_path = "data.expires_in"
placed_in = "header"
name = "Authorization"
prefix = "Bearer "

[connectors.hall]
kind = "desk"
number_column = "学号"
no_record = "never"
fields = {{ done = {{ path = "办结", type = "flag" }} }}
"""
HOUSEHOLD = """
[household]
title = "户籍"
path = "/people"
method = "GET"
number_in = "query"
number_name = "sfzh"
credential_in = "none"
known_as = { TS23000002 = ["11010119990101001X"], TS23000003 = ["110101199901010036"] }
answer = '{"code": 0, "sfzh": "{number}", "name": "李文静", "items": "{records}"}'
record = '{"state": "{state}", "phone": "13800000000"}'
error = '{"code": 5}'
facts = { state = { label = "状态", choices = ["已迁出"], usual = "已迁出" } }
"""


class Place:
    """An installation at a campus; `run` is `flask connectors`."""

    def __init__(self, folder: Path, campus: CampusClient, sip2_port: int) -> None:
        views, config = folder / "views.sqlite3", folder / "config.toml"
        make_views(views)
        further = FURTHER.format(views=views, url=campus.url, host=campus.url.removeprefix("http://"))
        sip2 = (PROJECT / "config" / "demo_sip2.toml").read_text(encoding="utf-8")
        config.write_text(CONFIG + further + sip2, encoding="utf-8")
        departments = folder / "departments.toml"
        self.environment = make_environment(folder, 1, campus.url, [config], [departments]) | {
            "LIXIAO_CONNECTORS__LIBRARY_SIP2__PORT": str(sip2_port),
            "LIXIAO_CONNECTORS__LIBRARY_SIP2__LOGIN_PASSWORD": DEMO.library_loans_token,
            "LIXIAO_CONNECTORS__ARCHIVE__DEADLINE_SECONDS": "0.4",
        }
        self.campus, self.database, self.views = campus, folder / DATABASE, views
        prepare(self.environment)
        self.app = create_app(load_settings(self.environment))

    def run(self, *words: str) -> Result:
        return self.app.test_cli_runner().invoke(args=["connectors", *words])

    def count(self, table: str) -> int:
        with sqlite3.connect(self.database) as connection:
            found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        connection.close()
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, port = tmp_path_factory.mktemp("try"), get_free_port()
    (folder / "departments.toml").write_text(DEPARTMENT + HOUSEHOLD, encoding="utf-8")
    options = ("--departments", str(folder / "departments.toml"), "--sip2-port", str(port))
    with running_campus(0, *options) as campus:
        yield Place(folder, campus, port)


@pytest.fixture
def place(running: Place) -> Place:
    running.campus.reset()
    return running


def test_an_answer_that_is_understood_is_shown_from_the_request_to_the_steps(place: Place) -> None:
    done = place.run("try", "finance", "TS23000008")
    assert done.exit_code == 0, done.output
    for line in (
        f"→ POST {place.campus.url}/systems/finance/arrears",
        "← HTTP 200 OK",
        "success  at code stands 0: holds",
        'echo  at data.card_number stands "TS23000008": the number asked for',
        "rows  at data.arrears stands a list of 2",
        '  amount  at arrear_amount stands "50000": understood as "500.00"',
        "understood: 2 record(s)",
        "step graduate_departure.finance: outstanding: 共欠款 ¥800.00",
    ):
        assert line in done.output, line


def test_no_secret_is_shown_in_any_place_not_even_raw(place: Place) -> None:
    names = ("library_loans", "library_thesis", "archive", "dormitory", "finance", "library_sip2", "nowhere")
    secrets = [*DEMO.of_systems.values(), "a-secret-of-nowhere"]
    for name in names:
        for options in ((), ("--raw",)):
            output = place.run("try", name, OTHER, *options).output
            assert [secret for secret in secrets if secret in output] == [], name
            assert "‹secret›" in output or "‹hidden›" in output, name
    assert "sign=‹hidden›" in place.run("try", "archive", OTHER, "--raw").output


@pytest.mark.parametrize("options", [(), ("--raw",)])
def test_neither_a_further_secret_nor_a_token_that_a_system_gave_is_shown(
    place: Place, options: tuple[str, ...]
) -> None:
    """The office's tokens are named token-1, token-2, …"""
    place.campus.set_equipment_fault()
    done = place.run("try", "equipment", OTHER, *options)
    assert done.exit_code == 0, done.output
    assert "X-Gateway: ‹secret›" in done.output
    assert "Authorization: Bearer ‹token›" in done.output
    assert "token-" not in done.output
    assert "a-pass-of-the-gateway" not in done.output


def test_a_token_that_cannot_be_had_is_told_with_what_to_do(place: Place) -> None:
    place.campus.set_equipment_fault("token_refused")
    done = place.run("try", "equipment", OTHER)
    assert done.exit_code == 1
    assert "unavailable: token_refused: the call for a token was refused" in done.output


def test_values_that_nobody_configured_are_masked_unless_they_are_wanted(place: Place) -> None:
    masked, raw = place.run("try", "household", OTHER), place.run("try", "household", OTHER, "--raw")
    assert (masked.exit_code, raw.exit_code) == (0, 0), masked.output
    for text in ("李文静", "13800000000", IDENTITY):
        assert text not in masked.output
        assert text in raw.output
    assert '"name": "‹text of 3›"' in masked.output
    assert "sfzh=‹identity_number›" in masked.output
    assert '"sfzh": "‹identity_number›"' in masked.output
    assert '"state": "已迁出"' in masked.output
    assert "personal data" in raw.output
    assert "personal data" not in masked.output


def test_a_view_is_shown_with_its_statement_and_rows(place: Place) -> None:
    done = place.run("try", "identity_view", OTHER)
    assert done.exit_code == 0, done.output
    assert "SELECT xh, upper(sfzh) AS sfzh, gxsj FROM ryxx" in done.output
    assert "← 1 row(s)" in done.output
    assert IDENTITY not in done.output.upper()
    assert "no step is answered by it" in done.output
    nobody = place.run("try", "identity_view", "TS23000099")
    assert (nobody.exit_code, "unavailable: no_rows: there is no row" in nobody.output) == (1, True)


def test_a_library_is_shown_message_by_message(place: Place) -> None:
    done = place.run("try", "library_sip2", "TS23000003")
    assert done.exit_code == 0, done.output
    assert "→ SIP2 message 93" in done.output
    assert "→ SIP2 message 63" in done.output
    assert "AATS23000003|" in done.output
    assert '  fine  at BV stands "12.50": understood as "12.50"' in done.output
    assert "王浩然" not in done.output


def test_a_desk_says_that_nothing_went_out(place: Place) -> None:
    done = place.run("try", "hall", STUDENT)
    assert done.exit_code == 1
    assert "no request: what clerks recorded in this service's own database" in done.output
    assert "  done  at 办结: not reached" in done.output


def test_a_key_of_the_sign_in_is_given_by_hand(place: Place) -> None:
    without = place.run("try", "card_archive", STUDENT)
    assert (without.exit_code, "unavailable: no_key (card_number): " in without.output) == (1, True)
    assert "no request went out" in without.output
    done = place.run("try", "card_archive", STUDENT, "--key", "card_number=83000005")
    assert done.exit_code == 0, done.output
    assert "/systems/card_archive/‹card_number›" in done.output
    assert 'echo  at card stands "‹card_number›": the number asked for' in done.output
    assert "83000005" not in done.output
    assert place.run("try", "card_archive", STUDENT, "--key", "card=1").exit_code == 2


def test_a_key_that_nothing_would_use_is_not_taken_without_a_word(place: Place) -> None:
    told = place.run("try", "household", OTHER, "--key", f"identity_number={IDENTITY}")
    assert told.exit_code == 2
    assert "identity_number is told by the connector identity_view" in told.output
    assert IDENTITY not in told.output
    unused = place.run("try", "finance", OTHER, "--key", "card_number=83000005")
    assert (unused.exit_code, "finance is not asked by card_number" in unused.output) == (2, True)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("html_login", "unavailable: content_type: the Content-Type is not that of the format: an HTML page"),
        ("http_401", "unavailable: credential_refused: the credential was refused"),
        ("redirect", "unavailable: redirect: it leads elsewhere"),
        ("timeout", "unavailable: timeout: no whole answer came in time"),
        ("error_envelope", "success  at errno stands 50001: does not hold: wanted 0"),
        ("wrong_student", "unavailable: wrong_student: the number that comes back is not the number asked"),
        (
            "missing_fields",
            "  state  at lwzt stands nothing: not understood, missing_field: a path leads nowhere",
        ),
        ("unknown_value", "not understood, unknown_value: the text is not among the known ones"),
        ("bad_json", "unavailable: not_json: the body is not in the format"),
        ("http_500", "unavailable: server_error: the system failed by itself"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(place: Place, fault: str, told: str) -> None:
    place.campus.set_fault("archive", fault)
    done = place.run("try", "archive", STUDENT)
    assert done.exit_code == 1
    assert told in done.output, done.output


def test_a_host_that_is_not_there_and_a_wrong_tls_are_told(place: Place) -> None:
    nowhere = place.run("try", "nowhere", STUDENT)
    assert nowhere.exit_code == 1
    assert "← no answer: Cannot connect to host 127.0.0.1:9" in nowhere.output
    assert "unavailable: unreachable: the host is there, and nothing listens" in nowhere.output
    wrong = place.run("try", "wrong_tls", STUDENT)
    assert (wrong.exit_code, "unavailable: tls: what answers on this port speaks no TLS" in wrong.output) == (
        1,
        True,
    )


def test_nothing_is_changed_but_that_the_audit_knows_who_looked(place: Place) -> None:
    before = place.count("audit_events")
    assert place.run("try", "finance", STUDENT, "--raw", "--by", "00420014").exit_code == 0
    assert place.count("known_answers") == 0
    with sqlite3.connect(place.database) as connection:
        query = "SELECT kind, actor, subject, details FROM audit_events ORDER BY id DESC LIMIT 1"
        kind, actor, subject, details = connection.execute(query).fetchone()
    connection.close()
    assert (kind, actor.split()[0], subject) == ("connector_tried", "00420014", STUDENT)
    told = json.loads(details)
    assert (told["connector"], told["raw"]) == ("finance", True)
    assert "keyboard" in told
    assert place.count("audit_events") == before + 1


def test_where_the_audit_cannot_note_it_nothing_is_asked(place: Place, tmp_path: Path) -> None:
    kept = tmp_path / "kept.sqlite3"
    shutil.copy(place.database, kept)
    with sqlite3.connect(place.database) as connection:
        connection.execute("ALTER TABLE audit_events RENAME TO gone")
    connection.close()
    try:
        done = place.run("try", "finance", STUDENT)
    finally:
        with sqlite3.connect(place.database) as connection:
            connection.execute("ALTER TABLE gone RENAME TO audit_events")
        connection.close()
    assert done.exit_code == 1
    assert place.campus.calls("finance") == []


def test_the_list_says_what_is_asked_by_what_and_for_which_step(place: Place) -> None:
    output = place.run("list").output
    assert "card_archive  http_json  by card_number" in output
    assert "  steps  graduate_departure.archive" in output
    unknown = place.run("try", "archives", STUDENT)
    assert (unknown.exit_code, "there is no connector archives: there are " in unknown.output) == (1, True)


def test_a_key_in_another_form_is_told_by_its_name_and_not_shown(place: Place, tmp_path: Path) -> None:
    views, kept = place.views, tmp_path / "kept.sqlite3"
    shutil.copy(views, kept)
    with sqlite3.connect(views) as connection:
        connection.execute("UPDATE ryxx SET sfzh = sfzh || ' '")
    connection.close()
    try:
        tried = [place.run("try", name, OTHER) for name in ("household", "identity_view")]
    finally:
        shutil.copy(kept, views)
    for done in tried:
        assert done.exit_code == 1
        assert "unavailable: malformed_key" in done.output, done.output
        assert (
            "pattern of [person_keys.identity_number]; one that a connector tells must stand" in done.output
        )
        assert "as upper(trim(...))" in done.output
        assert IDENTITY not in done.output.upper()
        assert "<name>" not in done.output
    assert "malformed_key (identity_number): " in tried[0].output


def test_every_fault_has_its_advice() -> None:
    assert set(ADVICE) == set(FailureCode)
