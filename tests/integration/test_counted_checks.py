"""How often a slip was checked: people's looks, once a minute from one address, by whichever worker, and no program's."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import requests
from sqlalchemy import select

from app.domain.slip_code import Verdict, format_short_code, parse_slip_code
from app.extensions import db
from app.models import Scan, Slip, write_connection
from app.services.clock import get_now
from app.services.verification import scan_log
from app.services.verification.scan_log import (
    CountedDay,
    OfflineScan,
    Viewer,
    count_scans,
    flush_scans,
    list_counts,
    make_row,
    record_offline_scans,
    record_scan,
    store_counts,
)
from app.services.verification.verification import Verification, verify_code
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.issued_slips import GUARD, IssuedSlip, issue_slip, open_office, sign_in_staff
from tests.fixtures.office import Office
from tests.running import running_service
from tests.visitor import get_verdict

JSON = {"Accept": "application/json"}
HERE, THERE = "192.0.2.7", "192.0.2.8"
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def proxied(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind a proxy, so that a test can come from many addresses."""
    changes = {"LIXIAO_SERVICE__PROXY_COUNT": "1"}
    with running_service(campus, tmp_path_factory.mktemp("counted"), changes) as service:
        yield service


@pytest.fixture
def slip(proxied: Service, fresh_student: str) -> IssuedSlip:
    """A slip that nobody has checked."""
    return issue_slip(proxied, fresh_student)


@pytest.fixture
def digits(office: Office) -> str:
    """The code of a slip that nobody has checked, in an office without its web server."""
    return office.get_digits(office.issue())


def look(
    slip: IssuedSlip, address: str, headers: Mapping[str, str] = JSON, method: str = "GET"
) -> requests.Response:
    """Open the verdict from this address."""
    asked = {"X-Forwarded-For": address, **headers}
    return requests.request(method, slip.url, headers=asked, timeout=30)


def read_count(service: Service, slip: IssuedSlip, at_least: int = 0) -> int:
    """How often the slip was checked. The log is written a moment later: `at_least` so often is waited for."""
    for _ in range(100):
        with open_office(service) as installation:
            found = verify_code(installation, slip.digits).check_count
        if found >= at_least:
            break
        threading.Event().wait(0.1)
    return found


def test_a_page_that_is_loaded_again_is_one_check_and_tells_the_same_number(
    proxied: Service, slip: IssuedSlip
) -> None:
    look(slip, THERE)
    assert read_count(proxied, slip, 1) == 1
    told = [look(slip, HERE).json()["check_count"]]
    assert read_count(proxied, slip, 2) == 2
    told += [look(slip, HERE).json()["check_count"] for _ in range(3)]
    assert told == [1] * 4
    assert "此前 <b>1</b> 次" in look(slip, HERE, {}).text
    look(slip, "192.0.2.9")
    assert read_count(proxied, slip, 3) == 3


def test_a_guard_s_page_that_is_loaded_again_tells_the_same_number_and_the_same_checks(
    proxied: Service, slip: IssuedSlip
) -> None:
    look(slip, THERE)
    assert read_count(proxied, slip, 1) == 1
    guard = sign_in_staff(proxied, GUARD)
    guard.http.headers["X-Forwarded-For"] = HERE
    first = guard.get(slip.url).text
    assert read_count(proxied, slip, 2) == 2
    for page in (first, guard.get(slip.url).text):
        assert "<small>此前 1 次</small>" in page
        assert "<td>访客</td>" in page
        assert "<td>门卫</td>" not in page


PROGRAMS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/534+ BingPreview/1.0b",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    "Mozilla/5.0 (compatible; 360Spider)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Twitterbot/1.0",
    "WhatsApp/2.23.20.0",
    "DingTalkBot-LinkService/1.0 (+https://open-doc.dingtalk.com/microapp/faquestions/ftpfeu)",
    "Mozilla/5.0 (Linux; U; Android 4.4.2) AppleWebKit/537.36 MQQBrowser/5.0 QQ-URL-Manager Mobile Safari/537.36",
]
PEOPLE = [
    "curl/8.5.0",
    "",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.44 Language/zh_CN",
    "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Mobile Safari/537.36 wxwork/4.1.10 DingTalk/7.0.10",
    "Mozilla/5.0 (Linux; Android 9; CUBOT X19 Build/PPR1) AppleWebKit/537.36 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Mobile Safari/537.36 QQ/8.9.68",
]
AHEAD = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
]


def test_no_program_that_only_fetches_the_page_is_a_check(proxied: Service, slip: IssuedSlip) -> None:
    addresses = iter(f"10.1.0.{number}" for number in range(1, 255))
    for headers in [{"User-Agent": agent} for agent in PROGRAMS] + AHEAD:
        assert get_verdict(look(slip, next(addresses), headers)) == "valid"
    assert look(slip, next(addresses), method="HEAD").status_code == 200
    for count, agent in enumerate(PEOPLE, 1):
        look(slip, next(addresses), {"User-Agent": agent})
        assert read_count(proxied, slip, count) == count, agent


def test_no_verdict_stands_in_a_search_engine(proxied: Service, slip: IssuedSlip) -> None:
    verify = f"{proxied.url}/verify"
    answers = [
        requests.get(slip.url, timeout=30),
        requests.head(slip.url, timeout=30),
        requests.get(slip.url, headers=JSON, timeout=30),
        requests.get(f"{proxied.url}/v/1", timeout=30),
        requests.get(f"{proxied.url}/v/http://evil.example/v/{slip.digits}", timeout=30),
        requests.post(slip.url, data={"name": "某"}, timeout=30),
        requests.post(verify, data={"code": slip.short_code}, timeout=30),
        requests.post(verify, data={"code": "0" * 16}, timeout=30),
        requests.post(verify, data={"code": "1"}, timeout=30),
    ]
    assert {answer.headers.get("X-Robots-Tag") for answer in answers} == {"noindex, nofollow"}
    assert "X-Robots-Tag" not in requests.get(verify, timeout=30).headers


@pytest.mark.parametrize("path", ["verdict", "full", "holder"])
def test_the_number_says_what_it_counts(proxied: Service, slip: IssuedSlip, path: str) -> None:
    holder = proxied.visit()
    holder.sign_in(slip.student_number)
    pages = {
        "verdict": lambda: look(slip, HERE, {}),
        "full": lambda: sign_in_staff(proxied, GUARD).get(slip.url),
        "holder": lambda: holder.get(f"/slips/{slip.number}"),
    }
    assert "同一网络一分钟内的重复打开、链接预览不计" in pages[path]().text


def store(office: Office, digits: str, moments: list[tuple[str, datetime]]) -> int:
    """Write checks of a slip as a worker writes them, each from an address at a moment; how many were counted."""
    found = verify_code(office.installation, digits)
    rows = [make_row(office.installation, found, Viewer.PUBLIC, *one) for one in moments]
    with write_connection(db.engine) as connection:
        return scan_log.store_scans(connection, rows)


def test_within_a_minute_one_address_counts_once_in_one_batch_and_over_several(
    office: Office, digits: str
) -> None:
    start = datetime(2026, 6, 20, 8, 30, tzinfo=UTC)
    assert store(office, digits, [(HERE, start + 30 * SECOND), (HERE, start), (THERE, start)]) == 2
    assert store(office, digits, [(HERE, start + 59 * SECOND)]) == 0
    assert store(office, digits, [(HERE, start - 59 * SECOND)]) == 0
    assert store(office, digits, [(HERE, start + 60 * SECOND), (HERE, start + 119 * SECOND)]) == 1
    assert verify_code(office.installation, digits).check_count == 3


def test_what_was_not_found_is_counted_each_time(office: Office) -> None:
    for _ in range(3):
        record_scan(office.installation, Verification(Verdict.NEVER_ISSUED), Viewer.PUBLIC, HERE)
    flush_scans()
    db.session.rollback()
    assert [count for _, count in list_counts(get_now().date() - timedelta(days=1))] == [3]
    assert db.session.query(Scan).count() == 0


def test_two_workers_that_write_the_same_check_at_once_count_it_once(
    office: Office, digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write_at_once(office, digits, monkeypatch) == 1
    assert verify_code(office.installation, digits).check_count == 1


@pytest.mark.parametrize("make_database", ["postgresql"], indirect=True)
def test_two_workers_that_lock_nothing_count_the_same_check_twice(
    office: Office, digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_log, "_LOCK_SLIPS", select(Slip.id))
    assert write_at_once(office, digits, monkeypatch) == 2


def write_at_once(office: Office, digits: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Two writers, of which each looks for earlier checks and then waits a moment for the other; how many counted."""
    both, find = threading.Barrier(2), scan_log._find_scans_around

    def find_and_wait(*arguments: object) -> object:
        found = find(*arguments)  # type: ignore[arg-type]
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
        return found

    monkeypatch.setattr(scan_log, "_find_scans_around", find_and_wait)
    now, counted = get_now(), []

    def write() -> None:
        with office.app.app_context():
            counted.append(store(office, digits, [(HERE, now)]))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counted)


def test_what_a_gate_sends_of_a_check_that_was_made_online_counts_no_second_time(
    office: Office, digits: str
) -> None:
    record_scan(office.installation, verify_code(office.installation, digits), Viewer.PUBLIC, HERE)
    flush_scans()
    now = get_now()
    same, later = now, now - timedelta(hours=3)
    code = format_short_code(parse_slip_code(digits).code.slip_id)
    checks = [OfflineScan(str(uuid4()), code, Verdict.VALID, moment) for moment in (same, later)]
    assert record_offline_scans(office.installation, checks[:1], HERE) == 0
    assert record_offline_scans(office.installation, checks, HERE) == 1
    assert record_offline_scans(office.installation, checks, HERE) == 0
    assert (
        record_offline_scans(
            office.installation, [OfflineScan(str(uuid4()), code, Verdict.VALID, same)], THERE
        )
        == 1
    )
    found = verify_code(office.installation, digits)
    assert found.check_count == 3
    assert found.slip_id is not None
    assert count_scans(found.slip_id) == 3


def test_a_viewer_s_own_check_is_left_out_for_a_minute_alone(office: Office, digits: str) -> None:
    now = get_now()
    store(office, digits, [(HERE, now - 30 * SECOND), (HERE, now - 200 * SECOND), (THERE, now - 10 * SECOND)])
    installation = office.installation
    assert [
        verify_code(installation, digits, address).check_count for address in (HERE, THERE, "192.0.2.9", "")
    ] == [2, 2, 3, 3]


def test_counts_of_several_writers_add_up(office: Office) -> None:
    """Each worker has a writer of its own."""
    today = office.installation.get_local_time(datetime.now(UTC)).date()
    counts = Counter({CountedDay(today, viewer, Verdict.MALFORMED): 1 for viewer in Viewer})

    def write(_: int) -> None:
        with office.app.app_context(), write_connection(db.engine) as connection:
            store_counts(connection, counts)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(50)))
    db.session.rollback()
    assert dict(list_counts(today)) == dict.fromkeys(counts, 50)
