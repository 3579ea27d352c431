"""Pages tell each person what this person is to do: by college, level and attributes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.signed_in import tell_of
from tests.integration.test_leavers import list_faults
from tests.running import running_service
from tests.visitor import Visitor

CARD = Path(__file__).resolve().parent.parent / "fixtures" / "mini_apps" / "library_card"
APP = "/library-card"
TABLE = "LIXIAO_MINI_APPS__LIBRARY_CARD__"
CHANGES = {
    f"{TABLE}OPENS_ON": "2026-01-01",
    f"{TABLE}LEVELS": "all",
    f"{TABLE}STEPS__LOANS": "library_loans",
    "LIXIAO_SIGN_IN__CAMPUS__ATTRIBUTES__KIND": "kind",
}
OWN, ABROAD, DOCTOR = "请到图书馆归还图书。", "请把书寄回图书馆。", "请到博士生服务台。"
PERSON = """
[person.kind]
label = "学习形式"
values = ["全日制", "留学生"]

[person.level]
label = "培养层次"
values = ["硕士", "博士"]

[[steps]]"""
GUIDANCE = f"""
[[steps.guidance]]
where = {{ kind = "留学生" }}
next_step = "{ABROAD}"
office = {{ contact = "国际学院", place = "国际学院" }}

[[steps.guidance]]
where = {{ level = "博士" }}
next_step = "{DOCTOR}"

[[steps.facts]]"""
READER, DOCTORAL = "TS23000003", "TB23000010"


def make_folder(tmp_path: Path) -> Path:
    """The card's mini-app with guidance, in Chinese."""
    folder = Path(shutil.copytree(CARD, tmp_path / "library_card"))
    (folder / "en.toml").unlink()
    shutil.rmtree(folder / "pages")
    manifest = folder / "manifest.toml"
    text = manifest.read_text("utf-8").replace("\n[[steps]]", PERSON, 1)
    manifest.write_text(text.replace("\n[[steps.facts]]", GUIDANCE, 1), "utf-8")
    return folder


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose second mini-app tells some people other things to do."""
    folder = make_folder(tmp_path_factory.mktemp("folder"))
    changes = CHANGES | {f"{TABLE}FOLDER": str(folder)}
    with running_service(campus, tmp_path_factory.mktemp("guidance"), changes) as running:
        running.campus.set_facts(DOCTORAL, "library_loans", books=1)
        yield running


def read_pages(service: Service, number: str, **attributes: str) -> tuple[set[str], Visitor]:
    """What a person of whom the sign-in told this is told to do."""
    visitor = service.visit()
    visitor.sign_in(number, f"{APP}/clearance")
    tell_of(service.environment, number, attributes=attributes)
    texts = [visitor.get(path).text for path in (f"{APP}/clearance?wait=1", f"{APP}/")]
    told = [{words for words in (OWN, ABROAD, DOCTOR) if words in text} for text in texts]
    assert told[0] == told[1], "the guide says what the clearance page says"
    return told[0], visitor


def test_each_is_told_what_is_for_them_on_both_pages(service: Service) -> None:
    assert read_pages(service, READER, kind="全日制")[0] == {OWN}
    told, visitor = read_pages(service, READER, kind="留学生")
    assert told == {ABROAD}
    assert "国际学院" in visitor.get(f"{APP}/faq").text
    assert read_pages(service, DOCTORAL, kind="全日制")[0] == {DOCTOR}
    assert "国际学院" not in service.visit().get(f"{APP}/faq").text


def test_who_is_not_signed_in_reads_on_the_guide_for_whom_each_is(service: Service) -> None:
    guide = service.visit().get(f"{APP}/").text
    for words in (OWN, f"（学习形式为留学生）</b> {ABROAD}", f"（培养层次为博士）</b> {DOCTOR}"):
        assert words in guide, words


def test_guidance_by_what_no_sign_in_tells_is_told_at_start(tmp_path: Path, campus: CampusClient) -> None:
    changes = CHANGES | {f"{TABLE}FOLDER": str(make_folder(tmp_path))}
    told = "mini_apps.library_card: the guidance of loans asks for kind, which no sign-in tells: nobody could read it"
    nothing_told = {
        "LIXIAO_SIGN_IN__CAMPUS__ATTRIBUTES__KIND": "",
        "LIXIAO_MINI_APPS__POSTDOC_CARD__ONLY__KIND": "",
    }
    assert list_faults(tmp_path, campus, changes | nothing_told) == (told,)
