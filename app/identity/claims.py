"""From a provider's claims to a Person: paths, roles, and what a number may look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from app.domain.person import Person, Role
from app.identity.base import ProviderMisbehaved, SignInRefused
from app.tables import Table

MAX_IDENTITIES = 20
NUMBER = re.compile(r"[A-Za-z0-9]{1,32}")
MAX_TEXT = 100
_PART = r"[^.\[\]=]+(\[(\d{1,3}|[^.\[\]=]+=[^\[\]=]+)\])*"
PATH_PATTERN = rf"{_PART}(\.{_PART})*"
_STEP = re.compile(r"\[(\d+)\]|\[([^\]=]+)=([^\]]+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class ClaimPaths:
    """`[sign_in.<name>.claims]` and `.roles`: where each fact stands in the provider's answer; "" is nowhere.
    `identities` is where a list of a person's identities stands; each is then called `identity` in the paths.
    """

    student_number: str
    staff_number: str
    name: str
    college: str
    major: str
    level: str
    role: str
    graduation_period: str
    language: str
    identities: str
    roles: Mapping[str, Role]


class SeveralIdentities(Exception):
    """Whoever signed in is several `people` to this service, and is to say which one."""

    def __init__(self, people: tuple[Person, ...]) -> None:
        super().__init__()
        self.people = people


def read_claim_paths(table: Table) -> ClaimPaths:
    """Read both tables of one provider, noting what is wrong."""
    claims = table.table("claims")
    optional = (
        "staff_number",
        "college",
        "major",
        "level",
        "role",
        "graduation_period",
        "language",
        "identities",
    )
    paths = {key: claims.text(key, pattern=PATH_PATTERN) for key in ("student_number", "name")}
    paths |= {key: claims.text(key, "", pattern=PATH_PATTERN) for key in optional}
    claims.close()
    roles = _read_roles(table)
    if bool(paths["role"]) != bool(roles):
        table.fault("roles", "and claims.role need each other")
    return ClaimPaths(roles=roles, **paths)


def _read_roles(table: Table) -> dict[str, Role]:
    roles = {}
    for value, role in table.values("roles", {}).items():
        try:
            roles[value] = Role(role)
        except ValueError:
            table.fault(f"roles.{value}", f"must be one of {', '.join(Role)}")
    return roles


def read_person(claims: Mapping[str, Any], paths: ClaimPaths) -> Person:
    """Tell who the claims are about. Raises SignInRefused when a needed claim is missing, ProviderMisbehaved
    when one is not what it should be; the reason names the claim, not its value. Raises SeveralIdentities
    where that is left to the person.
    """
    if not paths.identities:
        return _read_identity(claims, paths)
    people = _read_identities(claims, paths)
    if len(people) > 1:
        raise SeveralIdentities(people)
    return people[0]


def list_indexed(paths: ClaimPaths, parent: str) -> frozenset[str]:
    """The members of `parent` that are lists to some path, as `parent.groups[0]` or the identities."""
    texts = [
        value for value in (getattr(paths, item.name) for item in fields(paths)) if isinstance(value, str)
    ]
    indexed = {text.partition("[")[0] for text in texts if "[" in text} | {paths.identities}
    return frozenset(text.removeprefix(f"{parent}.") for text in indexed if text.startswith(f"{parent}."))


def _read_identities(claims: Mapping[str, Any], paths: ClaimPaths) -> tuple[Person, ...]:
    """The identities that are of use here; those without a number or with another role are left out."""
    entries = find_claim(claims, paths.identities)
    if not isinstance(entries, list) or len(entries) > MAX_IDENTITIES:
        raise ProviderMisbehaved("odd_claim:identities")
    people: dict[str, Person] = {}
    for entry in entries:
        try:
            person = _read_identity({**claims, "identity": entry}, paths)
        except ProviderMisbehaved:
            raise
        except SignInRefused:
            continue
        people.setdefault(person.number, person)
    if not people:
        raise SignInRefused("missing_claim:identities")
    return tuple(people.values())


def _read_identity(claims: Mapping[str, Any], paths: ClaimPaths) -> Person:
    role = _read_role(claims, paths)
    is_student = role is Role.STUDENT
    key, path = ("student_number", paths.student_number)
    if not is_student and paths.staff_number:
        key, path = ("staff_number", paths.staff_number)
    period = None
    if is_student and paths.graduation_period:
        period = _read_text(claims, "graduation_period", paths.graduation_period)
    return Person(
        number=_read_number(claims, key, path),
        name=_require(_read_text(claims, "name", paths.name), "name"),
        role=role,
        college=_read_text(claims, "college", paths.college),
        major=_read_text(claims, "major", paths.major),
        level=_read_text(claims, "level", paths.level),
        graduation_period=period,
        language=_read_text(claims, "language", paths.language),
    )


def find_claim(claims: object, path: str) -> Any:
    """Follow a dotted path through an answer; None where it leads nowhere. A list is entered by a place,
    `data.users[0].code`, or by the one entry that has a value, `profiles[kind=graduate].stno`.
    """
    found = claims
    for place, key, value, name in _STEP.findall(path):
        if name:
            found = found.get(name) if isinstance(found, Mapping) else None
        elif not isinstance(found, list):
            return None
        elif place:
            found = found[int(place)] if int(place) < len(found) else None
        else:
            fitting = [entry for entry in found if isinstance(entry, Mapping) and entry.get(key) == value]
            found = fitting[0] if len(fitting) == 1 else None
    return found


def _read_role(claims: Mapping[str, Any], paths: ClaimPaths) -> Role:
    if not paths.role:
        is_staff = paths.staff_number and find_claim(claims, paths.student_number) in (None, "")
        return Role.TEACHER if is_staff else Role.STUDENT
    value = _require(_read_text(claims, "role", paths.role), "role")
    if value not in paths.roles:
        raise SignInRefused("unknown_role")
    return paths.roles[value]


def _read_number(claims: Mapping[str, Any], key: str, path: str) -> str:
    number = _require(_read_text(claims, key, path), key)
    if not NUMBER.fullmatch(number):
        raise ProviderMisbehaved(f"odd_claim:{key}")
    return number


def _read_text(claims: Mapping[str, Any], key: str, path: str) -> str:
    value = find_claim(claims, path) if path else None
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ProviderMisbehaved(f"odd_claim:{key}")
    return value


def _require(value: str, key: str) -> str:
    if not value:
        raise SignInRefused(f"missing_claim:{key}")
    return value
