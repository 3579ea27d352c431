"""`flask check-config`, and what keeps the service from starting."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import get_origin

import pytest

from app.config_model import Secret, Section, read
from app.connectors.base import UntrustedAnswer
from app.connectors.sql.rows import require_folded
from app.documents.fonts import list_font_files
from app.domain.person import USUAL_PATTERN, NumberForm
from app.factory import create_app
from app.settings import SettingsError, load_settings
from app.version import VERSION
from tests.campus.accounts import DEMO_ACCOUNTS
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.config_docs import TABLES
from tests.conftest import get_free_port
from tests.fixtures.finance_view import FRAGMENT, make_finance_view
from tests.fixtures.seals import draw_seal
from tests.fixtures.templates import prepare
from tests.integration.operation.commands import run_flask

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installation that is ready to start, whose departments and sign-in are not there."""
    made = make_environment(tmp_path_factory.mktemp("installation"), get_free_port(), NOBODY)
    prepare(made)
    return made


def test_a_usable_configuration_is_summed_up_without_its_secrets(environment: dict[str, str]) -> None:
    done = run_flask(environment, "check-config")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("the configuration is usable\n")
    for words in ("finance <- finance (http_json)", "campus: oidc", "one SQLite file", "key 1 signs"):
        assert words in done.out
    assert f"version      {VERSION} (" in done.out
    secret = Path(environment["LIXIAO_SERVICE__SECRET_KEY_FILE"]).read_text()
    passwords = [value for key, value in environment.items() if key.endswith(("CREDENTIAL", "CLIENT_SECRET"))]
    assert len(passwords) == 6
    assert not any(hidden in done.out for hidden in (secret, *passwords))


def test_office_statement_and_seal_of_slips_are_told(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "seal.png"
    path.write_bytes(draw_seal())
    own = "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__SEAL"
    for value, stamp in (
        (str(path), f"the seal of SHA-256 {sha256(draw_seal()).hexdigest()}"),
        ("", "a place for a stamp"),
    ):
        done = run_flask(environment, "check-config", **{own: value})
        told = f"slip issued by 中国矿业大学研究生院 with {stamp}: 该生已办结"
        assert told in done.out, done.out + done.err


def test_all_mistakes_are_told_at_once_and_nothing_else(environment: dict[str, str]) -> None:
    wrong = {
        "LIXIAO_SERVICE_BASE_URL": "http://one-underscore.example",
        "LIXIAO_SERVICE__COLOUR": "blue",
        "LIXIAO_DATABASE__URL": "mysql://lixiao:hunter2@host/db",
        "LIXIAO_RATE_LIMIT__STORAGE_URL": "redisx://:hunter2@host",
        "LIXIAO_CONNECTORS__FINANCE__KIND": "telepathy",
        "LIXIAO_SIGN_IN__CAMPUS__ISSUER": "ftp://campus",
        "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__FOLDER": "tests/nowhere",
        "LIXIAO_SLIP__KEYS": "tests/nowhere",
        "LIXIAO_RETENTION__AUDIT_DAYS": "30",
    }
    done = run_flask(environment, "check-config", **wrong)
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err
    assert done.err.startswith("the configuration is not usable:\n")
    for words in (
        "LIXIAO_SERVICE_BASE_URL is no variable",
        "service.colour is not a known key",
        "database.url must begin with",
        "rate_limit.storage_url is unknown",
        "connectors.finance.kind must be one of",
        "sign_in.campus.issuer",
        "manifest.toml cannot be read",
        "slip.keys: ",
        "retention.audit_days must be from 180",
    ):
        assert words in done.err, words
    assert "hunter2" not in done.err


def list_keys(name: str) -> list[str]:
    """The keys of a section but inner tables, and its kind, which is told alone; each as a variable."""
    inner = {
        "sign_in": "sign_in__campus",
        "mini_apps": "mini_apps__graduate_departure",
        "connectors": "connectors__finance",
    }
    return [
        f"LIXIAO_{inner.get(name, name)}__{key}".upper()
        for key, field in TABLES[name].model_fields.items()
        if field.description and get_origin(field.annotation) is not Mapping and key != "kind"
    ]


@pytest.mark.parametrize("name", [name for name in TABLES if " " not in name and name != "manifest"])
def test_whatever_is_wrong_is_told_and_nothing_breaks(environment: dict[str, str], name: str) -> None:
    keys = list_keys(name)
    sound = {variable: text for variable, text in environment.items() if variable not in keys}
    settings = load_settings({**sound, **{f"{key}__NO": "such" for key in keys}})
    with pytest.raises(SettingsError) as raised:
        create_app(settings)
    for key in keys:
        assert key.removeprefix("LIXIAO_").replace("__", ".").lower() in str(raised.value)


def test_a_connector_that_is_no_table_keeps_nothing_else_from_being_told(environment: dict[str, str]) -> None:
    sound = {name: text for name, text in environment.items() if "__ARCHIVE__" not in name}
    wrong = {"LIXIAO_CONNECTORS__ARCHIVE": "1", "LIXIAO_CONNECTORS__FINANCE__ROWS": "few"}
    with pytest.raises(SettingsError) as raised:
        create_app(load_settings({**sound, **wrong}))
    assert raised.value.faults == (
        "connectors.archive must be a table",
        "connectors.finance.rows must be one of one, many",
    )


def test_canary_students_that_cannot_be_read_are_not_missed_too(environment: dict[str, str]) -> None:
    settings = load_settings({**environment, f"{CANARIES}__FINANCE__FAILS": ""})
    with pytest.raises(SettingsError) as raised:
        create_app(settings)
    assert raised.value.faults == ("mini_apps.graduate_departure.canaries.finance.fails names nobody",)


def test_what_could_never_work_is_told_at_once_by_key(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(NEVER_WORKS, encoding="utf-8")
    files = os.pathsep.join((environment["LIXIAO_CONFIG"], str(path)))
    done = run_flask(
        environment,
        "check-config",
        LIXIAO_CONFIG=files,
        LIXIAO_CONNECTORS__LIBRARY_SIP2__LOGIN_PASSWORD="x1y2",
    )
    assert (done.code, done.out) == (1, "")
    for words in (
        "connectors.library_sip2.actions.cancel-card.confirmed rests on what the reader is denied",
        "connectors.library_sip2.fields.card_status rests on what the reader is denied",
        "connectors.dormitory.fields.checkout_date.type is flag, and the manifest has day",
        "connectors.archive.fields.state never yields 已审核",
        "connectors.debts.rows is many: name what proves that no row is missing",
        "connectors.debts.fields lack amount, which the rule reads",
        "mini_apps.library_card.levels is missing",
        "connectors.library_loans.actions.cancel-card is offered by no step",
        "answers.typo is not a known key",
    ):
        assert words in done.err, (words, done.err)
    assert done.err.count("\n  - ") == 9, done.err


NEVER_WORKS = """
[answers]
typo = 1

[mini_apps.graduate_departure.steps]
library_loans = "library_sip2"
finance = "debts"

[mini_apps.library_card]
folder = "tests/fixtures/mini_apps/library_card"
period = "2026-06"
period_title = "2026"
opens_on = "2026-01-01"
closes_on = "2035-12-31"
steps = { loans = "library_loans" }

[connectors.dormitory.fields.checkout_date]
type = "flag"

[connectors.archive.fields.state]
known = ["已提交"]

[connectors.debts]
kind = "http_json"
base_url = "http://127.0.0.1:9"
path = "/debts"
method = "GET"
number_in = "query"
number_name = "no"
credential_in = "none"
success = { code = 0 }
echo = "no"
rows_path = "rows"
rows = "many"
no_record = "empty"
fields = { project = { path = "project", type = "text" }, deferred = { path = "a", type = "money", unit = "yuan" }, reduced = { path = "b", type = "money", unit = "yuan" }, loan = { path = "c", type = "money", unit = "yuan" } }

[connectors.library_sip2]
kind = "sip2"
host = "127.0.0.1"
port = 6001
tls = false
login_user = "lixiao"
encoding = "utf-8"
question = "information"
success = { BL = "Y" }
no_record = "never"
currency = "CNY"
groups.blocked = ["charge_denied", "renewal_denied", "recall_denied", "hold_denied"]

[connectors.library_sip2.fields]
overdue_books = { path = "charged_items", type = "count" }
fine = { path = "BV", type = "money", unit = "yuan" }
violations = { path = "overdue_items", type = "count" }
card_status = { path = "blocked.extent", type = "text", values = { all = "cancelled", none = "active" } }

[connectors.library_sip2.actions.cancel-card]
confirmed = { BL = "Y", blocked.extent = "all" }
"""


def test_files_that_cannot_be_read_are_told_together(environment: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[service\n")
    files = os.pathsep.join(("no-such-file.toml", str(broken)))
    done = run_flask(environment, "check-config", LIXIAO_CONFIG=files)
    assert done.code == 1
    assert "no-such-file.toml cannot be read" in done.err
    assert "broken.toml cannot be read" in done.err
    assert "is missing" not in done.err


def test_keys_that_others_can_read_are_told_without_a_traceback(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    assert run_flask(environment, "slip-keys", "new", LIXIAO_SLIP__KEYS=str(folder)).code == 0
    assert run_flask(environment, "check-config", LIXIAO_SLIP__KEYS=str(folder)).code == 0
    (folder / "1.pem").chmod(0o644)
    done = run_flask(environment, "check-config", LIXIAO_SLIP__KEYS=str(folder))
    assert done.code == 1
    assert "1.pem is open to others" in done.err
    assert "Traceback" not in done.err


def test_a_certificate_that_is_none_is_told_without_a_traceback(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "seal.p12"
    path.write_bytes(b"no certificate")
    path.chmod(0o600)
    done = run_flask(environment, "check-config", LIXIAO_SLIP__P12_FILE=str(path))
    assert (done.code, "seal.p12" in done.err, "Traceback" in done.err) == (1, True, False), done.err


def test_a_secret_file_counts_only_while_it_is_its_owners_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    outcomes = {}
    for mode in (0o600, 0o400, 0o640, 0o604, 0o644):
        path.chmod(mode)
        outcomes[mode] = run_flask(environment, "check-config", LIXIAO_SERVICE__SECRET_KEY_FILE=str(path))
    assert [done.code for done in outcomes.values()] == [0, 0, 1, 1, 1]
    assert "service.secret_key_file names a file that is open to others (mode 0644)" in outcomes[0o644].err
    assert "0123456789abcdef" not in outcomes[0o644].err


class Hidden(Section):
    key: Secret


@pytest.mark.parametrize(
    ("value", "is_sample"),
    [
        ("change-me-change-me-change-me-change-me", True),
        ("CHANGEME", True),
        ("postgresql+psycopg://lixiao:change_me@db/lixiao", True),
        ("please replace this with something long", True),
        ("your-secret-key-your-secret-key-1234", True),
        ("x" * 40, True),
        ("ab" * 20, True),
        ("9f86d081884c7d659a2feaa0c55ad015", False),
        ("postgresql+psycopg://lixiao:h7-Qk2@db/lixiao", False),
        ("demo-finance-token", False),
    ],
)
def test_samples_are_no_secrets(value: str, is_sample: bool) -> None:
    faults: list[str] = []
    read(Hidden, {"key": value}, "service", faults)
    assert bool(faults) is is_sample
    assert not any(value in fault for fault in faults)


def test_a_server_that_may_not_start_ends_with_the_same_one_message(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(get_free_port())]
    # No --respawn-failed-workers: with it, granian gives up only where loading fails within 5.5 seconds.
    command += ["--blocking-threads", "4", "wsgi:app"]
    wrong = {**environment, "LIXIAO_SERVICE__SECRET_KEY_FILE": "/no/such/file"}
    ended = subprocess.run(
        command, cwd=PROJECT, env=wrong, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode != 0
    assert "service.secret_key_file names a file that cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr


CANARIES = "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__CANARIES"


def test_facts_that_no_failing_canary_student_shows_are_told(environment: dict[str, str]) -> None:
    assert "WARNING: no failing one" not in run_flask(environment, "check-config").out
    done = run_flask(environment, "check-config", **{f"{CANARIES}__LIBRARY_LOANS__FAILS": "TS00000002"})
    assert done.code == 0
    assert "WARNING: no failing one for overdue_books, fine, violations, card_status" in done.out


def test_a_canary_student_for_a_fact_that_keeps_nobody_from_passing_is_refused(
    environment: dict[str, str],
) -> None:
    done = run_flask(environment, "check-config", **{f"{CANARIES}__DORMITORY__FAILS__ROOM": "TS00000002"})
    assert done.code == 1
    assert "canaries.dormitory.fails.room is no fact that keeps anybody from passing" in done.err


def test_without_canary_students_a_step_that_passes_without_a_record_does_not_start(
    environment: dict[str, str], tmp_path: Path
) -> None:
    text = Path(environment["LIXIAO_CONFIG"]).read_text(encoding="utf-8")
    bare = tmp_path / "bare.toml"
    bare.write_text(text.replace('finance = { passes = "TS00000001", fails = "TS00000002" }\n', ""))
    done = run_flask(environment, "check-config", LIXIAO_CONFIG=str(bare))
    assert done.code == 1
    assert "canaries.finance is missing: without a record the step passes" in done.err
    never = run_flask(
        environment, "check-config", LIXIAO_CONFIG=str(bare), LIXIAO_CONNECTORS__FINANCE__NO_RECORD="never"
    )
    assert never.code == 0, never.err


def test_a_file_that_is_no_font_is_a_mistake_among_the_others(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "letters.ttf"
    path.write_text("no font at all", encoding="utf-8")
    fonts = {"LIXIAO_SLIP__FONTS": str(path)}
    done = run_flask(environment, "check-config", LIXIAO_SERVICE__COLOUR="blue", **fonts)
    assert (done.code, done.out, done.err.count("\n  - ")) == (1, "", 2)
    assert f"slip.fonts names no font that can be read: {path}" in done.err
    # The control: a font is taken.
    path.write_bytes(next(one.path for one in list_font_files(()) if one.face == 0).read_bytes())
    assert run_flask(environment, "check-config", **fonts).code == 0


def test_a_view_read_with_a_pattern_that_admits_anything_is_warned_of(
    environment: dict[str, str], tmp_path: Path
) -> None:
    view = make_finance_view(tmp_path / "finance.sqlite3")
    files = os.pathsep.join((environment["LIXIAO_CONFIG"], str(FRAGMENT)))
    changes = {"LIXIAO_CONFIG": files, **view.environment}
    of_demo = run_flask(environment, "check-config", **changes)
    assert (of_demo.code, "WARNING: finance_view" in of_demo.out) == (0, False), of_demo.err
    warned = run_flask(environment, "check-config", LIXIAO_NUMBERS__PATTERN=USUAL_PATTERN, **changes)
    assert (warned.code, "WARNING: finance_view is a view" in warned.out) == (0, True)


@pytest.mark.parametrize("number", ["TSO3000001", "23000008", "TS2300000", "XS23000008"])
def test_the_demo_s_pattern_makes_a_damaged_number_a_fault_of_the_view(number: str) -> None:
    numbers = tomllib.loads(FRAGMENT.read_text(encoding="utf-8"))["numbers"]
    form = NumberForm(numbers["pattern"])
    accounts = [account.number for account in DEMO_ACCOUNTS]
    require_folded(form, [(sound,) for sound in (*accounts, "TS00000001", "TS00000002")])
    with pytest.raises(UntrustedAnswer):
        require_folded(form, [(number,)])
    # The control: with the usual pattern the row is nobody's, and its student clear.
    require_folded(NumberForm(), [(number,)])
