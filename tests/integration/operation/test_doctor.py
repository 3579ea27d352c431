"""`flask doctor` finds what is wrong with an installation, and only that."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Service
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
    assert set(list_faults(done)) == {"database", "slip keys", "files", "sign-in campus"}
    assert "the database is empty" in done.out
    assert "can be reached by other users" in done.out


def test_a_certificate_that_cannot_be_used_is_a_fault(service: Service, tmp_path: Path) -> None:
    wrong = tmp_path / "certificate.p12"
    wrong.write_bytes(b"no certificate")
    wrong.chmod(0o600)
    done = run_flask(service.environment, "doctor", LIXIAO_SLIP__P12_FILE=str(wrong))
    assert (done.code, list_faults(done)) == (1, ["slip certificate"])


def test_a_database_that_is_not_there_is_told_and_not_made(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "lixiao.sqlite3"
    done = run_flask(service.environment, "doctor", LIXIAO_DATABASE__URL=f"sqlite:///{path}")
    assert "there is no database yet" in done.out
    assert not path.exists()
