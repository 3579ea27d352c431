"""Keys of people that fit nothing are told at start, all at once, by their keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.connectors.registry import read_connectors
from app.services.clearance.key_wiring import check_person_keys
from app.settings import read_settings
from tests.fixtures.key_examples import read_example
from tests.unit.test_settings import make_data

Data = dict[str, Any]


def make_example() -> Data:
    """A whole configuration with the examples of the documents."""
    data = make_data() | read_example()
    data["connectors"]["gym"]["credential"] = "some-key-of-the-gym"
    for name in ("identity_view", "number_view"):
        data["connectors"][name]["url"] = "sqlite:////srv/views.sqlite3"
    data["sign_in"] = {"campus": {"kind": "oidc", "keys": {"card_number": "card_no"}}}
    step = {"steps": {"gym": "gym"}, "canaries": {"gym": {"passes": "TS00000001", "fails": "TS00000002"}}}
    for mini_app in data["mini_apps"].values():
        mini_app |= step
    return data


def find_faults(change: Callable[[Data], object]) -> list[str]:
    data = make_example()
    change(data)
    settings = read_settings(data, [])
    configs = read_connectors(
        settings.connectors, settings.faults, settings.conventions, settings.person_keys
    )
    settings.faults.extend(check_person_keys(settings, configs))
    return settings.faults


def put(*place: str, value: object) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        for name in place[:-1]:
            data = data.setdefault(name, {})
        data[place[-1]] = value

    return change


def test_the_examples_of_the_documents_fit() -> None:
    assert find_faults(lambda _: None) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            put("connectors", "gym", "asked_by", value="card"),
            "connectors.gym.asked_by names no key of [person_keys]: card",
        ),
        (put("connectors", "gym", "asked_by", value=[]), "connectors.gym.asked_by names no key"),
        (
            put("connectors", "fees", "asked_by", value="earlier_number"),
            "connectors.fees.asked_by names only keys that a person need not have: nobody would be asked about",
        ),
        (
            put("person_keys", "earlier_number", "case", value="kept"),
            "",
        ),
        (
            put("sign_in", "campus", "keys", value={}),
            "person_keys.card_number is told by nobody: name a connector, or [sign_in.<name>.keys]",
        ),
        (
            put("sign_in", "campus", "keys", "other", value="x"),
            "sign_in.campus.keys has other, which is no key of [person_keys]",
        ),
        (
            put("sign_in", "campus", "keys", "identity_number", value="x"),
            "sign_in.campus.keys has identity_number, which person_keys.identity_number.connector tells: one of them alone",
        ),
        (
            put("person_keys", "identity_number", "connector", value="nowhere"),
            "person_keys.identity_number.connector names no connector: nowhere",
        ),
        (
            put("person_keys", "identity_number", "fact", value="xh"),
            "person_keys.identity_number.fact is no text among the facts of identity_view: xh",
        ),
        (
            put("person_keys", "identity_number", "fact", value=""),
            "person_keys.identity_number.fact is missing",
        ),
        (
            put("person_keys", "card_number", "canaries", value={"TS00000001": "60000001"}),
            "person_keys.card_number.canaries lacks TS00000002, canary students of mini_apps.graduate_departure.canaries.gym",
        ),
        (
            put("person_keys", "card_number", "canaries", "TS00000001", value="6000"),
            "person_keys.card_number.canaries has a key of TS00000001 that does not match the pattern",
        ),
        (
            put("person_keys", "card_number", "canaries", "TS00000001", value=["60000001", "60000003"]),
            "person_keys.card_number.canaries has none or several keys of TS00000001",
        ),
        (
            put("person_keys", "card_number", "canaries", "TS00000002", value=" 60000001"),
            "person_keys.card_number.canaries has one key for TS00000001 and TS00000002: it is one person's",
        ),
        (
            put("connectors", "identity_view", "asked_by", value="identity_number"),
            "connectors.identity_view.asked_by leads round in a circle through [person_keys]",
        ),
        (
            put("person_keys", "earlier_number", "holder", value=""),
            "person_keys.earlier_number.holder is missing: a connector that lost its rows would tell of nobody's key",
        ),
        (
            put("person_keys", "earlier_number", "holder", value="ts23000009 "),
            "person_keys.earlier_number.holder is no student number in the form of [numbers]",
        ),
        (
            put("person_keys", "reader_number", "holder", value="TS23000009"),
            "person_keys.reader_number.holder is for an optional key that a connector tells",
        ),
        (
            put("connectors", "number_view", "asked_by", value="card_number"),
            "person_keys.card_number.canaries lacks TS23000009, the holder of person_keys.earlier_number",
        ),
        (
            put("connectors", "identity_view", "keys_statement", value=""),
            "connectors.identity_view.keys_statement is missing: two people with one key, written in two ways, would not be seen",
        ),
        (
            put("person_keys", "reader_number", "connector", value="number_view"),
            "connectors.number_view.keys_statement is for one key, and there are 2: give each a connector of its own",
        ),
        (
            put("person_keys", "earlier_number", "connector", value="reader_centre"),
            "connectors.number_view.keys_statement is for a view that tells a key of [person_keys]",
        ),
        (put("person_keys", "card_number", "contact", value=""), "person_keys.card_number.contact is empty"),
        (
            put("person_keys", "student_number", value={"label": "学号", "contact": "学籍科"}),
            "person_keys.student_number is not a name for a key: small letters, digits and _, not student_number",
        ),
    ],
)
def test_what_cannot_work_is_told(change: Callable[[Data], None], fault: str) -> None:
    found = find_faults(change)
    assert (fault in found) if fault else (found == []), found


def test_a_connector_of_a_step_tells_no_key_since_what_steps_learn_is_stored() -> None:
    def change(data: Data) -> None:
        data["mini_apps"]["graduate_departure"]["steps"]["gym"] = "identity_view"

    (fault,) = find_faults(change)
    assert fault.startswith("person_keys.identity_number.connector answers for a step: its facts are stored")


def test_a_desk_is_not_asked_by_another_key_and_a_key_of_nobody_is_told() -> None:
    def change(data: Data) -> None:
        desk = {"kind": "desk", "number_column": "学号", "no_record": "never", "asked_by": "card_number"}
        data["connectors"]["gym"] = desk | {"fields": {"done": {"path": "办结", "type": "flag"}}}
        data["connectors"]["household"]["asked_by"] = "student_number"

    assert find_faults(change) == [
        "connectors.gym.asked_by is not for a desk, whose clerks record by student number",
        "person_keys.identity_number is used by no connector: name it as asked_by",
    ]
