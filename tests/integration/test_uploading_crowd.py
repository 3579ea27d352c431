"""A crowd that uploads the worst files: scanning goes on, what is too much is refused, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from tests.campus.client import CampusClient
from tests.fixtures.issued_slips import GUARD, IssuedSlip, issue_slip, sign_in_staff
from tests.fixtures.photos import save
from tests.fixtures.uploaders import send, uploading, write_request
from tests.fixtures.worst_files import make_endless_pdf
from tests.programs import Program
from tests.running import Service, running_service
from tests.visitor import get_verdict

TOKEN = "metrics-token-of-the-tests-only-0"
PROCESSES, WAITING = 1, 3
THREADS = 12
"""For requests: more than may read and wait, fewer than upload at once."""
SECONDS = 8
NAMES = ("PNG full of corners", "PDF without end")
IN_THREADS = "tests.fixtures.reading_in_threads:app"
PATIENCE = 30
JSON = {"Accept": "application/json"}


@contextmanager
def running(
    campus: CampusClient, folder: Path, target: str = "wsgi:app", **changes: str
) -> Iterator[Service]:
    """A service behind a proxy, with one process for files and a short line, that has few threads."""
    settings = {
        "SERVICE__PROXY_COUNT": "1",
        "SERVICE__METRICS_TOKEN": TOKEN,
        "RATE_LIMIT__UPLOAD_EVERYWHERE": "100000 per minute",
        "UPLOADS__PROCESSES": str(PROCESSES),
        "UPLOADS__WAITING": str(WAITING),
        "UPLOADS__WAIT_SECONDS": "4",
        "UPLOADS__SECONDS": "10",
    }
    environment = {f"LIXIAO_{key}": value for key, value in (settings | changes).items()}

    def launch(words: Sequence[str], environment: Mapping[str, str], log: int | None) -> Program:
        few = list(words)
        few[few.index("--blocking-threads") + 1] = str(THREADS)
        program = Program(few, environment, log)
        (folder / "pid").write_text(str(program.pid))
        return program

    with running_service(campus, folder, environment, target=target, launch=launch) as service:
        yield service


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests that do not spoil it."""
    with running(campus, tmp_path_factory.mktemp("crowd")) as service:
        yield service


def list_readers(service: Service) -> set[int]:
    """The processes that read this service's files."""
    address = service.url.encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if address in words and any(b"verification.reader" in word for word in words):
            found.add(int(folder.name))
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it did not come about")


def read_metric(service: Service, name: str) -> float:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    text = requests.get(f"{service.url}/metrics", headers=headers, timeout=PATIENCE).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def is_alive(service: Service, seconds: float = PATIENCE) -> bool:
    try:
        return requests.get(f"{service.url}/healthz", timeout=seconds).ok
    except requests.RequestException:
        return False


def scan(slip: IssuedSlip) -> str:
    return str(requests.get(slip.url, headers=JSON, timeout=PATIENCE).json()["verdict"])


def test_while_many_upload_the_worst_files_scans_are_answered_and_no_bound_is_passed(
    service: Service, fresh_student: str
) -> None:
    slip = issue_slip(service, fresh_student)
    seen: list[tuple[bool, str, int, float, float]] = []
    with uploading(service.url, SECONDS, NAMES) as answers:
        ends_at = time.monotonic() + SECONDS - 1
        while time.monotonic() < ends_at:
            waiting, running = (
                read_metric(service, f'lixiao_uploads{{state="{name}"}}') for name in ("waiting", "running")
            )
            seen.append((is_alive(service), scan(slip), len(list_readers(service)), waiting, running))
    alive, verdicts, readers, waited, ran = map(set, zip(*seen, strict=True))
    assert (alive, verdicts) == ({True}, {"valid"})
    assert max(readers) <= PROCESSES
    assert max(waited) <= WAITING
    assert max(ran) == PROCESSES
    assert set(answers) <= {"422", "429", "503", "hung up", "no answer"}
    assert answers["503"] > 0
    assert read_metric(service, 'lixiao_upload_refusals_total{reason="full"}') >= answers["503"] / 2
    wait_until(lambda: read_metric(service, 'lixiao_uploads{state="waiting"}') == 0)


def upload_at_once(service: Service, count: int) -> list[Future[tuple[str, str]]]:
    """Send a file without end from so many addresses."""
    host = urlsplit(service.url).netloc
    threads = ThreadPoolExecutor(count)
    requests = [write_request(make_endless_pdf(), f"10.8.0.{place}", host) for place in range(count)]
    return [threads.submit(send, service.url, request) for request in requests]


def test_more_uploads_than_threads_leave_threads_for_others(service: Service) -> None:
    uploads = upload_at_once(service, 2 * THREADS)
    assert is_alive(service)
    answers = [upload.result() for upload in uploads]
    assert {status for status, _ in answers} <= {"422", "503"}
    assert {wait for status, wait in answers if status == "503"} == {"15"}
    assert sum(status == "503" for status, _ in answers) >= 2 * THREADS - PROCESSES - WAITING


def test_where_request_threads_read_the_files_nobody_else_is_answered(
    campus: CampusClient, tmp_path: Path
) -> None:
    """The control."""
    with running(campus, tmp_path, IN_THREADS) as service:
        assert is_alive(service)
        uploads = upload_at_once(service, 2 * THREADS)
        wait_until(lambda: not is_alive(service, 5))  # the uploads have all come
        assert not any(upload.done() for upload in uploads)
        for worker in list_workers(service):
            os.kill(worker, signal.SIGKILL)  # they would not end before their files


def list_workers(service: Service) -> set[int]:
    """The server's processes that answer requests."""
    main = int((service.data_dir / "pid").read_text())
    return {int(child) for child in Path(f"/proc/{main}/task/{main}/children").read_text().split()}


def test_a_refused_file_is_told_what_to_do_instead(service: Service, fresh_student: str) -> None:
    slip = issue_slip(service, fresh_student)
    uploads = upload_at_once(service, 2 * THREADS)
    wait_until(lambda: read_metric(service, 'lixiao_uploads{state="waiting"}') == WAITING)
    picture = {"file": ("photo", b"\x89PNG\r\n\x1a\n")}
    page = requests.post(f"{service.url}/verify", files=picture, timeout=PATIENCE)
    told = requests.post(f"{service.url}/verify", files=picture, headers=JSON, timeout=PATIENCE)
    for answer in (page, told):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "15")
        assert "no-store" in answer.headers["Cache-Control"]
    assert 'data-error="ReadersBusy"' in page.text
    assert "请输入二维码旁的 16 位核验码" in page.text
    assert told.json()["error"] == "ReadersBusy"
    typed = requests.post(f"{service.url}/verify", data={"code": slip.short_code}, timeout=PATIENCE)
    assert get_verdict(typed) == "valid"
    for upload in uploads:
        upload.result()


def test_the_file_that_was_handed_out_is_told_however_many_others_wait(
    service: Service, fresh_student: str
) -> None:
    student = service.visit()
    student.sign_in(fresh_student)
    number = student.submit().headers["Location"]
    pdf = student.get(f"{number}.pdf").content
    uploads = upload_at_once(service, 2 * THREADS)
    wait_until(lambda: read_metric(service, 'lixiao_uploads{state="waiting"}') == WAITING)
    files = {"file": ("slip.pdf", BytesIO(pdf))}
    answer = requests.post(f"{service.url}/verify", files=files, headers=JSON, timeout=PATIENCE).json()
    assert (answer["verdict"], answer["file"]) == ("valid", "genuine")
    for upload in uploads:
        upload.result()


def test_all_strangers_together_are_limited_and_guards_are_not(campus: CampusClient, tmp_path: Path) -> None:
    with running(campus, tmp_path, RATE_LIMIT__UPLOAD_EVERYWHERE="3 per hour") as service:
        host = urlsplit(service.url).netloc
        requests_ = [write_request(b"no picture", f"10.7.0.{place}", host) for place in range(5)]
        statuses = [send(service.url, request)[0] for request in requests_]
        assert statuses == ["422"] * 3 + ["429"] * 2
        guard = sign_in_staff(service, GUARD)
        files = {"file": ("photo", b"no picture")}
        assert guard.http.post(f"{service.url}/verify", files=files, timeout=PATIENCE).status_code == 422


def test_a_service_that_stops_while_files_are_read_leaves_no_process(
    campus: CampusClient, tmp_path: Path
) -> None:
    with running(campus, tmp_path) as service:
        uploads = upload_at_once(service, 2)
        wait_until(lambda: bool(list_readers(service)))
    wait_until(lambda: list_readers(service) == set())
    for upload in uploads:
        upload.result()


def test_a_worker_that_takes_the_place_of_a_killed_one_reads_files_too(
    campus: CampusClient, tmp_path: Path
) -> None:
    with running(campus, tmp_path) as service:
        host = urlsplit(service.url).netloc
        request = write_request(save(Image.new("L", (300, 200)), "PNG"), "10.6.0.1", host)
        assert send(service.url, request)[0] == "422"
        wait_until(lambda: bool(list_readers(service)))
        before = list_readers(service)
        for worker in list_workers(service):
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not before & list_readers(service))
        wait_until(lambda: is_alive(service, 5))
        assert send(service.url, request)[0] == "422"
        assert list_readers(service)
