"""Who issues a slip, by the manifest or by the configuration, and what becomes of old slips when that changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.documents import seals
from app.domain.clearance import Reading, RuleResult, Status, StepState
from app.domain.person import Person, Role
from app.domain.slip import SlipRecord
from app.domain.slip_code import Verdict
from app.extensions import db
from app.factory import create_app
from app.services.installation import Installation
from app.services.operations.health import check_all
from app.services.slips.files import count_missing_seals, hand_out_pdf
from app.services.slips.records import make_record
from app.services.slips.slips import SlipView, get_slip, render_pdf, render_png
from app.services.verification.uploads import FileState, verify_file
from app.settings import SettingsError, load_settings
from tests.campus.run import make_environment
from tests.fixtures.office import Office
from tests.fixtures.seals import draw_seal, load_sample_seal
from tests.fixtures.slips import OFFICIAL, SEALED
from tests.unit.documents.tools import extract_text, read_qr, squeeze

OWN = "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__"
STATEMENT = "该生离校手续已全部办结。"
NOW = datetime(2026, 6, 20, 1, 30, tzinfo=UTC)
PERSON = Person("TS23000001", "李文静", Role.STUDENT, college="计算机学院", major="软件工程", level="硕士")
CHANGES = {OWN + "STATEMENT": STATEMENT, OWN + "ISSUING_OFFICE": "中国矿业大学教务部"}
ENGLISH = """
[english]
"中国矿业大学教务部" = "Office of Academic Affairs"
"该生离校手续已全部办结。" = "This student has settled everything."
"""


def configure(folder: Path, changes: Mapping[str, str], words: str = ENGLISH) -> Installation:
    """An installation with these changes and further words in English."""
    file = folder / "words.toml"
    file.write_text(words, "utf-8")
    environment = make_environment(folder, 8000, "http://127.0.0.1:9")
    files = f"{environment['LIXIAO_CONFIG']}:{file}"
    settings = load_settings({**environment, **changes, "LIXIAO_CONFIG": files})
    installation: Installation = create_app(settings).extensions["installation"]
    return installation


def write_slip(installation: Installation, language: str = "") -> SlipRecord:
    """What a submission makes of a student who owes nothing."""
    installed = installation.mini_apps["graduate-departure"]
    states = {
        key: StepState(key, RuleResult(Status.CLEARED), Reading(key, PERSON.number, ({},), NOW), NOW)
        for key in installed.mini_app.step_keys
    }
    return make_record(installation, installed, replace(PERSON, language=language), states, NOW)


@pytest.fixture
def sealed(office: Office) -> SlipView:
    """A stored slip with a seal."""
    return get_slip(office.installation, office.store(SEALED), None)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A host that has no seals."""
    return lambda: monkeypatch.setattr(seals, "_seals", {})


def test_the_manifest_names_the_office_and_both_languages_have_it(tmp_path: Path) -> None:
    installation = configure(tmp_path, {})
    chinese, both = write_slip(installation), write_slip(installation, "en")
    assert (chinese.office, chinese.second_office, chinese.seal) == ("中国矿业大学研究生院", "", "")
    assert both.office == chinese.office
    assert both.second_office == "Graduate School, China University of Mining and Technology"


def test_an_installation_puts_its_own_words_and_seal_without_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "seal.png").write_bytes(draw_seal())
    installation = configure(tmp_path, CHANGES | {OWN + "SEAL": str(tmp_path / "seal.png")})
    chinese, both = write_slip(installation), write_slip(installation, "en")
    assert (chinese.statement, chinese.office) == (STATEMENT, "中国矿业大学教务部")
    assert both.statement == f"{STATEMENT} This student has settled everything."
    assert both.second_office == "Office of Academic Affairs"
    assert chinese.seal == both.seal == load_sample_seal().digest


def test_own_words_without_english_are_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        configure(tmp_path, CHANGES, words="")
    assert told.value.faults[:2] == (
        "mini_apps.graduate_departure.statement has no English: put it into [english]",
        "mini_apps.graduate_departure.issuing_office has no English: put it into [english]",
    )


def test_a_file_that_is_no_seal_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "seal.png").write_bytes(b"no picture")
    with pytest.raises(SettingsError, match=r"graduate_departure\.seal names a file that is no PNG"):
        configure(tmp_path, {OWN + "SEAL": str(tmp_path / "seal.png")})


def test_office_day_and_statement_stand_on_the_paper(office: Office) -> None:
    slip = get_slip(office.installation, office.store(OFFICIAL), None)
    text = extract_text(render_pdf(slip))
    day = slip.record.issued_on
    printed = f"{int(day[:4])}年{int(day[5:7])}月{int(day[8:])}日"
    assert squeeze(f"{OFFICIAL.statement}（盖章处）{OFFICIAL.office}{printed}") in text


def test_a_slip_stays_the_same_when_its_office_is_another(office: Office, tmp_path: Path) -> None:
    number = office.store(OFFICIAL)
    before = render_pdf(get_slip(office.installation, number, None))
    renewed = configure(tmp_path, CHANGES)
    assert render_pdf(get_slip(renewed, number, None)) == before


def test_two_hosts_draw_the_same_sealed_slip(office: Office, sealed: SlipView, tmp_path: Path) -> None:
    """The one has the seal as today's, the other as a former one."""
    before = render_pdf(sealed)
    seals._seals.clear()
    (tmp_path / "seal.png").write_bytes(draw_seal())
    configure(tmp_path, {"LIXIAO_SLIP__FORMER_SEALS": str(tmp_path / "seal.png")})
    assert render_pdf(sealed) == before
    assert verify_file(office.installation, before).state is FileState.GENUINE


@pytest.mark.parametrize("is_handed_out", [True, False])
def test_without_its_seal_a_slip_is_drawn_and_its_old_file_is_no_other(
    office: Office, sealed: SlipView, lost: Callable[[], None], is_handed_out: bool
) -> None:
    data = hand_out_pdf(office.installation, sealed) if is_handed_out else render_pdf(sealed)
    lost()
    assert "（盖章处）" in extract_text(render_pdf(sealed))
    found = verify_file(office.installation, data)
    state = FileState.GENUINE if is_handed_out else FileState.UNKNOWN
    assert (found.verification.verdict, found.state) == (Verdict.VALID, state)


def test_doctor_names_a_seal_that_is_not_here(
    office: Office, sealed: SlipView, lost: Callable[[], None]
) -> None:
    def list_told() -> list[str]:
        return [result.message for area, result in check_all(office.installation, {}) if area == "seals"]

    office.issue("王芳")
    assert list_told() == []
    lost()
    with db.engine.connect() as connection:
        assert count_missing_seals(connection) == {sealed.record.seal: 1}
    (told,) = list_told()
    assert sealed.record.seal in told


def test_the_picture_of_a_sealed_slip_shows_it_in_its_colour(sealed: SlipView) -> None:
    picture = Image.open(BytesIO(render_png(sealed))).convert("RGB")
    assert load_sample_seal().ink in {colour for _, colour in picture.getcolors()}
    assert read_qr(picture) == [sealed.code.url]
