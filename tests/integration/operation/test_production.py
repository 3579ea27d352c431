"""`config/production.toml`: unfilled it says what to fill in, and filled in it serves; and what `check-config` warns of."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from app.config_model import MUST_BE_SET, Section, is_secret
from app.connectors.http.client import HttpAction, HttpConfig
from app.factory import create_app
from app.identity.oidc import OidcSettings
from app.identity.settings import ClaimPaths
from app.services.operations.demo_traces import find_demo_traces
from app.settings import SettingsError, load_settings, mini_apps, sections
from tests.campus.client import CampusClient
from tests.campus.run import METRICS_FOLDER, start_service, stop
from tests.config_docs import TABLES, show_default
from tests.conftest import get_free_port
from tests.fixtures.production import PRODUCTION, fill_in, list_demo_secrets, list_marked, make_values
from tests.integration.operation.commands import run_flask
from tests.integration.operation.proxy import require_nginx, running_nginx
from tests.programs import Program
from tests.visitor import APP, ASKS_CONSENT, Visitor

SYSTEMS = ("library_loans", "library_thesis", "archive", "dormitory", "finance")
TODAY = datetime.now(UTC).date()
SEASON = {
    "mini_apps__graduate_departure__opens_on": str(TODAY - timedelta(30)),
    "mini_apps__graduate_departure__closes_on": str(TODAY + timedelta(30)),
}


def make_environment(path: Path) -> dict[str, str]:
    """That of a server with this configuration and nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIXIAO_")}
    kept.pop(METRICS_FOLDER, None)
    return kept | {"LIXIAO_CONFIG": str(path)}


def find_faults(environment: Mapping[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        create_app(load_settings(environment))
    return list(raised.value.faults)


def names(fault: str, key: str) -> bool:
    """Whether a fault is about this key, or about something in its value."""
    return fault.startswith(key) and fault[len(key)] in " .:["


def test_unfilled_it_does_not_start_and_lists_exactly_the_keys_to_fill_in() -> None:
    faults, marked = find_faults(make_environment(PRODUCTION)), list_marked()
    assert len(marked) > 80
    assert [fault for fault in faults if not any(names(fault, key) for key in marked)] == []
    assert [key for key in marked if not any(names(fault, key) for fault in faults)] == []


def list_places() -> Iterator[tuple[str, type[Section]]]:
    """The tables of the file that must be there, each with its declaration."""
    yield from (("service", sections.ServiceSettings), ("database", sections.DatabaseSettings))
    yield from (("slip", sections.SlipSettings), ("sign_in.campus", OidcSettings))
    yield from (
        ("sign_in.campus.claims", ClaimPaths),
        ("mini_apps.graduate_departure", mini_apps.MiniAppSettings),
    )
    yield from ((f"connectors.{name}", HttpConfig) for name in SYSTEMS)
    yield "connectors.library_loans.actions.cancel-card", HttpAction


def list_required(section: type[Section]) -> list[tuple[str, ...]]:
    """The keys that the manual says must be set; one of each suffices."""
    return [
        (key, f"{key}_file") if is_secret(field) else (key,)
        for name, field in section.model_fields.items()
        if field.description and show_default(field) == MUST_BE_SET
        for key in (field.alias or name,)
    ]


def test_every_key_that_must_be_set_is_in_it() -> None:
    data = tomllib.loads(PRODUCTION.read_text(encoding="utf-8"))
    for place, section in list_places():
        table = data
        for part in place.split("."):
            table = table[part]
        missing = [keys for keys in list_required(section) if not set(keys) & table.keys()]
        assert missing in ([], [("university",), ("support",)]), place  # these two have a default in a file


def test_no_section_that_must_be_set_is_left_out() -> None:
    own = {section for _, section in list_places()}
    others = {
        name
        for name, section in TABLES.items()
        if " " not in name and name not in ("manifest", "sign_in", "connectors", "person_keys")
        if section not in own and list_required(section)
    }
    assert others == set()


@pytest.fixture
def filled(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation as a campus has one; nobody is asked."""
    made = {key: secrets.token_urlsafe(32) for key in (*list_demo_secrets(), "service.secret_key")}
    systems = {
        f"connectors__{name}__base_url": f"https://{name.replace('_', '-')}.example.edu.cn"
        for name in SYSTEMS
    }
    own = {
        "service__base_url": "https://lixiao.example.edu.cn",
        "sign_in__campus__issuer": "https://id.example.edu.cn/oidc",
        **SEASON,
    }
    path = tmp_path / "lixiao.toml"
    path.write_text(fill_in(make_values(tmp_path, made, **own, **systems)), encoding="utf-8")
    return make_environment(path)


DEMO_TOKEN = "demo-finance-token"
MEMORY = {"LIXIAO_RATE_LIMIT__STORAGE_URL": "memory://"}
TRACES: dict[str, tuple[dict[str, str], str]] = {
    "plain_http": ({"LIXIAO_SERVICE__BASE_URL": "http://lixiao.example.edu.cn"}, "service.base_url"),
    "loopback": (
        {"LIXIAO_CONNECTORS__FINANCE__BASE_URL": "http://127.0.0.1:8001"},
        "connectors.finance.base_url",
    ),
    "demo_secret": (
        {"LIXIAO_CONNECTORS__FINANCE__CREDENTIAL_FILE": "demo_token"},
        "connectors.finance.credential",
    ),
    "no_consent": ({"LIXIAO_PRIVACY__CONSENT": "false"}, "privacy.consent"),
    "never_fresh": ({"LIXIAO_ROUND__FRESH_SECONDS": "0"}, "round.fresh_seconds"),
    "all_levels": (
        {"LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__LEVELS": "all"},
        "mini_apps.graduate_departure.levels",
    ),
    "long_season": (
        {"LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__CLOSES_ON": "2035-12-31"},
        "mini_apps.graduate_departure is open",
    ),
    "no_proxy": ({"LIXIAO_SERVICE__PROXY_COUNT": "0"}, "service.proxy_count"),
    "long_deadline": (
        {"LIXIAO_CONNECTORS__FINANCE__DEADLINE_SECONDS": "30"},
        "connectors.finance.deadline_seconds is 30, and round.deadline_seconds",
    ),
    "limits_in_memory": ({**MEMORY, "GRANIAN_WORKERS": "2"}, "rate_limit.storage_url"),
}


def find(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    settings = load_settings(environment)
    create_app(settings)
    return list(find_demo_traces(settings, environment))


def test_filled_in_it_has_nothing_of_the_demo(filled: dict[str, str]) -> None:
    assert find(filled) == []
    assert find(filled | {"GRANIAN_WORKERS": "2", METRICS_FOLDER: "/run/lixiao/metrics"}) == []
    assert find(filled | MEMORY | {"GRANIAN_WORKERS": "1"}) == []


@pytest.mark.parametrize("name", TRACES)
def test_what_only_a_demo_has_is_warned_of_by_its_key(
    filled: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo_token").write_text(DEMO_TOKEN)
    Path("demo_token").chmod(0o600)
    changes, key = TRACES[name]
    found = find(filled | changes)
    assert [one for one, _ in found] == [name]
    assert found[0][1].startswith(key)
    assert DEMO_TOKEN not in found[0][1]


def test_a_secret_beside_the_credential_is_looked_at_too(filled: dict[str, str]) -> None:
    within = "LIXIAO_CONNECTORS__FINANCE__SECRETS__GATEWAY__"
    gateway = {"PLACED_IN": "header", "NAME": "X-Gateway", "VALUE": DEMO_TOKEN}
    (found,) = find(filled | {f"{within}{key}": value for key, value in gateway.items()})
    assert (found[0], found[1].split()[0]) == ("demo_secret", "connectors.finance.secrets.gateway.value")
    assert (
        find(filled | {f"{within}{key}": value for key, value in (gateway | {"VALUE": "own-0815"}).items()})
        == []
    )


def test_a_secret_in_the_configuration_file_itself_is_warned_of(
    filled: dict[str, str], tmp_path: Path
) -> None:
    table = "[connectors.finance.secrets.gateway]\nplaced_in = 'header'\nname = 'X-Gateway'\n"
    more = tmp_path / "more.toml"
    more.write_text(f"{table}value = 'own-0815'\n")
    both = {"LIXIAO_CONFIG": os.pathsep.join((filled["LIXIAO_CONFIG"], str(more)))}
    (found,) = find(filled | both)
    assert (found[0], found[1].split()[0]) == ("plain_secret", "connectors.finance.secrets.gateway.value")
    assert "own-0815" not in found[1]
    assert find(filled | both | {"LIXIAO_CONNECTORS__FINANCE__SECRETS__GATEWAY__VALUE": "own-0816"}) == []


@pytest.mark.parametrize("variable", ["WEB_CONCURRENCY", METRICS_FOLDER])
def test_several_workers_are_known_by_what_the_manual_has_them_set(
    filled: dict[str, str], variable: str
) -> None:
    (found,) = find(filled | MEMORY | {variable: "4"})
    assert (found[0], variable in found[1]) == ("limits_in_memory", True)


def test_warnings_keep_nobody_from_starting_but_a_strict_operator(
    filled: dict[str, str], tmp_path: Path
) -> None:
    assert run_flask(filled, "slip-keys", "new").code == 0
    clean = run_flask(filled, "check-config", "--strict", **{METRICS_FOLDER: str(tmp_path)})
    assert (clean.code, "WARNING" in clean.out) == (0, False), clean.out + clean.err
    several = MEMORY | {METRICS_FOLDER: str(tmp_path)}
    warned = run_flask(filled, "check-config", **several)
    assert (warned.code, warned.out.count("WARNING: (limits_in_memory)")) == (0, 1), warned.err
    assert run_flask(filled, "check-config", "--strict", **several).code == 1


def test_filled_in_it_serves_a_student_from_the_sign_in_to_the_slip(
    campus: CampusClient, tmp_path: Path
) -> None:
    """As an installation starts: keys, database, check, two workers behind the example of a proxy."""
    require_nginx()
    campus.reset()
    port, proxy_port = get_free_port(), get_free_port()
    systems = {f"connectors__{name}__base_url": campus.url for name in SYSTEMS}
    own = {
        "service__base_url": f"https://127.0.0.1:{proxy_port}",
        "sign_in__campus__issuer": f"{campus.url}/oidc",
        "rate_limit__storage_url": "memory://",
        **SEASON,
    }
    made = {**list_demo_secrets(), "service.secret_key": secrets.token_hex(32)}
    path = tmp_path / "lixiao.toml"
    path.write_text(fill_in(make_values(tmp_path, made, **own, **systems)), encoding="utf-8")
    environment = make_environment(path) | {METRICS_FOLDER: str(tmp_path / "metrics")}
    for words in (("slip-keys", "new"), ("db", "upgrade"), ("check-config",)):
        done = run_flask(environment, *words)
        assert done.code == 0, done.err
    with (tmp_path / "log").open("ab") as log:
        process = start_service(environment, port, 2, log.fileno(), launch=Program)
    try:
        with running_nginx(tmp_path / "nginx", port, proxy_port) as certificate:
            visitor = Visitor(f"https://127.0.0.1:{proxy_port}")
            visitor.http.trust_env = False
            visitor.http.verify = str(certificate)
            first = visitor.arrive("TS23000002")
            assert ASKS_CONSENT in first.text
            visitor.consent(first)
            assert visitor.submit().status_code == 303
            slip = urlsplit(visitor.get(f"{APP}/submission").url).path
            assert slip.startswith("/slips/LX")
            assert visitor.get(f"{slip}.pdf").content.startswith(b"%PDF")
            ready = requests.get(f"{visitor.url}/readyz", verify=str(certificate), timeout=30)
            assert ready.json()["status"] == "ready"
    finally:
        stop(process)
