"""Configuration as declarations: what every table of TOML or of the environment is read by.

A table is a `Section`: each key is declared once with its type, bounds, default and meaning. `read` builds one and
tells every mistake at once, each named by its key. Values are never told, so that no secret is. Types are strict
("yes" is no boolean, 1 is no text), but for the environment, whose digits, `true` and lists joined by commas count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from app.private_files import describe_openness

T = TypeVar("T")

SHOWN_DEFAULT = "default"
"""In a field's `json_schema_extra`: what the documents show as its default, where that is found by other keys."""
MUST_BE_SET = "must be set"

_SAMPLES = re.compile(r"change.?me|replace.?(me|this)|your.?(secret|password|key|token)|todo", re.IGNORECASE)
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
}


class EnvironmentText(str):
    """A value out of the environment, where there is nothing but texts."""

    __slots__ = ()


class Mistakes(ValueError):
    """Several mistakes, or one below the place that is validated: each a key ("" for the place itself) and what is
    wrong with it. A validator with one mistake of its own place raises a plain ValueError.
    """

    def __init__(self, *told: tuple[str, str]) -> None:
        super().__init__()
        self.told = told


class _SecretFileError(ValueError):
    """What is wrong with the file that `<key>_file` names."""


class Section(BaseModel):
    """A table of the configuration: frozen, strict, and without keys that are not declared."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, table: object) -> object:
        """Let `<key>_file` stand for `<key>`, where that is a secret, and an empty table for a missing one, whose own
        keys are then missed.
        """
        if not isinstance(table, dict):
            return table
        found = dict(table)
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if is_secret(field) and f"{key}_file" in found:
                file = found.pop(f"{key}_file")
                if file != "":  # in the environment it is how a key is unset
                    found[key] = _SecretFile(key, file, key in found)
            elif (
                isinstance(field.annotation, type)
                and issubclass(field.annotation, Section)
                and field.is_required()
            ):
                found.setdefault(key, {})
        return found

    @field_validator("*")
    @classmethod
    def _keep(cls, value: T, info: ValidationInfo) -> T:
        """Note what could be read, for the stand-in of `read`."""
        kept = (info.context or {}).get(_KEPT, {}).get(cls)
        if kept is not None:
            kept[info.field_name] = value
        return value

    @model_validator(mode="after")
    def _tell_contradictions(self) -> Self:
        mistakes = tuple(self.list_contradictions())
        if mistakes:
            raise Mistakes(*mistakes)
        return self

    def list_contradictions(self) -> Iterable[tuple[str, str]]:
        """What is wrong between keys that are each right in themselves: a key and what is wrong with it. Asked of a whole
        table, and by `read` of one with mistakes too, as far as it gets without the attributes that these have cost.
        """
        return ()


M = TypeVar("M", bound=Section)
_KEPT = "kept"


def read(
    model: type[M],
    table: object,
    where: str,
    faults: list[str],
    given: Mapping[str, object] | None = None,
    **context: object,
) -> M:
    """The table named `where` as its section. Every mistake is added to `faults`; then a stand-in is returned, so that
    the rest of the configuration can be looked at: it has what is right and the defaults, and lacks the attributes of
    what has neither (`model_fields_set` tells). `given` are fields that are no keys of the table, such as its name;
    `context` is what validators find in theirs.
    """
    kept: dict[str, Any] = {}
    names = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    try:
        if isinstance(table, dict) and given:
            faults.extend(f"{_join(where, key)} is not a known key" for key in given if key in table)
            table = {**table, **given}
        return model.model_validate(table, context={**context, _KEPT: {model: kept}})
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        wrong: set[str] = set()
        for mistake in mistakes:
            faults.extend(_tell(mistake, where))
            wrong.update(map(str, mistake["loc"][:1] or _list_told(mistake)))
    wrong = {names.get(key, key) for key in wrong}
    # What one check kept another may have refused.
    stand_in = model.model_construct(**{name: value for name, value in kept.items() if name not in wrong})
    if all(mistake["loc"] for mistake in mistakes):  # else they are told already
        faults.extend(f"{_join(where, key)} {message}" for key, message in _list_more(stand_in, wrong))
    return cast("M", stand_in)


def _list_more(stand_in: Section, wrong: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The contradictions between what is right in a table, up to the first that asks for what is wrong: that has no
    default here, which would be another word than the table's.
    """
    known = stand_in.model_copy()
    for name in wrong:
        known.__dict__.pop(name, None)
    try:
        yield from known.list_contradictions()
    except AttributeError:
        return


def read_kind(
    kinds: Mapping[str, type[M]],
    table: object,
    where: str,
    faults: list[str],
    given: Mapping[str, object] | None = None,
    **context: object,
) -> M | None:
    """The table as the section that its `kind` names, like `read`; None, told in `faults`, where it names none."""
    if not isinstance(table, dict):
        faults.append(f"{where} must be a table")
        return None
    kind = table.get("kind")
    if isinstance(kind, str) and kind in kinds:
        return read(kinds[kind], table, where, faults, given, **context)
    wrong = "is missing" if kind is None else f"must be one of {', '.join(kinds)}"
    faults.append(f"{where}.kind {wrong}")
    return None


def is_secret(field: FieldInfo) -> bool:
    """Whether the value of a key may stand in a file that `<key>_file` names."""
    return _open_secret_file in field.metadata


def _tell(mistake: ErrorDetails, where: str) -> list[str]:
    name = _name(mistake["loc"], where)
    kind, details = mistake["type"], mistake.get("ctx", {})
    if isinstance(error := details.get("error"), Mistakes):
        return [f"{_join(name, key)} {message}" for key, message in error.told]
    if isinstance(error, _SecretFileError):
        return [f"{name}_file {error}"]
    if isinstance(error, ValueError):
        return [f"{name} {error}"]
    if kind in ("literal_error", "enum"):  # pydantic tells the choices as 'a', 'b' or 'c'
        choices = [choice for choice in re.findall(r"'([^']*)'", details["expected"]) if choice]
        return [f"{name} must be one of {', '.join(choices)}"]
    return [f"{name} {_SENTENCES.get(kind, f'cannot be used ({kind})')}"]


def _list_told(mistake: ErrorDetails) -> list[str]:
    """The keys that a check of several keys complains of."""
    error = mistake.get("ctx", {}).get("error")
    return [key for key, _ in error.told] if isinstance(error, Mistakes) else []


def _name(place: Sequence[int | str], where: str) -> str:
    """The key at a place."""
    for part in place:
        where = f"{where}[{part}]" if isinstance(part, int) else _join(where, part)
    return where


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where and key else where or key


def between(least: float = 0, most: float = 2**31) -> AfterValidator:
    """Bounds of a number, both included."""

    def check(value: float) -> float:
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}")
        return value

    return AfterValidator(check)


def matching(pattern: str) -> AfterValidator:
    """A regular expression that a text matches as a whole, unless it may be empty and is."""

    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"must match {pattern}")
        return value

    return AfterValidator(check)


def one_of(*choices: str) -> BeforeValidator:
    """Some texts, or some members of an enumeration, where not all can be chosen."""

    def check(value: object) -> object:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return BeforeValidator(check)


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        raise ValueError("is not a regular expression") from None
    return pattern


def require(message: str) -> AfterValidator:
    """What is wrong with an empty list or table."""

    def check(value: T) -> T:
        if not value:
            raise ValueError(message)
        return value

    return AfterValidator(check)


def of_context(key: str, default: object) -> Any:
    """Marks an attribute that is no key of the table: it is what `read` was given under this name, or the default."""

    def take(value: object, info: ValidationInfo) -> object:
        if value != default:
            raise ValueError("is not a known key")
        return (info.context or {}).get(key, default)

    return PlainValidator(take), Field(validate_default=True, repr=False)


def _from_environment(pattern: str, convert: Callable[[str], object]) -> BeforeValidator:
    """Texts of the environment that match count as what they convert to."""

    def read_text(value: object) -> object:
        is_written = isinstance(value, EnvironmentText) and re.fullmatch(pattern, value)
        return convert(str(value)) if is_written else value

    return BeforeValidator(read_text)


def read_texts(value: object) -> object:
    """A list of texts as a tuple, or a text of the environment whose parts commas join; as it is where it is neither.
    Raises ValueError for a list that holds anything else.
    """
    if isinstance(value, EnvironmentText):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list):
        return value
    if not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of texts")
    return tuple(value)


def read_one_or_more(value: object) -> object:
    """A text alone as a list of one, and an empty text as a list of none."""
    found = read_texts(value)
    return ((found,) if found else ()) if isinstance(found, str) else found


def _take_day(value: object) -> date:
    """A text, or a day as TOML writes one, without quotes."""
    if type(value) is date:
        return value
    if not isinstance(value, str):
        raise ValueError('must be a day such as "2026-06-01"')
    if not value:
        raise ValueError("is empty")
    return _read_day(value)


def _read_day(text: str) -> date:
    if not re.fullmatch(_DAY, text):
        raise ValueError(f"must match {_DAY}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is no day of the calendar: {text}") from None


def _read_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"is not a known time zone: {name}") from None


def _parse(read_text: Callable[[str], object]) -> BeforeValidator:
    """A text that is read into something else."""

    def read_value(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("must be a text")
        if not value:
            raise ValueError("is empty")
        return read_text(value)

    return BeforeValidator(read_value)


@dataclass(frozen=True, slots=True)
class _SecretFile:
    key: str
    path: object
    is_beside_its_key: bool


def _read_secret(value: object) -> object:
    """A secret out of its file, without its line's end. A file that others may read is refused."""
    if not isinstance(value, _SecretFile):
        return value
    if value.is_beside_its_key:
        raise ValueError(f"and {value.key}_file are both set")
    if not isinstance(value.path, str):
        raise _SecretFileError("must be a text")
    path = Path(value.path)
    try:
        openness = describe_openness(path)
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _SecretFileError(f"names a file that cannot be read: {path} ({reason})") from None
    if openness:
        raise _SecretFileError(f"names a file that is {openness}: chmod 600 {path}")
    if not text:
        raise _SecretFileError(f"names an empty file: {path}")
    return text


def _refuse_sample(value: str) -> str:
    if _SAMPLES.search(value) or (len(value) >= 8 and len(set(value)) <= 2):
        raise ValueError("is a sample and no secret: set one of your own")
    return value


_open_secret_file = BeforeValidator(_read_secret)

NOT_EMPTY = require("is empty")
Text = Annotated[str, NOT_EMPTY]
"""A text that says something; `str` is one that may be empty."""
Pattern = Annotated[Text, AfterValidator(_check_pattern)]
"""A regular expression."""
Texts = Annotated[tuple[str, ...], BeforeValidator(read_texts)]
Whole = Annotated[int, _from_environment(r"-?[0-9]+", int)]
Number = Annotated[float, _from_environment(r"-?[0-9]+(\.[0-9]+)?", float)]
Flag = Annotated[bool, _from_environment("true|false", "true".__eq__)]
Day = Annotated[date, BeforeValidator(_take_day)]
Zone = Annotated[ZoneInfo, _parse(_read_zone)]
PathText = Annotated[Path, _parse(Path)]
OptionalSecret = Annotated[str, _open_secret_file, AfterValidator(_refuse_sample), Field(repr=False)]
"""The key itself, or the file named by `<key>_file`; may be empty."""
Secret = Annotated[OptionalSecret, NOT_EMPTY]
Choice = Annotated[T, Strict(False)]
"""One of an enumeration's values, by its text."""
Tables = Annotated[tuple[T, ...], Strict(False)]
"""A list of tables; each is named by its index."""
