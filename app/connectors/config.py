"""What the table `[connectors.<name>]` of every kind of department system declares."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic import Field as Key

from app.config_model import (
    SHOWN_DEFAULT,
    Number,
    Section,
    Texts,
    Whole,
    between,
    of_context,
    read_one_or_more,
    require,
)
from app.connectors.field_keys import OfCampus
from app.connectors.fields import Facts, Field
from app.domain.conventions import USUAL
from app.domain.person import STUDENT_NUMBER

NO_ACTIONS: Mapping[str, Section] = {}


class Limits(Section):
    """How a system may be called."""

    deadline_seconds: Annotated[Number, between(0.05, 60)] = Key(
        3, description="for a whole call with its waiting"
    )
    max_connections: Annotated[Whole, between(1, 1000)] = Key(
        256, description="calls at the same time; those beyond wait"
    )
    breaker_failures: Annotated[Whole, between(1, 1000)] = Key(
        10,
        description="after so many failed calls in a row, about three students at least, calls end at once",
    )
    breaker_pause_seconds: Annotated[Number, between(0.05, 600)] = Key(
        2, description="for so long; then one call goes through as a trial"
    )


class ConnectorConfig(Limits):
    """A department system: its name and the facts and actions that it has."""

    name: str
    conventions: OfCampus = USUAL
    kind: str = Key(description="how the system is asked: `http_json`, `http_xml`, `sql`, `sip2` or `desk`")
    asked_by: Annotated[Texts, BeforeValidator(read_one_or_more), require("names no key")] = Key(
        (STUDENT_NUMBER,),
        json_schema_extra={SHOWN_DEFAULT: f"`{STUDENT_NUMBER}`"},
        description="the key by which the system knows people, of `[person_keys]`; or a list, `student_number` among them "
        "perhaps: all are asked about, and all must pass. What is said below of the student number is said of the key "
        "then, the number that must be echoed among it",
    )
    fields: Facts[Field]
    actions: Annotated[Mapping[str, Section], *of_context("actions", NO_ACTIONS)] = NO_ACTIONS

    def get_facts(self) -> Mapping[str, Field]:
        """The facts of an answer, by name."""
        return self.fields

    def get_weakness(self, _fact: str) -> str:
        """Why a fact must not settle a step by itself; empty if it may."""
        return ""


def _check_certificates(ca_file: str) -> str:
    try:
        ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        raise ValueError("names a file without certificates that can be read") from None
    return ca_file


CaFile = Annotated[
    str,
    AfterValidator(_check_certificates),
    Key(description="the certificates to trust in place of the system's, in PEM"),
]
