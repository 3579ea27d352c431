"""A field is added to the slip by the manifest alone, and one that nobody can fill is told at start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.domain.clearance import Reading, RuleResult, Status, StepState
from app.domain.mini_app import PERSON_FIELDS, MiniApp
from app.domain.person import Person, Role
from app.domain.slip import COMPARED, SlipRecord
from app.mini_apps.loader import load_mini_app
from app.services.slips.records import make_record
from app.services.slips.slips import get_slip, render_pdf
from tests.fixtures.office import Office, open_office
from tests.unit.documents.tools import extract_text

CARD = Path(__file__).resolve().parents[2] / "fixtures" / "mini_apps" / "library_card"
NOW = datetime(2026, 6, 20, 1, 30, tzinfo=UTC)
PERSON = Person("TS23000001", "李文静", Role.STUDENT, college="计算机学院", major="软件工程", level="硕士")
PRINTED = {"major": "软件工程", "period": "2026年夏季"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office")) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CARD, tmp_path / "library_card"))


def add_field(folder: Path, key: str) -> None:
    """A field of this key on the slip and in its sample, as an author would write it."""
    manifest, sample = folder / "manifest.toml", folder / "sample.json"
    manifest.write_text(f'{manifest.read_text()}\n[[slip.fields]]\nkey = "{key}"\nlabel = "Added"\n')
    record = json.loads(sample.read_text())
    record["fields"].append({"key": key, "label": "Added", "value": "样例"})
    sample.write_text(json.dumps(record, ensure_ascii=False))


def load(folder: Path) -> MiniApp:
    faults: list[str] = []
    mini_app = load_mini_app(folder, faults)
    assert faults == []
    assert mini_app is not None
    return mini_app


def write_slip(office: Office, mini_app: MiniApp, person: Person = PERSON) -> SlipRecord:
    """What a submission makes of a student who owes nothing."""
    installed = replace(office.installation.mini_apps["graduate-departure"], mini_app=mini_app)
    reading = Reading("loans", PERSON.number, ({"overdue_books": 0},), NOW)
    states = {"loans": StepState("loans", RuleResult(Status.CLEARED), reading, NOW)}
    return make_record(office.installation, installed, person, states, NOW)


def test_a_field_that_the_manifest_adds_is_printed_on_the_slip(office: Office, folder: Path) -> None:
    added = sorted(set(PERSON_FIELDS) - set(COMPARED))
    assert [write_slip(office, load(folder)).get_field(key) for key in added] == ["", ""]
    for key in added:
        add_field(folder, key)
    record = write_slip(office, load(folder))
    assert {key: record.get_field(key) for key in added} == PRINTED
    text = extract_text(render_pdf(get_slip(office.installation, office.store(record), PERSON.number)))
    assert text.count("Added") == len(added)
    assert all(value in text for value in PRINTED.values())


def test_a_field_that_can_be_no_attribute_is_told_by_the_loader(folder: Path) -> None:
    add_field(folder, "Supervisor")
    faults: list[str] = []
    load_mini_app(folder, faults)
    assert faults == ["library_card/manifest.toml: slip.fields[4].key must match [a-z][a-z0-9_]{0,39}"]


def test_an_attribute_that_the_manifest_adds_is_printed_and_is_a_dash_where_no_sign_in_tells_it(
    office: Office, folder: Path
) -> None:
    add_field(folder, "supervisor")
    assert write_slip(office, load(folder)).get_field("supervisor") == "—"
    told = replace(PERSON, attributes={"supervisor": "周文远"})
    assert write_slip(office, load(folder), told).get_field("supervisor") == "周文远"
