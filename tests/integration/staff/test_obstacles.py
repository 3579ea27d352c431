"""What a roster shows of whole numbers, on both databases: only who signed in, and nothing that a counter noted itself."""

from __future__ import annotations

import pytest

from app.domain.person import Person, Role
from app.models import write_transaction
from app.services.installation import InstalledMiniApp
from app.services.staff import noting
from app.services.staff.noting import Obstacle, find_obstacle
from app.services.staff.roster import DESK, add_listed, list_person
from tests.fixtures.office import Office

ANY = "[0-9A-Za-z]{1,32}"
RUBBISH = ("2", "TS", "0000", "9000000", "TS2300001", "TS230000011", "08230001")


@pytest.fixture
def installed(office: Office) -> InstalledMiniApp:
    """The graduate departure, to which one student signed in, and a counter noted a slip of the pen."""
    installed = office.installation.get_mini_app("graduate-departure")
    list_person(installed, make_person("TS23000001"))
    with write_transaction() as session:
        assert add_listed(session.connection(), installed, make_person("3"), source=DESK)
    return installed


def make_person(number: str) -> Person:
    return Person(number, "王伟东", Role.STUDENT, "矿业工程学院", "采矿工程", "硕士")


def find(office: Office, installed: InstalledMiniApp, number: str) -> Obstacle | None:
    return find_obstacle(office.installation, installed, ANY, number)


def test_only_a_whole_number_like_those_that_signed_in_may_be_noted(
    office: Office, installed: InstalledMiniApp
) -> None:
    assert find(office, installed, "TS23999999") is None
    assert {find(office, installed, number) for number in RUBBISH} == {Obstacle.NOT_WHOLE}


def test_without_comparing_it_with_the_others_any_rubbish_would_be(
    office: Office, installed: InstalledMiniApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(noting, "_is_alike", lambda *_: True)
    assert {find(office, installed, number) for number in RUBBISH} == {None}
