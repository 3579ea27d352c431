"""A slip in both languages: what is joined, and that every word of it is signed."""

from __future__ import annotations

from dataclasses import replace

from app.domain.slip import get_content_digest, parse_slip_record
from tests.fixtures.slips import BOTH, LATIN

SLIP_ID = bytes(10)


def test_english_stands_behind_the_chinese_and_values_that_say_the_same_stand_once() -> None:
    assert [field.label for field in BOTH.fields[:2]] == ["姓名 Name", "学号 Student number"]
    assert [field.value for field in BOTH.fields] == [field.value for field in LATIN.fields]
    step = BOTH.steps[0]
    assert (step.department, step.title, step.status_word) == (
        "图书馆 Library",
        "图书借阅 Library loans",
        "通过 Passed",
    )
    assert [(fact.label, fact.value) for fact in step.facts[2:]] == [
        ("违章 Violations", "0 次"),
        ("借书证状态 Library card", "已注销 cancelled"),
    ]
    assert BOTH.title == LATIN.title
    assert "Departure Slip" in BOTH.second_title


def test_the_english_title_is_signed_and_slips_without_one_are_signed_as_ever() -> None:
    digest = get_content_digest(SLIP_ID, BOTH)
    assert get_content_digest(SLIP_ID, replace(BOTH, second_title="Another")) != digest
    assert get_content_digest(SLIP_ID, replace(BOTH, second_title="")) != digest
    assert get_content_digest(SLIP_ID, LATIN).hex() == "edba8d4cc76daad431fc4f5240c91da9"


def test_a_record_from_before_there_were_two_languages_is_the_same_slip() -> None:
    stored = LATIN.to_json()
    assert "second_title" not in stored
    assert parse_slip_record(stored) == LATIN
    assert parse_slip_record(BOTH.to_json()) == BOTH


def test_the_office_and_its_seal_are_signed_and_slips_without_them_are_signed_as_ever() -> None:
    official = replace(LATIN, office="研究生院", second_office="Graduate School", seal="ab" * 32)
    others = [
        LATIN,
        official,
        replace(official, office="教务部"),
        replace(official, second_office=""),
        replace(official, seal=""),
        replace(LATIN, office="研究生院"),
        replace(LATIN, second_title="研究生院"),
        replace(official, second_title="Departure Slip"),
    ]
    digests = {get_content_digest(SLIP_ID, record) for record in others}
    assert len(digests) == len(others)
    assert get_content_digest(SLIP_ID, LATIN).hex() == "edba8d4cc76daad431fc4f5240c91da9"


def test_a_record_from_before_there_was_an_office_is_the_same_slip() -> None:
    official = replace(LATIN, office="研究生院", seal="ab" * 32)
    assert not {"office", "second_office", "seal"} & LATIN.to_json().keys()
    assert parse_slip_record(official.to_json()) == official
