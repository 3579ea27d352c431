"""`flask doctor` finds what is wrong with an installation, and only that."""

from __future__ import annotations

import ctypes
import re
import shutil
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine

from app.documents.certificate import read_credentials
from app.documents.pdf_signature import FileSigner
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.health import _check_period
from app.services.operations.host_checks import _check_redis, check_clock, check_disk
from app.services.operations.slip_checks import check_certificate, check_keys
from tests.conftest import Service
from tests.fixtures.certificates import PASSWORD, make_p12
from tests.fixtures.office import Office
from tests.integration.operation.commands import Done, run_flask


def list_faults(done: Done) -> list[str]:
    """The areas with a fault."""
    return [line[7:43].strip() for line in done.out.splitlines() if line.startswith("FAULT")]


def test_a_healthy_installation_has_nothing_to_complain_of(service: Service) -> None:
    done = run_flask(service.environment, "doctor")
    assert (done.code, list_faults(done)) == (0, [])
    for words in (
        "journal wal, synchronous 2",
        "key 1 signs",
        "clock agrees",
        "GiB free",
        "lets the right canary",
        "counted in memory, by each worker for itself",
        "open until ",
        "the key that signs has been valid for ",
        "phone numbers or addresses of library_loans, library_thesis, archive, dormitory, finance are examples",
    ):
        assert words in done.out


def test_departments_that_fail_or_answer_everybody_alike_are_faults(service: Service) -> None:
    service.campus.set_fault("finance", "http_500")
    service.campus.set_fault("library_thesis", "http_401")
    service.campus.set_fault("archive", "empty")
    done = run_flask(service.environment, "doctor")
    assert done.code == 1
    assert list_faults(done) == [
        f"graduate_departure {key}" for key in ("library_thesis", "archive", "finance")
    ]
    assert "finance does not answer: server_error" in done.out
    assert "library_thesis does not answer: credential_refused" in done.out
    assert "Traceback" not in done.err


def test_every_local_fault_is_told_at_once(service: Service, tmp_path: Path) -> None:
    exposed = tmp_path / "exposed"
    exposed.mkdir()
    exposed.chmod(0o755)
    (exposed / "lixiao.sqlite3").touch(0o644)
    wrong = {
        "LIXIAO_DATABASE__URL": f"sqlite:///{exposed}/lixiao.sqlite3",
        "LIXIAO_SLIP__KEYS": str(exposed),
        "LIXIAO_SIGN_IN__CAMPUS__ISSUER": "http://127.0.0.1:9/oidc",
    }
    done = run_flask(service.environment, "doctor", **wrong)
    assert done.code == 1
    keys = {"slip keys", "rows", "row keys and codes"}
    assert set(list_faults(done)) == keys | {"database", "files", "sign-in campus"}
    assert "the database is empty" in done.out
    assert "can be reached by other users" in done.out


def test_a_certificate_that_cannot_be_used_is_a_fault(service: Service, tmp_path: Path) -> None:
    wrong = tmp_path / "certificate.p12"
    wrong.write_bytes(b"no certificate")
    wrong.chmod(0o600)
    done = run_flask(service.environment, "doctor", LIXIAO_SLIP__P12_FILE=str(wrong))
    assert (done.code, list_faults(done)) == (1, ["slip certificate"])


def test_a_certificate_that_ends_soon_is_told_beforehand(office: Office, tmp_path: Path) -> None:
    for days, severity in ((29, "note"), (300, "fits")):
        p12 = make_p12(tmp_path, "ec", ends=timedelta(days=days, hours=1))
        signer = FileSigner(read_credentials(p12.path, PASSWORD, get_now()))
        slip = office.installation.settings.slip.model_copy(update={"p12_file": p12.path})
        settings = replace(office.installation.settings, slip=slip)
        installation = Installation(settings, office.installation.mini_apps)
        installation.__dict__["file_signer"] = signer
        (finding,) = check_certificate(installation)
        assert (str(finding.fit), f"valid for {days} more" in finding.message) == (severity, True)


def test_a_database_that_is_not_there_is_told_and_not_made(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "lixiao.sqlite3"
    done = run_flask(service.environment, "doctor", LIXIAO_DATABASE__URL=f"sqlite:///{path}")
    assert "there is no database yet" in done.out
    assert not path.exists()


def test_a_broken_database_is_a_fault_in_words_and_the_rest_is_looked_at(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "lixiao.sqlite3"
    path.write_bytes(b"no database at all" * 1000)
    path.chmod(0o600)
    done = run_flask(service.environment, "doctor", LIXIAO_DATABASE__URL=f"sqlite:///{path}")
    assert done.code == 1
    assert "database" in list_faults(done)
    assert (
        "database                            cannot be looked at: the database file is no SQLite" in done.out
    )
    assert "lets the right canary" in done.out
    assert "Traceback" not in done.out + done.err


def tell(service: Service, area: str, **changes: str) -> list[str]:
    """What doctor says of an area, each as severity and message."""
    done = run_flask(service.environment, "doctor", **changes)
    assert "Traceback" not in done.out + done.err
    lines = [line for line in done.out.splitlines() if line[7:43].strip() == area]
    return [f"{line[:7].strip()} {line[43:]}" for line in lines]


def test_redis_is_asked_for_an_answer_and_the_time(service: Service, redis_url: str) -> None:
    answers, clock = tell(service, "limits", LIXIAO_RATE_LIMIT__STORAGE_URL=redis_url)
    assert re.fullmatch(r"(fits|note) Redis answers in [0-9.]+ ms.*", answers)
    assert re.fullmatch(r"fits Redis's clock and ours are [0-5] seconds apart", clock)


def test_a_redis_that_is_not_there_or_silent_is_a_fault(service: Service) -> None:
    (gone,) = tell(service, "limits", LIXIAO_RATE_LIMIT__STORAGE_URL="redis://127.0.0.1:9/0")
    assert gone.startswith("FAULT Redis does not answer within 0.2 s (ConnectionError)")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        (hung,) = tell(service, "limits", LIXIAO_RATE_LIMIT__STORAGE_URL=url)
    assert hung.startswith("FAULT Redis does not answer within 0.2 s (TimeoutError)")


def test_a_redis_that_refuses_the_password_is_told_as_that_and_the_password_is_not(
    service: Service, redis_url: str
) -> None:
    url = redis_url.replace("redis://", "redis://:not-the-password@")
    (refused,) = tell(service, "limits", LIXIAO_RATE_LIMIT__STORAGE_URL=url)
    assert refused.startswith("FAULT Redis refuses the name or password")
    assert "not-the-password" not in refused


def test_a_redis_in_another_time_is_a_fault(redis_url: str) -> None:
    with time_machine.travel(get_now() + timedelta(seconds=30)):
        *_, clock = _check_redis(redis_url)
    assert (str(clock.fit), "chrony" in clock.message) == ("FAULT", True)


@pytest.mark.parametrize(
    ("opens", "closes", "told"),
    [
        (
            -30,
            -1,
            "note closed since {closes}: nobody can submit. For the next batch set period, opens_on, closes_on",
        ),
        (3, 30, "note opens on {opens}, in 3 day(s): nobody can submit before"),
        (-3, 14, "note closes on {closes}, after 14 more day(s): for later ones set closes_on and restart"),
        (-3, 15, "fits open until {closes}"),
    ],
)
def test_the_days_of_a_mini_app_are_told(office: Office, opens: int, closes: int, told: str) -> None:
    installed = office.installation.mini_apps["graduate-departure"]
    today = office.installation.get_local_time(get_now()).date()
    days = {"opens_on": today + timedelta(days=opens), "closes_on": today + timedelta(days=closes)}
    changed = replace(installed, settings=installed.settings.model_copy(update=days))
    (finding,) = _check_period(office.installation, changed)
    assert f"{finding.fit} {finding.message}" == told.format(opens=days["opens_on"], closes=days["closes_on"])


def test_keys_that_end_before_the_mini_app_closes_and_old_ones_are_told(office: Office) -> None:
    installed = office.installation.mini_apps["graduate-departure"]
    moment = office.installation.get_local_time(get_now())
    last = office.installation.slip_keys.current().ring.find_last_signing_day(moment)
    changed = replace(
        installed, settings=installed.settings.model_copy(update={"closes_on": last + timedelta(1)})
    )
    *_, ends = _check_period(office.installation, changed)
    assert ends.message.startswith(f"slip keys sign until {last}, before it closes: make the next")
    with time_machine.travel(get_now() + timedelta(days=401), tick=False):
        *_, age = check_keys(office.installation)
    assert str(age.fit) == "note"
    assert re.search(r"valid for \d+ day\(s\): make another with `flask slip-keys new`", age.message)


@pytest.mark.parametrize(
    ("state", "told"),
    [(0, "kept in step"), (5, "nothing keeps this clock"), (-1, "cannot be seen from here")],
)
def test_the_clock_is_told_as_the_kernel_sees_it(
    monkeypatch: pytest.MonkeyPatch, state: int, told: str
) -> None:
    (real,) = check_clock()
    assert re.search("kept in step|nothing keeps this clock|cannot be seen", real.message)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(adjtimex=lambda _: state))
    (finding,) = check_clock()
    assert told in finding.message


def test_the_folder_of_the_metrics_is_looked_at_too(service: Service) -> None:
    places = [line.rpartition(" for ")[2] for line in tell(service, "disk")]
    assert sorted(place.partition(":")[0] for place in places) == [
        "database",
        "metrics",
        "slip keys",
        "temporary files",
    ]


@pytest.mark.parametrize(("free", "severity"), [(100, "FAULT"), (1000, "note"), (4000, "fits")])
def test_little_room_is_told_with_what_to_do(
    office: Office, monkeypatch: pytest.MonkeyPatch, free: int, severity: str
) -> None:
    """Of disks with so many MiB left, of which no test can make one."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free * 2**20))
    findings = list(check_disk(office.installation))
    assert {str(finding.fit) for finding in findings} == {severity}
    assert all(("make room" in finding.message) == (severity != "fits") for finding in findings)
