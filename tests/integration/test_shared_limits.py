"""Limits that several processes share through a real Redis."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
from werkzeug.serving import make_server

from app.extensions import db
from app.factory import create_app
from app.limit_counts import LimitCounts, connect_storage
from app.services.verification.scan_log import flush_scans
from app.settings import load_settings
from tests.campus.client import CampusClient
from tests.conftest import Service, get_free_port
from tests.fixtures.issued_slips import issue_slip, read_slip
from tests.fixtures.odd_storages import BEHAVIOURS, OddStorage, odd_storage, refusing, say
from tests.running import running_service
from tests.visitor import APP, Visitor, get_verdict

JSON = {"Accept": "application/json"}
WRONG = "0123456789ABCDEF"


def type_wrong_code(service: Service) -> int:
    return requests.post(f"{service.url}/verify", data={"code": WRONG}, timeout=30).status_code


def count_accepted(campus: CampusClient, folder: Path, storage_url: str) -> int:
    """How many of six wrong codes two processes of one installation with a limit of four let through, three
    sent to each.
    """
    changes = {
        "LIXIAO_RATE_LIMIT__STORAGE_URL": storage_url,
        "LIXIAO_RATE_LIMIT__TYPED": "4 per hour",
        "LIXIAO_RATE_LIMIT__UNPROVEN": "100000 per minute",
    }
    with (
        running_service(campus, folder, changes) as one,
        running_service(campus, folder, changes) as two,
    ):
        answers = [type_wrong_code(service) for service in (one, one, one, two, two, two)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


def test_two_processes_share_one_limit_through_redis(
    campus: CampusClient, tmp_path: Path, redis_url: str
) -> None:
    assert count_accepted(campus, tmp_path, redis_url) == 4


def test_without_redis_each_process_counts_for_itself(campus: CampusClient, tmp_path: Path) -> None:
    assert count_accepted(campus, tmp_path, "memory://") == 6


def test_beside_a_silent_redis_pages_answer_and_the_process_counts_for_itself(
    campus: CampusClient, tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        changes = {"LIXIAO_RATE_LIMIT__STORAGE_URL": url, "LIXIAO_RATE_LIMIT__TYPED": "4 per hour"}
        with running_service(campus, tmp_path, changes) as service:
            assert [type_wrong_code(service) for _ in range(6)] == [200] * 4 + [429] * 2
            assert get_verdict(requests.get(f"{service.url}/v/1", timeout=30)) == "malformed"
            visitor = service.visit()
            visitor.sign_in("TS23000002", "/completed")
            assert visitor.get(f"{APP}/clearance?wait=1").status_code == 200
            assert "limits are counted by this process alone" in service.log.read_text()


def test_wrong_names_are_counted_by_two_processes_together_through_redis(
    campus: CampusClient, tmp_path: Path, redis_url: str, fresh_student: str
) -> None:
    changes = {
        "LIXIAO_RATE_LIMIT__STORAGE_URL": redis_url,
        "LIXIAO_RATE_LIMIT__COMPARISON_MISSES": "4 per day",
    }
    with (
        running_service(campus, tmp_path, changes) as one,
        running_service(campus, tmp_path, changes | {"LIXIAO_SERVICE__BASE_URL": one.url}) as two,
    ):
        slip = issue_slip(one, fresh_student)
        answers = [
            requests.post(
                f"{service.url}/v/{slip.digits}", data={"name": f"某{number}"}, headers=JSON, timeout=30
            ).json()
            for number, service in enumerate((one, two) * 3)
        ]
    assert [answer["comparison"] for answer in answers] == ["no_match"] * 4 + ["staff_only"] * 2


@contextmanager
def counting_in(service: Service, storage: OddStorage) -> Iterator[str]:
    """The product in this process, on the service's database, by a clock of limits that stands; its address."""
    port = get_free_port()
    url = f"http://127.0.0.1:{port}"
    changes = {"LIXIAO_SERVICE__BASE_URL": url, "LIXIAO_RATE_LIMIT__STORAGE_URL": storage.url}
    app = create_app(load_settings({**service.environment, **changes}))
    app.extensions["limits"] = LimitCounts(connect_storage(storage.url), lambda: 0.0)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        flush_scans()
        with app.app_context():
            db.engine.dispose()


def walk_pages(url: str, number: str) -> dict[str, int]:
    """The statuses of every page that counts something, of a sign-in, and of a submission."""
    visitor = Visitor(url)
    pages = {"sign-in": visitor.http.get(f"{url}/sign-in", allow_redirects=False, timeout=30)}
    pages["callback and clearance"] = visitor.sign_in(number, f"{APP}/clearance?wait=1")
    pages["check"] = visitor.get(f"{APP}/submission")
    pages["submission"] = visitor.post(f"{APP}/submission", pages["check"])
    pages["slip"] = visitor.get(pages["submission"].headers["Location"])
    slip, stranger = read_slip(pages["slip"], "", number), requests.Session()
    pages["true code"] = stranger.get(f"{url}/v/{slip.digits}", timeout=30)
    pages["wrong code"] = stranger.get(f"{url}/v/1", timeout=30)
    pages["name"] = stranger.post(f"{url}/v/{slip.digits}", data={"name": "某人"}, timeout=30)
    pages["entry"] = stranger.get(f"{url}/verify", timeout=30)
    for what, typed in {"typed": slip.short_code, "mistyped": WRONG, "malformed": "1"}.items():
        pages[what] = stranger.post(f"{url}/verify", data={"code": typed}, timeout=30)
    pdf = visitor.get(f"/slips/{slip.number}.pdf").content
    pages["file"] = stranger.post(f"{url}/verify", files={"photo": ("a.pdf", pdf)}, timeout=30)
    return {what: page.status_code for what, page in pages.items()}


WALKED = {
    "sign-in": 302,
    "callback and clearance": 200,
    "check": 200,
    "submission": 303,
    "slip": 200,
    "true code": 200,
    "wrong code": 200,
    "name": 200,
    "entry": 200,
    "typed": 200,
    "mistyped": 200,
    "malformed": 422,
    "file": 200,
}


@pytest.mark.parametrize(
    "kind", ["accepts and never answers", "hangs up", "drips", "garbage", "nothing", "LOADING", "refuses"]
)
def test_beside_a_useless_redis_every_page_answers_as_ever_and_it_is_asked_once(
    service: Service, fresh_student: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with refusing() if kind == "refuses" else odd_storage(BEHAVIOURS[kind]) as storage:
        with counting_in(service, storage) as url:
            assert walk_pages(url, fresh_student) == WALKED
        assert storage.connections <= 1
    logged = capfd.readouterr().err
    assert logged.count("limits are counted by this process alone") == 1
    assert "Traceback" not in logged


def ask_slowly(service: Service, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many questions of one request reach a storage that takes 0.11 s for each; it has six."""
    monkeypatch.setattr("app.limit_counts.SOCKET_SECONDS", 10.0)

    def answer(connection: socket.socket, received: bytes) -> None:
        time.sleep(0.11)
        say(b":1\r\n")(connection, received)

    with odd_storage(answer) as storage, counting_in(service, storage) as url:
        assert requests.post(f"{url}/verify", data={"code": WRONG}, timeout=30).status_code == 200
        return storage.asked


def test_a_request_waits_for_a_slow_redis_no_longer_than_for_a_silent_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask_slowly(service, monkeypatch) <= 4


def test_without_that_bound_it_would_wait_for_each_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr("app.web.limits.STORAGE_SECONDS", 60.0)
    assert ask_slowly(service, monkeypatch) == 6


def test_without_its_own_counts_the_walk_would_find_errors(
    service: Service, fresh_student: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr("app.limit_counts.LimitCounts._note_failure", _raise)
    with refusing() as storage, counting_in(service, storage) as url:
        assert requests.get(f"{url}/v/1", timeout=30).status_code == 500


def _raise(_: LimitCounts, error: Exception) -> None:
    raise error
