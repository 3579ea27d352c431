"""From a provider's claims to a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app import config_model
from app.domain.person import NumberForm, Person, Role, parse_person
from app.identity.base import ProviderMisbehaved, SignInRefused
from app.identity.claims import SeveralIdentities, find_claim, list_claim_names, read_person
from app.identity.settings import ProviderSettings
from tests.fixtures.odd_names import NAMES

PATHS: dict[str, Any] = {
    "claims": {
        "student_number": "number",
        "name": "name",
        "college": "college",
        "major": "major",
        "level": "level",
        "role": "role",
        "graduation_period": "period",
    },
    "roles": {"yjs": "student", "jzg": "teacher", "yjsy": "clerk", "bwc": "guard"},
}
STUDENT = {
    "number": "00230001",
    "name": "欧阳䶮𠮷𬭎",
    "college": "材料学院",
    "major": "材料",
    "level": "硕士",
    "role": "yjs",
    "period": "2026-06",
}


def read(table: dict[str, Any]) -> tuple[ProviderSettings, list[str]]:
    faults: list[str] = []
    given = {"name": "campus", "numbers": NumberForm()}
    found = config_model.read(ProviderSettings, {"label": "x", **table}, "sign_in.campus", faults, given)
    return found, faults


def person(**changes: object) -> Person:
    paths, faults = read(PATHS)
    assert not faults
    return read_person({key: value for key, value in (STUDENT | changes).items() if value is not ...}, paths)


def test_a_student_is_read_and_leading_zeros_stay() -> None:
    assert person() == Person("00230001", "欧阳䶮𠮷𬭎", Role.STUDENT, "材料学院", "材料", "硕士", "2026-06")


@pytest.mark.parametrize(
    ("language", "reads"),
    [("en", True), ("en-GB", True), ("EN_us", True), ("zh-CN", False), ("", False), ("enx", False)],
)
def test_a_student_whose_language_is_english_is_known_by_it(language: str, reads: bool) -> None:
    paths, faults = read(PATHS | {"claims": PATHS["claims"] | {"language": "locale"}})
    assert not faults
    assert read_person(STUDENT | {"locale": language}, paths).reads_english is reads
    assert not person(locale=language).reads_english


@pytest.mark.parametrize(("value", "role"), [("jzg", "teacher"), ("yjsy", "clerk"), ("bwc", "guard")])
def test_each_role_value_means_what_the_configuration_says(value: str, role: str) -> None:
    found = person(role=value)
    assert found.role == role
    assert found.graduation_period is None


def test_a_role_that_is_not_configured_is_refused_even_if_it_is_named_like_one_of_ours() -> None:
    with pytest.raises(SignInRefused, match=r"^unknown_role$"):
        person(role="clerk")


@pytest.mark.parametrize("key", ["number", "name", "role"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_a_missing_claim_is_refused_and_named(key: str, value: object) -> None:
    named = {"number": "student_number"}.get(key, key)
    with pytest.raises(SignInRefused, match=rf"^missing_claim:{named}$"):
        person(**{key: value})


ODD_NUMBERS = (
    230001,
    0,
    True,
    1.5,
    {"v": "TS1"},
    "TS 1",
    "TS-1",
    "T" * 33,
    "TS1\x00",
    "\u200b",
    ["TS1", "TS2"],
    ["TS1", 1],
    [["TS1"]],
)


@pytest.mark.parametrize("value", ODD_NUMBERS)
def test_a_number_is_a_text_of_ascii_letters_and_digits_or_refused(value: object) -> None:
    with pytest.raises(ProviderMisbehaved, match=r"^odd_claim:student_number$"):
        person(number=value)


ODD_TEXTS = (7, {"x": "y"}, "x" * 101, "张\x00三", "\x7f", "\ud840", "\u200b", [7, "x"])


@pytest.mark.parametrize("value", ODD_TEXTS)
def test_a_name_that_is_no_short_text_without_control_characters_is_refused(value: object) -> None:
    with pytest.raises(ProviderMisbehaved, match=r"^odd_claim:name$"):
        person(name=value)


@pytest.mark.parametrize("key", ["college", "major", "level", "period"])
@pytest.mark.parametrize("value", ODD_TEXTS)
def test_another_claim_like_that_is_left_empty_and_the_log_names_it(
    key: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    found = person(**{key: value})
    field = {"period": "graduation_period"}.get(key, key)
    assert getattr(found, field) == ""
    assert found == replace(person(), **{field: ""})
    assert [record.__dict__["claim"] for record in caplog.records] == [field]
    assert str(value) not in "".join(caplog.messages)


def test_the_reason_never_holds_the_value() -> None:
    with pytest.raises(ProviderMisbehaved) as raised:
        person(number="13800138000-")
    assert "138" not in str(raised.value)


def test_a_graduation_period_that_the_provider_leaves_out_is_known_to_be_none() -> None:
    assert person(period=...).graduation_period == ""


def test_a_graduation_period_that_is_not_configured_is_not_known() -> None:
    paths, _ = read({"claims": {"student_number": "number", "name": "name"}})
    assert read_person(STUDENT, paths).graduation_period is None


def test_without_a_role_claim_whoever_has_a_student_number_is_a_student() -> None:
    paths, faults = read({"claims": {"student_number": "xh", "staff_number": "gh", "name": "name"}})
    assert not faults
    assert read_person({"xh": "TS1", "gh": "0042", "name": "甲"}, paths).role is Role.STUDENT
    staff = read_person({"gh": "0042", "name": "乙"}, paths)
    assert (staff.role, staff.number) == (Role.TEACHER, "0042")
    with pytest.raises(SignInRefused, match="missing_claim:staff_number"):
        read_person({"name": "丙"}, paths)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.userId", "A"),
        ("entities[0].code", "B"),
        ("profiles[1].stno", "C"),
        ("grid[0][1]", "D"),
        ("people[kind=graduate].stno", "E"),
        ("people[kind=graduate].none", None),
        ("people[kind=doctor].stno", None),
        ("people[kind=teacher].stno", None),
        ("data[kind=graduate].stno", None),
        ("data.none", None),
        ("data.userId.more", None),
        ("entities[7].code", None),
        ("entities.code", None),
        ("data[0].userId", "A"),
        ("data.userId[0]", "A"),
        ("data[1]", None),
        ("nothing.at[0].all", None),
    ],
)
def test_a_path_leads_through_objects_and_lists_or_to_nothing(path: str, value: object) -> None:
    answer = {
        "data": {"userId": "A"},
        "entities": [{"code": "B"}],
        "profiles": [{"stno": "X"}, {"stno": "C"}],
        "grid": [["X", "D"]],
        "people": [
            {"kind": "graduate", "stno": "E"},
            {"kind": "teacher", "stno": "X"},
            {"kind": "teacher", "stno": "Y"},
            "nobody",
        ],
    }
    assert find_claim(answer, path) == value


def test_what_is_wrong_with_the_tables_is_named() -> None:
    wrong = {
        "claims": {"student_number": "a..b", "role": "role", "height": "cm"},
        "roles": {"yjs": "professor"},
    }
    _, faults = read(wrong)
    told = "\n".join(faults)
    for key in (
        "claims.student_number",
        "claims.name is missing",
        "claims.height",
        "roles.yjs",
    ):
        assert key in told


def test_roles_without_a_role_claim_are_a_contradiction_and_the_other_way_round() -> None:
    _, faults = read({"claims": {"student_number": "n", "name": "m"}, "roles": {"yjs": "student"}})
    assert faults == ["sign_in.campus.roles and claims.role need each other"]
    _, faults = read({"claims": {"student_number": "n", "name": "m", "role": "r"}})
    assert faults == ["sign_in.campus.roles and claims.role need each other"]


@pytest.mark.parametrize(
    "typed", ["ts23000008", " TS23000008", "tS23000008\u3000", "ＴＳ２３０００００８", "TS23000008\n"]
)
def test_a_number_has_one_form_however_it_was_typed(typed: str) -> None:
    assert person(number=typed).number == "TS23000008"
    assert person(number=[typed, "TS23000008"]).number == "TS23000008"


def test_a_number_outside_the_campus_s_pattern_is_refused() -> None:
    paths, _ = read(PATHS)
    strict = paths.model_copy(update={"numbers": NumberForm(r"TS\d{8}")})
    assert read_person(STUDENT | {"number": "ts23000008"}, strict).number == "TS23000008"
    with pytest.raises(ProviderMisbehaved, match=r"^odd_claim:student_number$"):
        read_person(STUDENT | {"number": "ts2300008"}, strict)


@pytest.mark.parametrize("value", NAMES)
def test_a_text_from_a_campus_signs_in_and_is_kept_clean_in_every_field(value: str) -> None:
    found = person(name=value, college=value, major=value, level=value, period=value)
    assert {found.name, found.college, found.major, found.level, found.graduation_period} == {NAMES[value]}


def test_a_list_and_a_text_are_read_by_one_path() -> None:
    one = person()
    listed: dict[str, object] = {key: [value] for key, value in STUDENT.items()}
    assert person(**listed) == one
    assert person(**(listed | {"college": ["材料学院", "另一学院"], "name": ["欧阳䶮𠮷𬭎", "Ouyang"]})) == one
    assert person(college=[], major=[None, "", "材料"]) == replace(one, college="")


@pytest.mark.parametrize(
    ("words", "role"),
    [
        (["everybody", "yjs"], "student"),
        (["jzg", "yjs"], "student"),
        (["bwc", "jzg", 7, None], "teacher"),
        ([" yjsy\u3000"], "clerk"),
    ],
)
def test_of_several_roles_the_first_that_is_configured_counts(words: list[object], role: str) -> None:
    assert person(role=words).role == role


def test_roles_of_which_none_is_known_are_refused() -> None:
    with pytest.raises(SignInRefused, match=r"^unknown_role$"):
        person(role=["everybody", "yj\x00s"])
    with pytest.raises(ProviderMisbehaved, match=r"^odd_claim:role$"):
        person(role=[7])


def test_an_identity_with_an_odd_number_does_not_lock_the_others_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths, _ = read({"claims": {"student_number": "identity.no", "name": "name", "identities": "all"}})
    odd, good = {"no": "2019-07"}, {"no": "ts1"}
    assert read_person({"name": "甲", "all": [odd, good]}, paths).number == "TS1"
    assert read_person({"name": "甲", "all": good}, paths).number == "TS1"
    assert "2019" not in caplog.text
    with pytest.raises(ProviderMisbehaved, match=r"^odd_claim:student_number$"):
        read_person({"name": "甲", "all": [odd]}, paths)


def test_the_same_number_twice_is_one_identity() -> None:
    paths, _ = read({"claims": {"student_number": "identity.no", "name": "name", "identities": "all"}})
    assert read_person({"name": "甲", "all": [{"no": "ts1"}, {"no": "TS1"}]}, paths).number == "TS1"


def test_a_name_with_dots_is_taken_whole() -> None:
    address = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
    paths, faults = read({"claims": {"student_number": "upn", "name": address}})
    assert not faults
    assert read_person({"upn": "ts1", address: "甲"}, paths).name == "甲"


def test_a_missing_claim_tells_which_names_arrived_and_no_value() -> None:
    came = {
        "sub": "u-17",
        "attributes": {"cn": "李文静", "groups": ["a"]},
        "list": [{"code": "TS23000002"}],
        "TS23000002": "x",
        "a b": 1,
        "http://example.edu/claims/name": "李文静",
    }
    paths, _ = read(PATHS)
    with pytest.raises(SignInRefused, match=r"^missing_claim:role$") as refused:
        read_person(came, paths)
    assert refused.value.arrived == (
        "sub",
        "attributes.cn",
        "attributes.groups",
        "list[0].code",
        "http://example.edu/claims/name",
    )
    many = {f"c{place}": place for place in range(100)}
    assert len(list_claim_names(many)) == 30


def test_what_else_a_provider_tells_is_kept_by_its_name_and_what_it_does_not_tell_is_not_there() -> None:
    settings, faults = read({**PATHS, "attributes": {"kind": "identity.pylx", "party_member": "zzmm"}})
    assert faults == []
    found = read_person({**STUDENT, "identity": {"pylx": " 非全日制 "}}, settings)
    assert found.attributes == {"kind": "非全日制"}
    assert parse_person(found.to_json()) == found


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("level", "sign_in.campus.attributes.level is a key of [.claims]"),
        ("Kind", "sign_in.campus.attributes.Kind.[key] must match [a-z][a-z0-9_]{0,39}"),
    ],
)
def test_an_attribute_has_a_plain_name_that_no_claim_has(name: str, fault: str) -> None:
    assert read({**PATHS, "attributes": {name: "pycc"}})[1] == [fault]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (" 60010002 ", {"card": ("60010002",)}),
        (["60010002", "60010003"], {"card": ("60010002", "60010003")}),
        (None, {"card": ()}),
        ([], {"card": ()}),
        (60010002, {}),
        (["60010002", 60010003], {}),
        ("6001\x070002", {}),
        (["1"] * 11, {}),
    ],
)
def test_a_key_is_kept_and_in_no_copy_that_is_stored(value: object, found: dict[str, Any]) -> None:
    settings, faults = read({**PATHS, "keys": {"card": "ykth"}})
    assert faults == []
    person = read_person({**STUDENT, "ykth": value}, settings)
    assert person.keys == found
    assert "keys" not in person.to_json()
    assert "60010002" not in f"{person!r} {person.to_json()}"
    assert parse_person(person.to_json() | {"keys": dict(person.keys)}).keys == found


def test_identities_with_one_number_and_different_roles_are_several() -> None:
    table = {
        "claims": {
            "student_number": "identity.no",
            "name": "name",
            "role": "identity.role",
            "identities": "ids",
        },
        "roles": {"jzg": "teacher", "bsh": "postdoc"},
    }
    paths, _ = read(table)
    ids = [{"no": "0042", "role": "jzg"}, {"no": "0042", "role": "bsh"}, {"no": "0042", "role": "bsh"}]
    with pytest.raises(SeveralIdentities) as several:
        read_person({"name": "甲", "ids": ids}, paths)
    assert [person.role for person in several.value.people] == [Role.TEACHER, Role.POSTDOC]
