"""No student ever sees a byte of another, and no shared cache may keep a personal page."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from tests.conftest import Service
from tests.visitor import APP, Visitor

PERSONAL = (f"{APP}/clearance", f"{APP}/clearance?wait=1", f"{APP}/submission", "/completed")
PUBLIC = (f"{APP}/", "/nowhere", "/v/1", "/.well-known/slip-keys.json", "/healthz", "/static/lixiao.css")
THREADS = 8
REQUESTS = 400


@dataclass(frozen=True)
class Student:
    """A signed-in student with a slip; `marks` are texts that only this student's pages hold."""

    visitor: Visitor
    slip: str
    marks: tuple[str, ...]


@pytest.fixture(scope="module")
def students(running_service: Service) -> list[Student]:
    """Two students who have submitted."""
    running_service.campus.reset()
    return [_submit(running_service, number) for number in ("TS97000001", "TS97000002")]


def _submit(service: Service, number: str) -> Student:
    visitor = service.visit()
    visitor.sign_in(number)
    visitor.submit()
    slip = visitor.get(f"{APP}/submission").url.rpartition("/")[2]
    assert slip.startswith("LX")
    return Student(visitor, slip, (number, f"测试{number[2:]}", slip))


def _fetch(service: Service, student: Student, path: str) -> requests.Response:
    cookies = student.visitor.http.cookies.get_dict()
    return requests.get(service.url + path, cookies=cookies, timeout=60)


def test_interleaved_students_see_themselves_and_nobody_else(
    service: Service, students: list[Student]
) -> None:
    chance = random.Random(7)
    plan = [
        (owner, chance.choice((*PERSONAL, f"/slips/{students[owner].slip}")))
        for owner in (chance.randrange(2) for _ in range(REQUESTS))
    ]

    def look(step: tuple[int, str]) -> None:
        owner, path = step
        answer = _fetch(service, students[owner], path)
        assert answer.status_code == 200, path
        assert any(mark in answer.text for mark in students[owner].marks), path
        everything = answer.text + str(answer.headers)
        assert not any(mark in everything for mark in students[1 - owner].marks), path

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(look, plan))


def test_the_slip_of_another_student_does_not_exist(service: Service, students: list[Student]) -> None:
    for reader, owner in (students, students[::-1]):
        for ending in ("", ".pdf", ".png", ".pdf?download=1"):
            answer = _fetch(service, reader, f"/slips/{owner.slip}{ending}")
            assert answer.status_code == 404
            assert 'data-error="UnknownSlip"' in answer.text
            assert not any(mark in answer.text for mark in owner.marks[:2])


def test_nobody_sees_a_slip_without_signing_in(service: Service, students: list[Student]) -> None:
    for ending in ("", ".pdf", ".png"):
        address = f"{service.url}/slips/{students[0].slip}{ending}"
        answer = requests.get(address, allow_redirects=False, timeout=60)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in?")


def test_personal_pages_are_kept_by_no_cache(service: Service, students: list[Student]) -> None:
    slip = students[0].slip
    for path in (*PERSONAL, f"/slips/{slip}", f"/slips/{slip}.pdf", f"/slips/{slip}.png", "/slips/LX1"):
        headers = _fetch(service, students[0], path).headers
        assert headers["Cache-Control"] == "private, no-store", path
        assert "Cookie" in headers["Vary"], path


def test_a_file_by_its_signed_link_is_kept_by_no_cache_either(
    service: Service, students: list[Student]
) -> None:
    page = _fetch(service, students[0], f"/slips/{students[0].slip}").text
    link = page.split('src="/slips/')[1].split('"')[0].replace("&amp;", "&")
    answer = requests.get(f"{service.url}/slips/{link}", timeout=60)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers


def test_public_pages_set_no_cookie(service: Service) -> None:
    for path in PUBLIC:
        answer = requests.get(service.url + path, timeout=60)
        assert "Set-Cookie" not in answer.headers, path
