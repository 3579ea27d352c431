"""Who may give, extend and end which grant, as rules over grants that stand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.giving import (
    MAX_DELEGATED_DAYS,
    CannotGive,
    Fault,
    Offer,
    check_end,
    end_of,
    find_authority,
    find_next_friday,
    get_last_day,
    may_end,
)
from app.domain.staff import RIGHTS, Grant, Grants, Scope, StaffRole

TODAY = date(2026, 6, 10)
ZONE = ZoneInfo("Asia/Shanghai")
APP, STEP = "graduate_departure", "dormitory"
HERE, EVERYWHERE = Scope(APP, STEP), Scope()
HEAD, CLERK, OTHER = "00420019", "00420018", "00420013"


def make_grant(role: StaffRole, scope: Scope = EVERYWHERE, *, number: str = HEAD, **more: object) -> Grant:
    """A grant of id 1, unless told otherwise."""
    values = {"id": 1, "staff_number": number, "name": "", "role": role, "scope": scope, **more}
    return Grant(**values)  # type: ignore[arg-type]


def own(*grants: Grant, number: str = HEAD) -> Grants:
    """All that somebody has."""
    return Grants(number, grants)


def offer(
    role: StaffRole = StaffRole.DESK,
    scope: Scope = HERE,
    *,
    number: str = OTHER,
    days: int | None = 2,
) -> Offer:
    """An offer until so many days after today."""
    last_day = None if days is None else TODAY + timedelta(days=days)
    return Offer(number, role, scope, last_day, "出差")


def find_fault(giver: Grants, wanted: Offer) -> Fault | None:
    """Why it cannot be given, or None."""
    try:
        find_authority(giver, wanted, TODAY, ZONE)
    except CannotGive as fault:
        return fault.fault
    return None


HEAD_GRANTS = own(make_grant(StaffRole.HEAD, HERE))


@pytest.mark.parametrize(
    ("giver", "wanted", "fault"),
    [
        (HEAD_GRANTS, offer(), None),
        (HEAD_GRANTS, offer(StaffRole.HEAD), None),
        (HEAD_GRANTS, offer(number=HEAD), Fault.ONESELF),
        (HEAD_GRANTS, offer(scope=Scope(APP, "archive")), Fault.NOT_OWN),
        (HEAD_GRANTS, offer(StaffRole.SCHOOL, Scope()), Fault.NOT_OWN),
        (HEAD_GRANTS, offer(StaffRole.ADMIN, Scope()), Fault.NOT_OWN),
        (HEAD_GRANTS, offer(StaffRole.COLLEGE, Scope(college="矿业工程学院")), Fault.NOT_OWN),
        (HEAD_GRANTS, offer(days=None), Fault.ENDLESS),
        (HEAD_GRANTS, offer(days=0), None),
        (HEAD_GRANTS, offer(days=-1), Fault.OVER),
        (HEAD_GRANTS, offer(days=MAX_DELEGATED_DAYS), None),
        (HEAD_GRANTS, offer(days=MAX_DELEGATED_DAYS + 1), Fault.TOO_LONG),
        (own(make_grant(StaffRole.HEAD, HERE, delegated_from=7)), offer(), Fault.ONWARDS),
        (own(make_grant(StaffRole.DESK, HERE)), offer(), Fault.NOT_OWN),
        (own(make_grant(StaffRole.SCHOOL)), offer(), Fault.NOT_OWN),
        (own(make_grant(StaffRole.AUDITOR)), offer(), Fault.NOT_OWN),
        (own(), offer(), Fault.NOT_OWN),
        (own(make_grant(StaffRole.ADMIN)), offer(days=None), None),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.ADMIN, Scope(), days=None), None),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.DESK, Scope(APP)), Fault.NEEDED),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.HEAD, Scope()), Fault.NEEDED),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.COLLEGE, Scope(APP)), Fault.NEEDED),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.SCHOOL, Scope(APP, STEP)), Fault.NOT_POSSIBLE),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.ADMIN, Scope(APP)), Fault.NOT_POSSIBLE),
        (own(make_grant(StaffRole.ADMIN)), offer(StaffRole.AUDITOR, Scope(APP)), None),
    ],
)
def test_nobody_gives_more_than_they_have(giver: Grants, wanted: Offer, fault: Fault | None) -> None:
    assert find_fault(giver, wanted) == fault


def test_a_college_lets_somebody_read_its_own_college_alone() -> None:
    giver = own(make_grant(StaffRole.COLLEGE, Scope(college="矿业工程学院")))
    assert find_fault(giver, offer(StaffRole.COLLEGE, Scope(college="矿业工程学院"))) is None
    assert find_fault(giver, offer(StaffRole.COLLEGE, Scope(APP, college="矿业工程学院"))) is None
    assert find_fault(giver, offer(StaffRole.COLLEGE, Scope(college="机械工程学院"))) is Fault.NOT_OWN


def test_nobody_gives_for_longer_than_they_have_and_the_longest_of_their_own_counts() -> None:
    soon = end_of(TODAY + timedelta(days=3), ZONE)
    short = make_grant(StaffRole.HEAD, HERE, valid_until=soon)
    assert find_fault(own(short), offer(days=3)) is None
    assert find_fault(own(short), offer(days=4)) is Fault.LATER_THAN_OWN
    longer = make_grant(StaffRole.HEAD, HERE, id=2)
    assert find_authority(own(short, longer), offer(days=4), TODAY, ZONE) == longer


scopes = st.builds(
    Scope,
    st.sampled_from(["", APP, "other"]),
    st.sampled_from(["", STEP, "archive"]),
    st.sampled_from(["", "矿业工程学院", "机械工程学院"]),
    st.sampled_from(["", "2026-06"]),
)
grants = st.builds(
    make_grant,
    st.sampled_from([role for role in StaffRole if role is not StaffRole.ADMIN]),
    scopes,
    delegated_from=st.sampled_from([None, 7]),
    valid_until=st.sampled_from([None, end_of(TODAY + timedelta(days=3), ZONE)]),
)


@given(
    st.lists(grants, max_size=4),
    st.sampled_from(list(StaffRole)),
    scopes,
    st.one_of(st.none(), st.integers(-3, 120)),
)
def test_whatever_somebody_has_what_is_given_lies_within_it(
    have: list[Grant], role: StaffRole, scope: Scope, days: int | None
) -> None:
    giver, wanted = own(*have), offer(role, scope, days=days)
    if find_fault(giver, wanted) is not None:
        return
    by = find_authority(giver, wanted, TODAY, ZONE)
    assert by in have
    assert by.delegated_from is None
    assert by.scope.covers(scope)
    assert all(any(one.allows(right) for one in have) for right in RIGHTS[role])
    assert days is not None
    assert 0 <= days <= MAX_DELEGATED_DAYS
    assert by.valid_until is None or end_of(TODAY + timedelta(days=days), ZONE) <= by.valid_until


def test_an_administrator_ends_any_and_a_head_those_below() -> None:
    desk = make_grant(StaffRole.DESK, HERE, id=5, number=CLERK)
    stand_in = make_grant(StaffRole.HEAD, HERE, id=6, number=CLERK, delegated_from=1)
    other_head = make_grant(StaffRole.HEAD, HERE, id=8, number=CLERK)
    elsewhere = make_grant(StaffRole.DESK, Scope(APP, "archive"), id=9, number=CLERK)
    everybody = (desk, stand_in, other_head, elsewhere)
    assert [may_end(HEAD_GRANTS, one) for one in everybody] == [True, True, False, False]
    administrator = own(make_grant(StaffRole.ADMIN))
    assert all(may_end(administrator, one) for one in everybody)
    assert not any(may_end(own(stand_in, number=CLERK), one) for one in everybody)
    assert not any(may_end(own(desk, number=CLERK), one) for one in everybody)
    assert not may_end(administrator, make_grant(StaffRole.ADMIN, id=0))


FIRST = make_grant(StaffRole.SCHOOL, id=3, number="00420014")
SECOND = make_grant(StaffRole.SCHOOL, id=4, number="00420015")


def test_one_person_does_not_end_the_last_two_of_the_school() -> None:
    check_end(FIRST, HEAD, [FIRST, SECOND], "", has_configured=False)
    check_end(SECOND, HEAD, [SECOND], OTHER, has_configured=False)
    with pytest.raises(CannotGive) as refused:
        check_end(SECOND, HEAD, [SECOND], HEAD, has_configured=False)
    assert refused.value.fault is Fault.LAST_OF_SCHOOL


def test_another_grant_of_the_same_person_or_of_another_mini_app_is_no_second() -> None:
    same = make_grant(StaffRole.SCHOOL, Scope(APP), id=5, number="00420015")
    partly = make_grant(StaffRole.SCHOOL, Scope("other"), id=6, number="00420014")
    with pytest.raises(CannotGive):
        check_end(SECOND, HEAD, [SECOND, same, partly], HEAD, has_configured=False)


def test_the_last_administrator_stays() -> None:
    mine = make_grant(StaffRole.ADMIN)
    other = make_grant(StaffRole.ADMIN, id=2, number=OTHER)
    with pytest.raises(CannotGive) as refused:
        check_end(mine, HEAD, [mine], "", has_configured=False)
    assert refused.value.fault is Fault.LAST_ADMINISTRATOR
    check_end(mine, HEAD, [mine, other], "", has_configured=False)
    check_end(mine, HEAD, [mine], "", has_configured=True)
    check_end(other, HEAD, [mine, other], "", has_configured=False)


def test_a_day_ends_at_midnight_of_the_wall_clock() -> None:
    moment = end_of(TODAY, ZONE)
    assert moment == datetime(2026, 6, 10, 16, tzinfo=UTC)
    assert get_last_day(moment, ZONE) == TODAY


def test_friday_is_the_next_one() -> None:
    fridays = [find_next_friday(date(2026, 6, day)) for day in (10, 11, 12, 13, 18)]
    assert fridays == [date(2026, 6, day) for day in (12, 12, 19, 19, 19)]
