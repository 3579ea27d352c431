"""Whom a step is for: conditions by what the sign-in tells of a person. Three-valued: what is not told, or told in a word
that the mini-app does not know, is unknown, and never exempts anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from app.config_model import Section, Text, Texts, matching
from app.domain.person import Person
from app.domain.rules import OneOrMore
from app.domain.texts import is_same_word

CLAIMS = ("college", "major", "level", "role")
"""The fields beside the names of `[sign_in.<name>.attributes]`."""
FieldName = Annotated[Text, matching(r"[a-z][a-z0-9_]{0,39}")]


class PersonField(Section):
    """`[person.<name>]`: a field of the person that conditions ask for."""

    label: Text = Field(description="what people call it, e.g. `学习形式`")
    values: Texts = Field(
        (),
        description="every text that the sign-in tells there; width, case and spaces do not count. A `where` of "
        "`applies` needs them: of who has another text nobody knows whether it is one of those that are meant. A `where` of "
        "`guidance` does without, and then does not hold for another text",
    )

    def knows(self, text: str) -> bool:
        """Whether the text is one of the values."""
        return is_among(text, self.values)


@dataclass(frozen=True, slots=True)
class Applicability:
    """Whether a step is for a person: None where nobody can tell, for want of the fields `unknown`. `told` are the fields
    that its conditions ask for, as the sign-in told them.
    """

    applies: bool | None
    unknown: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)


FOR_ALL = Applicability(True)


class Condition(Section):
    """A condition by fields of the person: every key must hold."""

    needs_values: ClassVar[bool] = True
    """Whether a `where` can be judged only where all texts of its field are declared."""

    where: dict[FieldName, OneOrMore] = Field(
        {}, description="table of field = text, or list of texts: the person's must be one of them"
    )
    where_not: dict[FieldName, OneOrMore] = Field(
        {}, description="likewise: the person's must be none of them"
    )

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it asks for."""
        return tuple(dict.fromkeys((*self.where, *self.where_not)))

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if not self.fields:
            yield "", "names no field: it would hold for everybody"
        for key in self.where.keys() & self.where_not.keys():
            if all(is_among(text, self.where_not[key]) for text in self.where[key]):
                yield f"where_not.{key}", "has all of where: it would hold for nobody"

    def list_misfits(self, fields: Mapping[str, PersonField]) -> Iterator[tuple[str, str]]:
        """What is wrong with it where these fields are declared: a key and what is wrong."""
        for name, asked in (("where", self.where), ("where_not", self.where_not)):
            for key, texts in asked.items():
                declared = fields.get(key)
                if declared is None:
                    yield f"{name}.{key}", f"is not declared: say in [person.{key}] what it is"
                    continue
                if name == "where" and self.needs_values and not declared.values:
                    yield f"{name}.{key}", f"needs [person.{key}] values: all texts that there are"
                for text in texts if declared.values else ():
                    if not declared.knows(text):
                        yield f"{name}.{key}", f"has {text}, which is none of [person.{key}] values"
                if (
                    name == "where_not"
                    and declared.values
                    and all(is_among(value, texts) for value in declared.values)
                ):
                    yield f"{name}.{key}", f"has all of [person.{key}] values: it would hold for nobody"

    def judge(self, told: Mapping[str, str], fields: Mapping[str, PersonField]) -> dict[str, bool | None]:
        """Whether each field fits, None for unknown."""
        fits = {key: self._fits(told.get(key), texts, fields[key]) for key, texts in self.where.items()}
        for key, texts in self.where_not.items():
            text = told.get(key)
            is_other = None if text is None else not is_among(text, texts)
            fits[key] = _all((fits.get(key, True), is_other))
        return fits

    def _fits(self, text: str | None, wanted: Sequence[str], declared: PersonField) -> bool | None:
        if text is None:
            return None
        if is_among(text, wanted):
            return True
        is_other = declared.knows(text) or not (self.needs_values or declared.values)
        return False if is_other else None


def is_among(text: str, words: Sequence[str]) -> bool:
    """Whether the text is one of these words; width, case and spaces make no other one."""
    return any(is_same_word(text, word) for word in words)


def list_told(person: Person) -> dict[str, str]:
    """What the sign-in told of a person, by the names of fields; what it did not tell is not there."""
    claims = {key: str(getattr(person, key)) for key in CLAIMS}
    return {key: text for key, text in {**person.attributes, **claims}.items() if text}


def decide(
    conditions: Sequence[Condition], told: Mapping[str, str], fields: Mapping[str, PersonField]
) -> Applicability:
    """Whether one of the conditions holds for who told this; without any condition everybody is meant."""
    if not conditions:
        return FOR_ALL
    asked = tuple(dict.fromkeys(key for condition in conditions for key in condition.fields))
    judged = [condition.judge(told, fields) for condition in conditions]
    holds = [_all(fits.values()) for fits in judged]
    applies = True if True in holds else None if None in holds else False
    unsure = [fits for fits, one in zip(judged, holds, strict=True) if one is None and applies is None]
    unknown = tuple(key for key in asked if any(key in fits and fits[key] is None for fits in unsure))
    return Applicability(applies, unknown, {key: told[key] for key in asked if key in told})


def describe_conditions(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    """The conditions, JSON-ready."""
    return [
        {
            name: {key: list(texts) for key, texts in asked.items()}
            for name, asked in (("where", condition.where), ("where_not", condition.where_not))
            if asked
        }
        for condition in conditions
    ]


def _all(parts: Iterable[bool | None]) -> bool | None:
    """And, of three values: false before unknown before true."""
    found = list(parts)
    return False if False in found else None if None in found else True
