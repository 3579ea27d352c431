"""A student's desk code over HTTP: who has one, and what it tells whoever opens it who is no staff."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.desk_code import AHEAD, LIFETIME
from app.services.clock import get_now
from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.fixtures.desk_codes import DESK_CODE, make_desk_code, read_drawn_code, scan_desk_code
from tests.running import running_service
from tests.visitor import APP, Visitor

CONSENT = PROJECT / "config" / "demo_consent.toml"
STUDENT, OTHER = "TS23000002", "TS23000003"
UNPROVEN, VERIFICATION = 3, 5
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def strict(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for consent, with tight limits."""
    limits = {
        "LIXIAO_RATE_LIMIT__UNPROVEN": f"{UNPROVEN} per hour",
        "LIXIAO_RATE_LIMIT__VERIFICATION": f"{VERIFICATION} per hour",
    }
    with running_service(campus, tmp_path_factory.mktemp("strict"), limits, configs=[CONSENT]) as running:
        yield running


def get_mark(page: str) -> str:
    """What the page says of the code."""
    (mark,) = re.findall(r'data-code="([a-z]+)"', page)
    return str(mark)


def test_the_page_shows_a_new_code_each_time_and_the_number(service: Service, visitor: Visitor) -> None:
    visitor.sign_in(STUDENT)
    page = visitor.get(DESK_CODE)
    assert f'data-number="{STUDENT}"' in page.text
    assert 'data-seconds="300"' in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    first, second = read_drawn_code(page.text), read_drawn_code(visitor.get(DESK_CODE).text)
    assert first != second
    assert re.fullmatch(rf"{re.escape(service.url)}/c/[0-9]{{117}}", first)
    assert STUDENT[2:] not in first


def test_there_is_none_before_the_consent(strict: Service, fresh_student: str) -> None:
    visitor = strict.visit()
    page = visitor.arrive(fresh_student, "/completed")
    assert page.status_code == 200
    answer = visitor.get(DESK_CODE, allow_redirects=False)
    assert answer.headers["Location"] == f"{APP}/privacy"
    assert visitor.consent(visitor.get(DESK_CODE)).url.endswith(DESK_CODE)


@pytest.mark.parametrize("path", ["?", "#x", "/"])
def test_a_stranger_reads_what_a_code_is_for_and_nothing_of_whom(
    service: Service, visitor: Visitor, path: str
) -> None:
    visitor.sign_in(STUDENT)
    code = scan_desk_code(visitor)
    page = service.visit().get(code + path)
    assert page.status_code == 200
    assert get_mark(page.text) == "open"
    for told in (STUDENT, STUDENT[-4:], "李文静", "李"):
        assert told not in page.text.replace(code, "")
    assert "noindex" in page.headers["X-Robots-Tag"]


def test_two_students_codes_open_the_same_page(service: Service) -> None:
    pages = []
    for number in (STUDENT, OTHER):
        code = make_desk_code(service, number, get_now())
        text = service.visit().get(code).text.replace(code, "")
        pages.append(re.sub(r'[0-9a-f]{16}|name="csrf_token" value="[^"]+"', "", text))
    assert pages[0] == pages[1]


def test_students_read_the_same_as_strangers_of_others_and_of_themselves(
    service: Service, visitor: Visitor
) -> None:
    visitor.sign_in(STUDENT)
    for number in (STUDENT, OTHER):
        page = visitor.get(make_desk_code(service, number, get_now()), allow_redirects=False)
        assert page.status_code == 200
        assert get_mark(page.text) == "open"
        assert OTHER not in page.text


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (LIFETIME - 20 * SECOND, 200),
        (LIFETIME + SECOND, 410),
        (timedelta(days=30), 410),
        (-AHEAD + 5 * SECOND, 200),
        (-AHEAD - 60 * SECOND, 410),
    ],
)
def test_a_code_is_dead_after_five_minutes(service: Service, age: timedelta, status: int) -> None:
    page = service.visit().get(make_desk_code(service, STUDENT, get_now() - age))
    assert page.status_code == status
    assert get_mark(page.text) == ("open" if status == 200 else "dead")


@pytest.mark.parametrize(
    "token",
    ["1", "x", "%00", "1" * 117, "9" * 400, "<script>", "王明", "1/2", "%F0%9F%98%80"],
)
def test_what_is_no_code_is_told_so(service: Service, token: str) -> None:
    page = service.visit().get(f"/c/{token}")
    assert page.status_code == 410
    assert get_mark(page.text) == "dead"
    assert "<script>" not in page.text


@pytest.mark.parametrize("typed", ["{url}{path}", "{digits}"])
@pytest.mark.parametrize("age", [timedelta(0), LIFETIME])
def test_verification_says_that_a_desk_code_is_no_slip(service: Service, typed: str, age: timedelta) -> None:
    path = make_desk_code(service, STUDENT, get_now() - age)
    text = typed.format(url=service.url, path=path, digits=path.rpartition("/")[2])
    answer = service.visit().http.post(f"{service.url}/verify", data={"code": text}, timeout=30)
    assert answer.status_code == 422
    assert 'data-error="DeskCode"' in answer.text
    assert STUDENT not in answer.text
    other = service.visit().http.post(
        f"{service.url}/verify", data={"code": f"https://other.example{path}"}, timeout=30
    )
    assert 'data-error="ForeignCode"' in other.text


def test_forgers_are_slowed_down_and_true_codes_go_on_opening(strict: Service) -> None:
    stranger = strict.visit()
    statuses = [stranger.get("/c/" + "1" * 117).status_code for _ in range(UNPROVEN + 1)]
    assert statuses == [410] * UNPROVEN + [429]
    assert int(stranger.get("/c/1").headers["Retry-After"]) > 0

    codes = [make_desk_code(strict, STUDENT, get_now()) for _ in range(VERIFICATION + 1)]
    assert [stranger.get(code).status_code for code in codes] == [200] * VERIFICATION + [429]
    assert stranger.get(make_desk_code(strict, OTHER, get_now())).status_code == 200


def test_another_hosts_code_is_none_here(service: Service, strict: Service, tmp_path: Path) -> None:
    assert service.visit().get(make_desk_code(service, STUDENT, get_now())).status_code == 200
    assert service.visit().get(make_desk_code(strict, STUDENT, get_now())).status_code == 410
