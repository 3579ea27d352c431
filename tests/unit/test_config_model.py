"""Declared tables: every mistake is told at once by its key, types are strict, and no value is told."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from app.config_model import (
    Choice,
    Day,
    EnvironmentText,
    Flag,
    Mistakes,
    Number,
    OptionalSecret,
    PathText,
    Secret,
    Section,
    Tables,
    Text,
    Texts,
    Whole,
    between,
    matching,
    of_context,
    one_of,
    read,
    read_kind,
    require,
)

HIDDEN = "h7-Qk2-9f86d081"


class Pace(StrEnum):
    SLOW = "slow"
    QUICK = "quick"


class Wheel(Section):
    kind: Literal["wheel"] = "wheel"
    spokes: Annotated[Whole, between(1, 64)] = 32


class Sail(Section):
    kind: Literal["sail"]
    area: Number


class Cart(Section):
    owner: Text
    badge: Annotated[str, matching("[A-Z]{2}")] = ""
    pace: Choice[Pace] = Pace.SLOW
    load: Annotated[Number, between(0.5, 30)] = 3
    is_covered: Flag = False
    made_on: Day = date(2026, 1, 1)
    places: Texts = ()
    plan: PathText = Path("plan")
    wheels: Tables[Wheel] = ()
    spare: dict[str, Wheel] = Field(default_factory=dict)
    key: OptionalSecret = ""

    @model_validator(mode="after")
    def check_places(self) -> Cart:
        wrong = [place for place in self.places if place == "sea"]
        if wrong:
            raise Mistakes(("places", "has the sea"), ("", "cannot swim"))
        return self


def mistakes_of(**table: Any) -> list[str]:
    faults: list[str] = []
    read(Cart, {"owner": "x", **table}, "cart", faults)
    return faults


def test_a_day_may_be_written_as_toml_writes_one() -> None:
    faults: list[str] = []
    cart = read(Cart, {"owner": "x", **tomllib.loads("made_on = 2026-06-01")}, "cart", faults)
    assert (faults, cart and cart.made_on) == ([], date(2026, 6, 1))
    assert mistakes_of(made_on=datetime(2026, 6, 1, tzinfo=UTC)) != []


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("owner", "", "owner is empty"),
        ("owner", 1, "owner must be a text"),
        ("colour", "red", "colour is not a known key"),
        ("badge", "ABC", "badge must match [A-Z]{2}"),
        ("pace", "fast", "pace must be one of slow, quick"),
        ("load", 31, "load must be from 0.5 to 30"),
        ("load", True, "load must be a number"),
        ("load", "much", "load must be a number"),
        ("is_covered", "yes", "is_covered must be true or false"),
        ("is_covered", 1, "is_covered must be true or false"),
        ("made_on", "2026-02-30", "made_on is no day of the calendar: 2026-02-30"),
        ("made_on", "soon", "made_on must match [0-9]{4}-[0-9]{2}-[0-9]{2}"),
        ("made_on", 20260101, 'made_on must be a day such as "2026-06-01"'),
        ("places", ["a", 1], "places must be a list of texts"),
        ("places", 1, "places must be a list"),
        ("plan", "", "plan is empty"),
        ("wheels", {"spokes": 3}, "wheels must be a list"),
        ("wheels", [{}, {"spokes": 3.0}], "wheels[1].spokes must be a whole number"),
        ("wheels", [{}, 3], "wheels[1] must be a table"),
        ("spare", {"left": {"spokes": 0}}, "spare.left.spokes must be from 1 to 64"),
        ("spare", [], "spare must be a table"),
    ],
)
def test_a_mistake_is_told_by_its_key(key: str, value: object, sentence: str) -> None:
    assert mistakes_of(**{key: value}) == [f"cart.{sentence}"]


def test_all_mistakes_are_told_at_once() -> None:
    faults: list[str] = []
    read(Cart, {"pace": "fast", "wheels": [{"spokes": 0}], "colour": 1}, "cart", faults)
    assert faults == [
        "cart.owner is missing",
        "cart.pace must be one of slow, quick",
        "cart.wheels[0].spokes must be from 1 to 64",
        "cart.colour is not a known key",
    ]
    faults = []
    read(Cart, "a cart", "cart", faults)
    assert faults == ["cart must be a table"]


def test_a_check_of_several_keys_names_each() -> None:
    assert mistakes_of(places=["sea"]) == ["cart.places has the sea", "cart cannot swim"]


def test_what_the_environment_says_in_texts_counts() -> None:
    faults: list[str] = []
    table = {
        "owner": "x",
        "load": "2.5",
        "is_covered": "true",
        "places": "a, b,",
        "wheels": [{"spokes": "7"}],
    }
    read(Cart, table, "cart", faults)
    assert len(faults) == 4  # a file says a number without quotes

    def write(value: Any) -> Any:
        return EnvironmentText(value) if isinstance(value, str) else [{"spokes": EnvironmentText("7")}]

    faults.clear()
    cart = read(Cart, {key: write(value) for key, value in table.items()}, "cart", faults)
    assert faults == []
    assert (cart.load, cart.is_covered, cart.places, cart.wheels[0].spokes) == (2.5, True, ("a", "b"), 7)


def test_after_a_mistake_the_rest_can_still_be_looked_at() -> None:
    cart = read(Cart, {"pace": "fast", "load": 7, "spare": {"left": {}}}, "cart", [])
    assert (cart.pace, cart.load, cart.spare) == (Pace.SLOW, 7, {"left": Wheel()})
    assert "owner" not in cart.model_fields_set
    assert not hasattr(cart, "owner")


def test_what_was_read_cannot_be_changed() -> None:
    cart = read(Cart, {"owner": "x"}, "cart", [])
    with pytest.raises(ValidationError):
        cart.load = 7


def test_a_table_is_read_by_its_kind() -> None:
    kinds: dict[str, type[Wheel] | type[Sail]] = {"wheel": Wheel, "sail": Sail}
    faults: list[str] = []
    assert read_kind(kinds, {"kind": "sail", "area": 2}, "x", faults) == Sail(kind="sail", area=2)
    assert faults == []
    assert read_kind(kinds, {"kind": "oars"}, "x", faults) is None
    assert read_kind(kinds, {}, "x", faults) is None
    assert faults == ["x.kind must be one of wheel, sail", "x.kind is missing"]


class Crew(Section):
    size: Annotated[Whole, between(1, 9)]
    berths: Whole = 4
    pace: Annotated[Choice[Pace], one_of(Pace.SLOW)] = Pace.SLOW
    names: Annotated[Texts, require("names nobody")] = ("Ana",)
    ship: Annotated[str, *of_context("ship", "")] = ""

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.size > self.berths:
            yield "size", "is more than berths"


@pytest.mark.parametrize(
    ("table", "sentences"),
    [
        ({"size": 3}, []),
        ({"size": 3, "berths": 2}, ["size is more than berths"]),
        ({"size": 0, "berths": -1}, ["size must be from 1 to 9"]),
        ({"size": 3, "pace": "quick"}, ["pace must be one of slow"]),
        ({"size": 3, "berths": 2, "pace": "quick"}, ["pace must be one of slow", "size is more than berths"]),
        ({"size": 3, "berths": 2, "deck": 1}, ["deck is not a known key", "size is more than berths"]),
        ({"size": 8, "berths": "8"}, ["berths must be a whole number"]),
        ({"size": 3, "names": []}, ["names names nobody"]),
        ({"size": 3, "ship": "Argo"}, ["ship is not a known key"]),
    ],
)
def test_keys_may_contradict_each_other_and_some_attributes_are_no_keys(
    table: dict[str, Any], sentences: list[str]
) -> None:
    faults: list[str] = []
    crew = read(Crew, table, "crew", faults, ship="Argo")
    assert faults == [f"crew.{sentence}" for sentence in sentences]
    assert faults or crew.ship == "Argo"


class Fleet(Section):
    name: str
    sail: Sail
    label: Text


def test_a_table_that_is_missing_lacks_its_own_keys() -> None:
    faults: list[str] = []
    read(Fleet, {}, "fleet", faults, {"name": "north"})
    assert faults == ["fleet.sail.kind is missing", "fleet.sail.area is missing", "fleet.label is missing"]


def test_what_is_given_beside_the_table_is_no_key_of_it() -> None:
    faults: list[str] = []
    table = {"sail": {"kind": "sail", "area": 1.0}, "label": "x"}
    assert read(Fleet, table, "fleet", faults, {"name": "north"}).name == "north"
    assert faults == []
    read(Fleet, {**table, "name": "south"}, "fleet", faults, {"name": "north"})
    assert faults == ["fleet.name is not a known key"]


class Safe(Section):
    password: Secret
    token: OptionalSecret = ""


def make_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_secret_may_stand_in_a_file_that_is_its_owners_alone(tmp_path: Path) -> None:
    faults: list[str] = []
    safe = read(Safe, {"password_file": make_file(tmp_path, HIDDEN + "\n")}, "safe", faults)
    assert (faults, safe.password, HIDDEN in repr(safe)) == ([], HIDDEN, False)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        (
            HIDDEN,
            0o644,
            "safe.password_file names a file that is open to others (mode 0644): chmod 600 {path}",
        ),
        ("\n", 0o600, "safe.password_file names an empty file: {path}"),
        ("change-me", 0o600, "safe.password is a sample and no secret: set one of your own"),
    ],
)
def test_what_is_wrong_with_a_secret_s_file_is_told(
    tmp_path: Path, text: str, mode: int, sentence: str
) -> None:
    path = make_file(tmp_path, text, mode)
    faults: list[str] = []
    read(Safe, {"password_file": path}, "safe", faults)
    assert faults == [sentence.format(path=path)]


def test_a_secret_is_never_told() -> None:
    for table in (
        {"password": HIDDEN, "password_file": "/secret"},
        {"password": HIDDEN, "token": "change-me" + HIDDEN},
        {"password": "", "token": [HIDDEN]},
        {"token_file": 3, HIDDEN[:2]: HIDDEN},
    ):
        faults: list[str] = []
        safe = read(Safe, table, "safe", faults)
        assert faults
        assert HIDDEN not in "".join(faults) + repr(safe)
