"""The service behind nginx, configured by the example: TLS, a cache that keeps nothing personal, addresses that a
client cannot invent.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from app.web.verify.verdicts import MAX_UPLOAD_BYTES
from tests.campus.client import CampusClient
from tests.conftest import Service, get_free_port
from tests.integration.operation.proxy import require_nginx, running_nginx
from tests.running import running_service
from tests.visitor import APP, Visitor

PERSONAL = (f"{APP}/clearance", f"{APP}/submission", "/completed", "/slips/{slip}")
PUBLIC = (f"{APP}/", "/healthz", "/.well-known/slip-keys.json", "/verify")
REQUESTS = 400
THREADS = 8
CARELESS = {
    "proxy_cache_lock on;": "proxy_cache_lock on; proxy_cache_valid 200 1m;"
    " proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;"
}
TYPED_BY_ONE = 5


@dataclass(frozen=True)
class Site:
    """The service as browsers reach it, and as only the proxy should."""

    url: str
    service: Service
    certificate: Path
    folder: Path

    def visit(self) -> Visitor:
        """A fresh browser that trusts the proxy's certificate."""
        visitor = Visitor(self.url)
        visitor.http.trust_env = False  # else a bundle named in the environment counts before this one
        visitor.http.verify = str(self.certificate)
        return visitor


@pytest.fixture(scope="module")
def site(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service behind the example."""
    require_nginx()
    folder, port = tmp_path_factory.mktemp("site"), get_free_port()
    changes = {
        "LIXIAO_SERVICE__BASE_URL": f"https://127.0.0.1:{port}",
        "LIXIAO_SERVICE__PROXY_COUNT": "1",
        "LIXIAO_RATE_LIMIT__TYPED": f"{TYPED_BY_ONE} per hour",
    }
    with running_service(campus, folder / "data", changes) as service:
        service_port = urlsplit(service.url).port or 0
        with running_nginx(folder / "nginx", service_port, port) as certificate:
            yield Site(f"https://127.0.0.1:{port}", service, certificate, folder / "nginx")


@dataclass(frozen=True)
class Student:
    """A signed-in student, and texts that only this student's pages hold."""

    cookies: dict[str, str]
    slip: str
    marks: tuple[str, ...]


@pytest.fixture(scope="module")
def students(site: Site) -> list[Student]:
    """Some who have submitted, by the proxy."""
    return [submit(site, f"TS9512340{place}") for place in range(3)]


def submit(site: Site, number: str) -> Student:
    visitor = site.visit()
    visitor.sign_in(number)
    assert visitor.submit().status_code == 303
    slip = visitor.get(f"{APP}/submission").url.rpartition("/")[2]
    assert slip.startswith("LX")
    assert all(cookie.secure for cookie in visitor.http.cookies if cookie.name != "campus_session")
    return Student(visitor.http.cookies.get_dict(), slip, (number, f"测试{number[2:]}", slip))


def fetch(site: Site, url: str, path: str, student: Student | None = None) -> requests.Response:
    cookies = student.cookies if student else {}
    return requests.get(url + path, cookies=cookies, verify=str(site.certificate), timeout=60)


def look_around(
    site: Site, url: str, students: list[Student], requests_made: int
) -> tuple[int, Counter[str]]:
    """Students' pages, interleaved; how many held another's marks, and how the cache answered."""
    chance = random.Random(7)
    plan = []
    for _ in range(requests_made):
        student = chance.choice(students)
        plan.append((student, chance.choice(PERSONAL).format(slip=student.slip)))
    answers: Counter[str] = Counter()
    lock, leaks = threading.Lock(), 0

    def look(step: tuple[Student, str]) -> None:
        nonlocal leaks
        student, path = step
        answer = fetch(site, url, path, student)
        assert answer.status_code == 200, path
        others = [mark for other in students if other is not student for mark in other.marks]
        with lock:
            leaks += any(mark in answer.text for mark in others)
            answers[answer.headers.get("X-Cache", "-")] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(look, plan))
    return leaks, answers


def test_a_caching_proxy_gives_no_student_another_ones_page(site: Site, students: list[Student]) -> None:
    leaks, answers = look_around(site, site.url, students, REQUESTS)
    assert leaks == 0
    assert set(answers) == {"MISS"}


def test_a_proxy_that_overrules_the_service_would_mix_students_up(
    site: Site, students: list[Student]
) -> None:
    """The control: the test above sees it where a proxy is careless."""
    port, service_port = get_free_port(), urlsplit(site.service.url).port or 0
    with running_nginx(site.folder.with_name("careless"), service_port, port, CARELESS):
        careless = Site(
            f"https://127.0.0.1:{port}",
            site.service,
            site.folder.with_name("careless") / "fullchain.pem",
            site.folder,
        )
        leaks, answers = look_around(careless, careless.url, students, 40)
    assert leaks > 0
    assert answers["HIT"] > 0


def test_public_files_come_from_the_cache(site: Site) -> None:
    style = fetch(site, site.url, f"{APP}/").text.split('href="/static/', 1)[1].split('"')[0]
    seen = [fetch(site, site.url, f"/static/{style}").headers["X-Cache"] for _ in range(2)]
    assert seen == ["MISS", "HIT"]
    keys = [fetch(site, site.url, "/.well-known/slip-keys.json").headers["X-Cache"] for _ in range(2)]
    assert keys[-1] == "HIT"


def test_a_client_cannot_invent_its_address(site: Site) -> None:
    """Typed codes are limited by address. Straight at the service, as its proxy alone may speak, the header counts."""

    def type_codes(url: str, network: str) -> list[int]:
        seen = []
        for place in range(TYPED_BY_ONE + 3):
            claimed = {"X-Forwarded-For": f"{network}.{place}", "Forwarded": f"for={network}.{place}"}
            with requests.Session() as browser:
                browser.trust_env = False
                browser.verify = str(site.certificate)
                browser.headers.update(claimed)
                page = browser.get(f"{url}/verify", timeout=60)
                token = (
                    page.text.split('name="csrf_token" value="', 1)[1].split('"')[0]
                    if "csrf_token" in page.text
                    else ""
                )
                answer = browser.post(
                    f"{url}/verify",
                    data={"csrf_token": token, "code": f"0000-0000-0000-000{place}"},
                    timeout=60,
                )
                seen.append(answer.status_code)
        return seen

    behind, direct = type_codes(site.url, "203.0.113"), type_codes(site.service.url, "198.51.100")
    assert behind.count(429) == 3, behind
    assert direct.count(429) == 0, direct


def test_a_client_that_sends_slowly_holds_nothing_of_the_service(site: Site) -> None:
    port = urlsplit(site.url).port or 0
    service_port = urlsplit(site.service.url).port or 0
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    try:
        assert all(fetch(site, site.url, path).status_code == 200 for path in PUBLIC)
        assert requests.get(f"http://127.0.0.1:{service_port}/healthz", timeout=60).status_code == 200
    finally:
        for connection in held:
            connection.close()


def test_plain_http_is_sent_to_tls_on_the_configured_name_and_tls_says_to_stay(site: Site) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(site.folder / "plain.sock"))
        plain.sendall(b"GET /verify?a=1 HTTP/1.0\r\nHost: evil.example\r\n\r\n")
        answer = plain.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 301 ")
    assert "Location: https://lixiao.example.edu.cn/verify?a=1\r\n" in answer
    assert fetch(site, site.url, "/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_bodies_that_are_too_large_end_at_the_proxy(site: Site) -> None:
    answer = requests.post(
        f"{site.url}/verify", data=b"x" * (14 * 2**20), verify=str(site.certificate), timeout=60
    )
    assert answer.status_code == 413


def test_a_file_as_large_as_the_service_takes_passes_the_proxy(site: Site) -> None:
    photo = {"photo": ("photo.jpg", b"x" * (MAX_UPLOAD_BYTES - 1024))}
    answer = requests.post(f"{site.url}/verify", files=photo, verify=str(site.certificate), timeout=60)
    assert answer.status_code == 422
    assert "请选择照片" in answer.text


def read_log(site: Site, awaited: str) -> str:
    """The access log, once it has this: nginx writes a line after its answer."""
    for _ in range(100):
        logged = (site.folder / "lixiao.log").read_text()
        if awaited in logged:
            return logged
        time.sleep(0.05)
    raise AssertionError(f"{awaited!r} is in no line of the log")


def test_its_log_holds_no_query_and_no_code(site: Site, students: list[Student]) -> None:
    fetch(site, site.url, "/v/123456789?secret-query")
    logged = read_log(site, " GET /v/ ")
    assert "/sign-in/campus/callback " in logged
    for hidden in ("?", "123456789", "code=", "state=", "TS95"):
        assert hidden not in logged
