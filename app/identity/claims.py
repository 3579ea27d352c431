"""From a provider's claims to a Person: paths, roles, the one form of a number, and clean texts.

Here numbers and texts from a campus come in, and here alone they are folded and cleaned: what is stored, asked
and printed of a person has the form that it leaves here with.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from app.domain.json_reading import NoSuchValue, look_up, parse_path
from app.domain.person import MalformedNumber, NumberForm, Person, Role
from app.domain.texts import ControlCharacter, clean_text
from app.identity.base import ProviderMisbehaved, SignInRefused
from app.identity.settings import ProviderSettings

MAX_IDENTITIES = 20
MAX_TEXT = 100
MAX_KEYS = 10
MAX_NAMES = 30
MAX_DEPTH = 3
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_:/.#-]{0,79}")
_LIKE_A_NUMBER = re.compile(r"[0-9]{5}")

log = logging.getLogger(__name__)


class SeveralIdentities(Exception):
    """Whoever signed in is several `people` to this service, and is to say which one."""

    def __init__(self, people: tuple[Person, ...]) -> None:
        super().__init__()
        self.people = people


def read_person(claims: Mapping[str, Any], settings: ProviderSettings) -> Person:
    """Tell who the claims are about. Raises SignInRefused when a needed claim is missing, ProviderMisbehaved
    when one is not what it should be; the reason names the claim, not its value, and `arrived` the claims that
    came. Raises SeveralIdentities where that is left to the person.
    """
    try:
        people = (
            _read_identities(claims, settings)
            if settings.claims.identities
            else (_read_identity(claims, settings),)
        )
    except SignInRefused as refused:
        refused.arrived = list_claim_names(claims)
        raise
    if len(people) > 1:
        raise SeveralIdentities(people)
    return people[0]


def list_claim_names(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """What a path could name, for the log: names without values, and none that looks like somebody's number."""
    return tuple(islice(_walk_names(claims, ""), MAX_NAMES))


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Follow a path through an answer; None where it leads nowhere. What stands alone where the path enters a list
    is a list of one. A name of the answer's own that has dots, as the addresses that ADFS uses, is taken whole.
    """
    if path in claims:
        return claims[path]
    try:
        return look_up(claims, parse_path(path), takes_lone_entries=True)
    except NoSuchValue:
        return None


def _read_identities(claims: Mapping[str, Any], settings: ProviderSettings) -> tuple[Person, ...]:
    """The identities that are of use here; those without a number, with another role or with odd claims are left
    out, so that one of them does not lock the others out. Several with one number and role are one.
    """
    entries = _as_list(find_claim(claims, settings.claims.identities))
    if len(entries) > MAX_IDENTITIES:
        raise ProviderMisbehaved("odd_claim:identities")
    people: dict[tuple[str, Role], Person] = {}
    odd: ProviderMisbehaved | None = None
    for entry in entries:
        try:
            person = _read_identity({**claims, "identity": entry}, settings)
        except ProviderMisbehaved as fault:
            log.warning("an identity was left out: %s", fault.reason, extra={"reason": fault.reason})
            odd = odd or fault
            continue
        except SignInRefused:
            continue
        people.setdefault((person.number, person.role), person)
    if not people:
        raise odd or SignInRefused("missing_claim:identities")
    return tuple(people.values())


def _read_identity(claims: Mapping[str, Any], settings: ProviderSettings) -> Person:
    paths, role = settings.claims, _read_role(claims, settings)
    is_student = role is Role.STUDENT
    key, path = ("student_number", paths.student_number)
    if not is_student and paths.staff_number:
        key, path = ("staff_number", paths.staff_number)
    period = None
    if is_student and paths.graduation_period:
        period = _read_optional(claims, "graduation_period", paths.graduation_period)
    return Person(
        number=_read_number(claims, key, path, settings.numbers),
        name=_read_name(claims, paths.name),
        role=role,
        college=_read_optional(claims, "college", paths.college),
        major=_read_optional(claims, "major", paths.major),
        level=_read_optional(claims, "level", paths.level),
        graduation_period=period,
        language=_read_optional(claims, "language", paths.language),
        attributes=_read_attributes(claims, settings.attributes),
        keys=_read_keys(claims, settings.keys) if is_student else {},
    )


def _read_attributes(claims: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, str]:
    """What the provider tells of them; a person may be without some."""
    told = {name: _read_optional(claims, name, path) for name, path in paths.items()}
    return {name: text for name, text in told.items() if text}


def _read_keys(claims: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What other systems know them by; nothing where the claim is empty or not there. One that is odd is left out, which
    is not the same: whoever asks by it knows nothing.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, path in paths.items():
        values = _list_values(claims, path)
        try:
            if len(values) > MAX_KEYS:
                raise ValueError(f"over {MAX_KEYS} values")
            found[name] = tuple(_clean(value) for value in values)
        except ValueError as error:
            log.warning("key %s is left out: %s", name, error, extra={"claim": name})
    return found


def _read_role(claims: Mapping[str, Any], settings: ProviderSettings) -> Role:
    paths = settings.claims
    if not paths.role:
        is_staff = paths.staff_number and not _list_values(claims, paths.student_number)
        return Role.TEACHER if is_staff else Role.STUDENT
    values = _require(_list_values(claims, paths.role), "role")
    words = {_clean_word(value) for value in values}
    for word, role in settings.roles.items():
        if word in words:
            return role
    if not any(isinstance(value, str) for value in values):
        raise ProviderMisbehaved("odd_claim:role")
    raise SignInRefused("unknown_role")


def _clean_word(value: object) -> str:
    """A word to look up; "" for what can be none."""
    try:
        return clean_text(value) if isinstance(value, str) else ""
    except ControlCharacter:
        return ""


def _read_number(claims: Mapping[str, Any], key: str, path: str, form: NumberForm) -> str:
    """The number in its one form. Several values are good only where all mean the same number."""
    values = _require(_list_values(claims, path), key)
    try:
        numbers = {form.fold(value) for value in values if isinstance(value, str)}
    except MalformedNumber:
        numbers = set()
    if len(numbers) != 1 or not all(isinstance(value, str) for value in values):
        raise ProviderMisbehaved(f"odd_claim:{key}")
    return numbers.pop()


def _read_name(claims: Mapping[str, Any], path: str) -> str:
    value = _require(_list_values(claims, path), "name")[0]
    try:
        return _clean(value)
    except ValueError:
        raise ProviderMisbehaved("odd_claim:name") from None


def _read_optional(claims: Mapping[str, Any], key: str, path: str) -> str:
    """A text without which one may sign in: what cannot be used is left out, and the log names its claim."""
    values = _list_values(claims, path) if path else []
    try:
        return _clean(values[0]) if values else ""
    except ValueError as error:
        log.warning("claim %s is left empty: %s", key, error, extra={"claim": key})
        return ""


def _clean(value: object) -> str:
    """Raises ValueError, which never holds the text, for what is no short text."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    text = clean_text(value)
    if len(text) > MAX_TEXT:
        raise ValueError(f"over {MAX_TEXT} characters")
    if not text:
        raise ValueError("nothing that can be seen")
    return text


def _list_values(claims: Mapping[str, Any], path: str) -> list[Any]:
    """The values of a claim that hold anything: many platforms write one as a text, and several as a list."""
    return [
        value
        for value in _as_list(find_claim(claims, path))
        if value is not None and (not isinstance(value, str) or value.strip())
    ]


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _require(values: list[Any], key: str) -> list[Any]:
    if not values:
        raise SignInRefused(f"missing_claim:{key}")
    return values


def _walk_names(claims: Mapping[str, Any], above: str, depth: int = 0) -> Iterator[str]:
    for name, value in claims.items():
        if not _PLAIN_NAME.fullmatch(str(name)) or _LIKE_A_NUMBER.search(str(name)):
            continue
        inner = value[0] if isinstance(value, list) and value else value
        path = f"{above}{name}"
        if isinstance(inner, Mapping) and depth < MAX_DEPTH:
            yield from _walk_names(inner, f"{path}[0]." if inner is not value else f"{path}.", depth + 1)
        else:
            yield path
