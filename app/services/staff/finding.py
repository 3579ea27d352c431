"""Finding a student at a counter: by number, by its last digits, or by name, however somebody types them; and noting
somebody who stands there and is on no roster.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, case, false, func, select

from app.domain.errors import NotAStudent, NotGraduating, UnknownNumber
from app.domain.person import MalformedNumber, Person, Role, parse_person
from app.domain.texts import is_same_word
from app.extensions import db
from app.models import (
    Action,
    Consent,
    RosterEntry,
    StoredAnswer,
    Submission,
    read_connection,
    retry_conflicts,
    write_connection,
    write_transaction,
)
from app.services.audit import add_event, lock_audit
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.sign_in.sessions import SessionStore
from app.services.staff.roster import (
    DESK,
    SIGN_IN,
    Listed,
    add_listed,
    describe_period,
    find_listed,
    fold_for_search,
    make_listed,
)

LEAST_DIGITS = 4
"""Of a number's end that is searched by: fewer are the end of too many numbers."""
MOST_FOUND = 20
NOTED = "number_noted"
_INSIDE_NUMBERS = re.compile(r"(?<=[A-Za-z0-9])[\s\-\u2010-\u2015_.]+(?=[A-Za-z]*[0-9])")
_NUMBERS = re.compile(r"[A-Za-z]*[0-9][A-Za-z0-9]*")
_LABELS = re.compile(r"学号|尾号|student|number|no\b|id\b", re.IGNORECASE)
_ENTRIES = cast("Table", RosterEntry.__table__)


def find_students(
    installation: Installation, installed: InstalledMiniApp, text: str, colleges: Collection[str] = ()
) -> list[Listed]:
    """The students of the roster whom the text means: the one of this number; or all, 20 at most, whose number ends so
    or whose name has it in it, a name that is no longer first. With `colleges` nobody else exists.

    A number is also found as it is copied: with its label, hyphens or a full stop, or beside its owner's name.

    Somebody whom this mini-app knows and who is on no roster yet, as from before there was one, is found by the whole
    number, and is on it from then on.
    """
    part = installation.settings.numbers.fold_part(text)
    found = _search(installed, part, fold_for_search(text), colleges)
    if not found:
        part, name = _pick_number(installation, text) or (part, "")
        found = [one for one in _search(installed, part, "", colleges) if name in fold_for_search(one.name)]
        if name:
            return found
    if found or not part:
        return found
    whole = find_student(installation, installed, part, colleges)
    return [whole] if whole else []


def find_student(
    installation: Installation, installed: InstalledMiniApp, number: str, colleges: Collection[str] = ()
) -> Listed | None:
    """The student of exactly this folded number, as a desk code says it, and never one whose number only ends so; found
    likewise where this mini-app knows the number and it is on no roster yet.
    """
    found = _find_whole(installed, number, colleges)
    if found is not None or find_listed(installed, number) is not None:
        return found
    if (person := _find_known(installation, installed, number)) is None:
        return None
    with write_connection(db.engine) as connection:
        add_listed(connection, installed, person, source=SIGN_IN)
    return _find_whole(installed, number, colleges)


def note_number(
    installation: Installation, installed: InstalledMiniApp, text: str, actor: str, *, is_confirmed: bool
) -> Listed:
    """The roster's row of this number, which is added where there is none: for somebody whom this mini-app knows at once,
    for a number that nobody has here only once the clerk has confirmed it, and with an event.

    Raises MalformedNumber, or UnknownNumber where that is not confirmed.
    """
    number = installation.settings.numbers.fold(text)
    listed = find_listed(installed, number)
    if listed is None and (person := _find_known(installation, installed, number)) is not None:
        with write_connection(db.engine) as connection:
            add_listed(connection, installed, person, source=SIGN_IN)
    elif listed is None:
        if not is_confirmed:
            raise UnknownNumber
        _note_unknown(installed, number, actor)
    listed = listed or find_listed(installed, number)
    assert listed is not None
    return listed


@retry_conflicts
def _note_unknown(installed: InstalledMiniApp, number: str, actor: str) -> None:
    """Of two clerks who note one number at once, one did it."""
    with write_transaction() as session:
        lock_audit(session)
        person = Person(number, "", Role.STUDENT)
        if add_listed(session.connection(), installed, person, source=DESK):
            details = describe_period(installed)
            add_event(session, NOTED, actor=actor, subject=number, details=details, now=get_now())


def _pick_number(installation: Installation, text: str) -> tuple[str, str] | None:
    """The one number, or part of one, that stands in a text beside other words, and the folded name that these make, which
    must be its owner's; None where there is no such number, or several.
    """
    plain = _INSIDE_NUMBERS.sub("", unicodedata.normalize("NFKC", text))
    found = _NUMBERS.findall(plain)
    part = installation.settings.numbers.fold_part(found[0]) if len(found) == 1 else ""
    return (part, fold_for_search(_LABELS.sub("", _NUMBERS.sub("", plain)))) if part else None


def _find_whole(installed: InstalledMiniApp, number: str, colleges: Collection[str]) -> Listed | None:
    with read_connection(db.engine) as connection:
        scope = _limit(connection, installed, colleges)
        return next(iter(_select(connection, _ENTRIES.c.student_number == number, *scope)), None)


def _search(installed: InstalledMiniApp, part: str, name: str, colleges: Collection[str]) -> list[Listed]:
    """`part` and `name` come folded; what is empty means nobody."""
    whole = _find_whole(installed, part, colleges) if part else None
    fits = _describe_fit(part, name)
    if whole is not None or fits is None:
        return [whole] if whole else []
    with read_connection(db.engine) as connection:
        scope = _limit(connection, installed, colleges)
        is_longer = case((_ENTRIES.c.name_folded == name, 0), else_=1)
        return _select(connection, fits, *scope, first=is_longer)


def _select(
    connection: Connection, *conditions: ColumnElement[bool], first: ColumnElement[Any] | None = None
) -> list[Listed]:
    order = (_ENTRIES.c.student_number,) if first is None else (first, _ENTRIES.c.student_number)
    query = select(_ENTRIES).where(*conditions).order_by(*order).limit(MOST_FOUND)
    return [make_listed(row) for row in connection.execute(query).mappings()]


def _describe_fit(part: str, name: str) -> ColumnElement[bool] | None:
    """Numbers have digits, and names have none: one of both is searched for. None where that is too little."""
    number = _ENTRIES.c.student_number
    if any(sign.isdigit() for sign in part):
        ends_so = func.substr(number, func.length(number) - len(part) + 1) == part
        return ends_so if len(part) >= LEAST_DIGITS else None
    return _ENTRIES.c.name_folded.contains(name, autoescape=True) if name else None


def _limit(
    connection: Connection, installed: InstalledMiniApp, colleges: Collection[str]
) -> Iterator[ColumnElement[bool]]:
    """The period, and of its colleges those that the named ones mean: a scope is written by hand, with other spaces or
    width than the sign-in's.
    """
    for name, value in describe_period(installed).items():
        yield _ENTRIES.c[name] == value
    if colleges:
        query = select(_ENTRIES.c.college).distinct().filter_by(**describe_period(installed))
        spelled = connection.scalars(query).all()
        meant = [one for one in spelled if any(is_same_word(one, college) for college in colleges)]
        yield _ENTRIES.c.college.in_(meant) if meant else false()


def _find_known(installation: Installation, installed: InstalledMiniApp, number: str) -> Person | None:
    """Who has this number, if this mini-app knows somebody by it: as somebody who is signed in and may clear here, who
    submitted, or who agreed, acted or was asked about here. Of those nothing but the number may be known.
    """
    try:
        if installation.settings.numbers.fold(number) != number:
            return None
    except MalformedNumber:
        return None
    person = _find_signed_in(installation, installed, number)
    return person or _find_submitted(installed, number) or _find_traced(installed, number)


def _find_signed_in(installation: Installation, installed: InstalledMiniApp, number: str) -> Person | None:
    store = SessionStore(installation.settings.service.secret_key)
    for data in store.list_data(number, get_now()):
        try:
            person = parse_person(data["person"])
            installed.require_graduate(person)
        except (KeyError, TypeError, ValueError, NotAStudent, NotGraduating):
            continue
        return person
    return None


def _find_submitted(installed: InstalledMiniApp, number: str) -> Person | None:
    query = select(Submission.student).where(Submission.person_number == number, Submission.repeat == 0)
    period = describe_period(installed)
    query = query.where(Submission.mini_app == period["mini_app"], Submission.period == period["period"])
    with read_connection(db.engine) as connection:
        student = connection.scalar(query)
    if student is None:
        return None
    try:
        return parse_person({**student, "number": number})
    except (KeyError, TypeError, ValueError):
        return Person(number, "", Role.STUDENT)


def _find_traced(installed: InstalledMiniApp, number: str) -> Person | None:
    slug = installed.mini_app.slug
    with read_connection(db.engine) as connection:
        for table in (Consent, StoredAnswer, Action):
            query = select(table.student_number).where(table.student_number == number, table.mini_app == slug)
            if connection.scalar(query.limit(1)) is not None:
                return Person(number, "", Role.STUDENT)
    return None
