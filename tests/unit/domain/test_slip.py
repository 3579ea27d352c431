"""The slip's record: its digest, its way through JSON, and masked names."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest

from app.domain.slip import PrintedField, get_content_digest, mask_name, parse_slip_record
from app.domain.slip_code import MAX_MASKED_NAME_BYTES
from tests.vectors.slip_code_forge import RECORD, SLIP_ID


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张**"),
        ("欧阳修", "欧阳*"),
        ("欧阳", "欧*"),
        (" 王五 ", "王*"),
        ("王", "王"),
        ("", ""),
        ("𠮷田", "𠮷*"),
        ("Maria Clementina", "M****"),
        (unicodedata.normalize("NFD", "Émile"), "É****"),
        ("Ẹ̀kọ́", "Ẹ̀**"),
        ("O’Connor-D'Arcy, Seán José", "O****"),
        ("José·María", "J****"),
        ("买买提·艾力", "买****"),
        ("葛\U000e0100晓明", "葛**"),
        ("བསྟན་འཛིན་རྒྱ་མཚོ", "བ****"),
        ("ཀྲུ་ཤི", "ཀྲུ**"),
        ("རྒྱུད་བཞི", "****"),
        ("ئابدۇرېشىت ئابلىز", "ئ****"),
        ("เจน", "เจ*"),
    ],
)
def test_a_masked_name_keeps_the_surname_alone(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize("name", ["ཀྲུ་ཤི", "རྒྱུད་བཞི", "Ẹ̀kọ́", "𠮷田", "欧阳修齐治平天下", "ئابلىز"])
def test_a_masked_name_in_the_slips_code_ends_at_a_whole_letter(name: str) -> None:
    """The code holds nine bytes of it: what is cut off is stars alone."""
    masked = mask_name(name)
    kept = masked.encode()[:MAX_MASKED_NAME_BYTES].decode()
    assert set(masked.removeprefix(kept)) <= {"*"}


def test_a_record_comes_back_from_json_whole() -> None:
    assert parse_slip_record(json.loads(json.dumps(RECORD.to_json()))) == RECORD


@pytest.mark.parametrize(
    "data", [{}, {**RECORD.to_json(), "more": ""}, {**RECORD.to_json(), "fields": [{"key": "name"}]}]
)
def test_another_shape_is_no_record(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        parse_slip_record(data)


def test_the_digest_is_of_the_slip_and_of_its_text_in_composed_form() -> None:
    first = RECORD.fields[0]
    decomposed = replace(first, value=unicodedata.normalize("NFD", first.value))
    same = replace(RECORD, fields=(decomposed, *RECORD.fields[1:]))

    assert decomposed != first
    assert get_content_digest(SLIP_ID, same) == get_content_digest(SLIP_ID, RECORD)
    assert get_content_digest(bytes(10), RECORD) != get_content_digest(SLIP_ID, RECORD)


def test_every_printed_text_counts_in_the_digest() -> None:
    step = RECORD.steps[0]
    steps = [
        replace(step, **{name: "?"})
        for name in ("key", "department", "title", "status", "status_word", "learnt_at")
    ]
    steps += [replace(step, facts=()), replace(step, facts=(*step.facts, PrintedField("", "", "")))]
    others = [
        replace(RECORD, **{name: "?"})
        for name in ("title", "number", "statement", "submitted_at", "issued_on")
    ]
    others += [replace(RECORD, steps=(other,)) for other in steps]
    others += [replace(RECORD, fields=()), replace(RECORD, fields=RECORD.fields[::-1])]

    digests = {get_content_digest(SLIP_ID, record) for record in (RECORD, *others)}

    assert len(digests) == len(others) + 1
