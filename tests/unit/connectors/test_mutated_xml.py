"""1,000 broken answers each in XML and SOAP, and 10,000 in `make soak`: none lets a student pass who must not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.connectors.base import UntrustedAnswer
from app.connectors.fields import FieldType
from app.connectors.http.client import HttpConfig
from app.domain.clearance import Record
from tests.unit.connectors.answers import OUTSTANDING, clears
from tests.unit.connectors.demo import prove
from tests.unit.connectors.mutations import Form
from tests.unit.connectors.test_mutated_answers import MUTANTS, FalseClear, read_mutants
from tests.unit.connectors.xml_forms import (
    SOAP_FORM,
    XML_FORM,
    XML_TYPE,
    read_configs,
    soap_sections,
    xml_sections,
)

FORMS = {
    "xml": (XML_FORM, read_configs(xml_sections())),
    "soap": (SOAP_FORM, read_configs(soap_sections())),
}
Configs = Mapping[str, HttpConfig]
both_forms = pytest.mark.parametrize(("form", "configs"), FORMS.values(), ids=FORMS)


def read_leniently(config: HttpConfig, body: bytes, _content_type: str) -> tuple[Record, ...]:
    """A reader as one writes it in a hurry: it looks for the elements wherever they are, and what is missing is nothing."""
    root = ET.fromstring(body)
    *_, container, name = ("", *map(str, config.rows_path))
    rows = root.findall(f".//{container}/{name}") if name == "row" else root.findall(f".//{name}")
    return tuple(_read_leniently(config, row) for row in rows)


def _read_leniently(config: HttpConfig, row: Any) -> Record:
    record: dict[str, Any] = {}
    for fact, field in config.fields.items():
        value = row.findtext(str(field.path[0])) or ""
        if field.type in (FieldType.COUNT, FieldType.MONEY):
            value = Decimal(value or 0)
        record[fact] = (field.values or {}).get(value, value)
    return record


@both_forms
def test_no_mutated_answer_of_a_thousand_lets_a_student_pass(form: Form, configs: Configs) -> None:
    assert read_mutants(MUTANTS, prove, UntrustedAnswer, form=form, configs=configs) > MUTANTS / 2


@both_forms
def test_a_lenient_reader_lets_students_pass_on_the_same_mutants(form: Form, configs: Configs) -> None:
    with pytest.raises(FalseClear):
        read_mutants(MUTANTS, read_leniently, Exception, form=form, configs=configs)


@both_forms
@pytest.mark.parametrize(("system", "answer"), OUTSTANDING)
def test_the_answers_before_mutation_are_read_and_do_not_pass(
    form: Form, configs: Configs, system: str, answer: dict[str, Any]
) -> None:
    body = form.write(answer).encode()
    assert not clears(system, prove(configs[system], body, XML_TYPE))
    assert not clears(system, read_leniently(configs[system], body, XML_TYPE))
