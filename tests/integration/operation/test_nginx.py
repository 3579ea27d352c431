"""The service behind nginx, configured by the example: TLS, a cache that keeps nothing personal, addresses that a
client cannot invent.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from app.web.verify.verdicts import MAX_UPLOAD_BYTES
from tests.campus import run
from tests.campus.client import CampusClient
from tests.conftest import Service, get_free_port
from tests.integration.operation.proxy import require_nginx, running_nginx
from tests.running import running_service
from tests.visitor import APP, Visitor

PERSONAL = (f"{APP}/clearance", f"{APP}/submission", "/completed", "/slips/{slip}")
PUBLIC = (f"{APP}/", "/healthz", "/.well-known/slip-keys.json", "/verify")
REQUESTS = 400
THREADS = 8
WITH_ALL_IN_THE_CACHE = {
    "proxy_cache_bypass $lixiao_uncached;": "",
    "proxy_no_cache $lixiao_uncached;": "",
}
CARELESS = WITH_ALL_IN_THE_CACHE | {
    "proxy_cache_lock on;": "proxy_cache_lock on; proxy_cache_valid 200 1m;"
    " proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;"
}
TYPED_BY_ONE = 5
SERVICE_THREADS = 16
SLOW_FORM = (
    b"POST /verify HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 1000\r\n\r\ncode="
)
TLS_VERSIONS = ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3")


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
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(run, "BLOCKING_THREADS", SERVICE_THREADS)
        service = stack.enter_context(running_service(campus, folder / "data", changes))
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
    cookies = [cookie for cookie in visitor.http.cookies if cookie.name != "campus_session"]
    assert all(cookie.secure and cookie.has_nonstandard_attr("HttpOnly") for cookie in cookies)
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
    assert set(answers) == {"BYPASS"}


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


def test_what_has_no_hash_of_its_own_is_not_kept_by_the_proxy(site: Site) -> None:
    style = fetch(site, site.url, f"{APP}/").text.split('href="/static/', 1)[1].split('"')[0]
    name, _, version = style.partition("?v=")
    for query in ("", "?v=", "?v=x", f"?v={version}&x=1", f"?x=1&v={version}"):
        assert {fetch(site, site.url, f"/static/{name}{query}").headers["X-Cache"] for _ in range(2)} == {
            "BYPASS"
        }, query
    wrong = [fetch(site, site.url, f"/static/{name}?v=0123456789ab") for _ in range(2)]
    assert [answer.headers["X-Cache"] for answer in wrong] == ["MISS", "MISS"]
    listed = [fetch(site, site.url, "/.well-known/slip-keys.json?x=1").headers["X-Cache"] for _ in range(2)]
    assert listed == ["BYPASS", "BYPASS"]


def meet_at_the_service(folder: Path, changes: dict[str, str], seconds: float) -> bool:
    """Whether eight requests for one personal page are with the service at one time, which waits so long for that."""
    together = threading.Barrier(8)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer once all are here."""
            with suppress(threading.BrokenBarrierError):
                together.wait(seconds)
            self.send_response(200)
            self.send_header("Cache-Control", "private, no-store")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    port = get_free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with running_nginx(folder, server.server_port, port, changes) as certificate:
            address = f"https://127.0.0.1:{port}{APP}/clearance"
            with ThreadPoolExecutor(8) as pool:
                fetches = [
                    pool.submit(requests.get, address, verify=str(certificate), timeout=60) for _ in range(8)
                ]
                assert [fetch.result().status_code for fetch in fetches] == [200] * 8
        server.shutdown()
    return not together.broken


def test_students_who_open_one_address_at_once_do_not_wait_for_each_other(tmp_path: Path) -> None:
    require_nginx()
    assert meet_at_the_service(tmp_path / "nginx", {}, seconds=30)


def test_they_would_wait_in_line_if_personal_pages_went_by_the_cache(tmp_path: Path) -> None:
    require_nginx()
    assert not meet_at_the_service(tmp_path / "nginx", WITH_ALL_IN_THE_CACHE, seconds=1)


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


@contextmanager
def slow_clients(port: int, certificate: Path | None = None) -> Iterator[None]:
    """As many clients as the service has threads, each in the middle of a form. With `certificate`, over TLS."""
    with ExitStack() as held:
        for _ in range(SERVICE_THREADS):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            if certificate:
                context = ssl.create_default_context(cafile=str(certificate))
                connection = held.enter_context(context.wrap_socket(connection, server_hostname="127.0.0.1"))
            connection.sendall(SLOW_FORM % port)
        yield


def is_silent(url: str, certificate: Path) -> bool:
    """Whether nobody is answered any more. Clients that were just begun may not have reached the service yet."""
    for _ in range(20):
        try:
            requests.get(f"{url}/healthz", verify=str(certificate), timeout=1)
        except requests.Timeout:
            return True
    return False


def test_a_client_that_sends_slowly_holds_nothing_of_the_service(site: Site) -> None:
    with slow_clients(urlsplit(site.url).port or 0, site.certificate):
        for _ in range(3):
            assert all(fetch(site, site.url, path).status_code == 200 for path in PUBLIC)
            assert requests.get(f"{site.service.url}/healthz", timeout=60).status_code == 200


def test_without_the_proxy_slow_clients_would_hold_every_thread(site: Site) -> None:
    with slow_clients(urlsplit(site.service.url).port or 0):
        assert is_silent(site.service.url, site.certificate)
    assert requests.get(f"{site.service.url}/healthz", timeout=60).status_code == 200


def test_a_proxy_that_does_not_read_forms_whole_would_not_keep_them_off(site: Site) -> None:
    port, folder = get_free_port(), site.folder.with_name("passing-on")
    changes = {"proxy_request_buffering on;": "proxy_request_buffering off;"}
    with running_nginx(folder, urlsplit(site.service.url).port or 0, port, changes) as certificate:
        with slow_clients(port, certificate):
            assert is_silent(f"https://127.0.0.1:{port}", certificate)
        assert requests.get(f"{site.service.url}/healthz", timeout=60).status_code == 200


def agree_on(version: str, port: int) -> str:
    """The TLS version that a client which speaks this one alone agrees on; "" where it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not offer the old ones
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with (
        suppress(ssl.SSLError),
        socket.create_connection(("127.0.0.1", port)) as connection,
        context.wrap_socket(connection) as encrypted,
    ):
        return encrypted.version() or ""
    return ""


def test_tls_is_spoken_from_1_2_on(site: Site) -> None:
    agreed = [agree_on(version, urlsplit(site.url).port or 0) for version in TLS_VERSIONS]
    assert agreed == ["", "", "TLSv1.2", "TLSv1.3"]


def test_a_proxy_that_allows_older_tls_would_speak_it(site: Site) -> None:
    """The control: the client of the test above can."""
    port, old = get_free_port(), "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"
    changes = {"ssl_protocols        TLSv1.2 TLSv1.3;": old}
    with running_nginx(site.folder.with_name("old-tls"), 9, port, changes):
        assert [agree_on(version, port) for version in TLS_VERSIONS] == ["TLSv1", "TLSv1.1", "", ""]


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
