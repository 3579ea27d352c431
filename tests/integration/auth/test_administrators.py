"""A number to which the configuration gives a role: it verifies slips as that role does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.running import running_service


def look_at_a_slip(service: Service, number: str) -> str:
    """Submit as a student, and open the slip's address as the person of this number."""
    student = service.visit()
    student.sign_in("TS23000002")
    slip = student.get(student.submit().headers["Location"]).text
    address = re.search(r"/v/[0-9]+", slip)
    assert address
    viewer = service.visit()
    viewer.sign_in(number, "/completed")
    return viewer.get(address[0]).text


def test_a_teacher_in_the_list_of_administrators_sees_what_a_clerk_sees(
    campus: CampusClient, tmp_path: Path
) -> None:
    with running_service(campus, tmp_path, {"LIXIAO_ROLES__ADMINISTRATORS": "00420013"}) as service:
        page = look_at_a_slip(service, "00420013")
    assert "data-full=" in page
    assert "李文静" in page


def test_a_teacher_who_is_in_no_list_sees_what_a_stranger_sees(campus: CampusClient, tmp_path: Path) -> None:
    with running_service(campus, tmp_path) as service:
        page = look_at_a_slip(service, "00420013")
    assert 'data-verdict="valid"' in page
    assert "data-full=" not in page
    assert "李文静" not in page
