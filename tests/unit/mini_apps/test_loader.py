"""A mini-app's folder: whatever is wrong with it is named, all at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.mini_apps.loader import load_mini_app
from app.mini_apps.translation import is_chinese

ROOT = Path(__file__).resolve().parents[3]
GRADUATE = ROOT / "miniapp_templates" / "graduate_departure"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GRADUATE, tmp_path / "graduate_departure"))


def list_faults(folder: Path) -> list[str]:
    faults: list[str] = []
    load_mini_app(folder, faults)
    return faults


def change(folder: Path, old: str, new: str) -> None:
    manifest = folder / "manifest.toml"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))


def test_the_graduate_departure_has_five_steps_in_four_departments() -> None:
    faults: list[str] = []
    mini_app = load_mini_app(GRADUATE, faults)
    assert faults == []
    assert mini_app is not None
    assert mini_app.step_keys == ("library_loans", "library_thesis", "archive", "dormitory", "finance")
    assert mini_app.departments == ("图书馆", "档案馆", "总务部公寓与物业中心", "财务资产部")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("schema_version = 1", "schema_version = 2", "schema_version must be 1"),
        ('slug = "graduate_departure"', 'slug = "other"', "slug must be the folder's name"),
        ('rule = "nothing_owed"', 'rule = "always"', "steps[4].rule must be one of"),
        ('no_record = "unavailable"', 'no_record = "fine"', "steps[0].no_record must be one of"),
        ('offered_for = ["card_status"]', "offered_for = []", "offered_for is empty"),
        ('zero = ["overdue_books", ', 'zero = ["books", ', "steps[0].facts lacks books"),
        (
            'zero = ["overdue_books", "fine", "violations"], equals = { card_status = "cancelled" }',
            "zero = [], equals = {}",
            "names no fact: the rule would pass everybody",
        ),
        (
            'key = "archive"',
            'key = "library_thesis"',
            "steps[2].key is library_thesis, as an earlier step's is",
        ),
        ('qq = "100000102"', 'icq = "100000102"', "steps[1].office.icq is not a known key"),
        ('place = "档案馆"', 'places = "档案馆"', "steps[2].office.place is missing"),
        (
            '[[steps.offices]]\nby = "building"',
            '[[steps.offices]]\nby = "room_key"',
            "steps[3].offices has one by room_key",
        ),
        (
            'name = "学校缴费平台"',
            'name = "缴费大厅"',
            "steps[4].links has 缴费大厅, which no text of the step names",
        ),
        (
            'daily = "8:00-21:00"',
            'daily = "21:00-8:00"',
            "steps[3].office.hours.daily must be spans",
        ),
        ('type = "money"', 'type = "gold"', "facts[1].type must be one of"),
        (
            'type = "count"',
            'type = "text"',
            "steps[0].facts has overdue_books as text: the rule reads count or money",
        ),
        (
            'key = "state"\nlabel = "论文状态"\ntype = "text"',
            'key = "state"\nlabel = "论文状态"\ntype = "day"',
            "has state as day",
        ),
        (
            'label = "退宿日期"\ntype = "day"',
            'label = "退宿日期"\ntype = "count"',
            "has checkout_date as count",
        ),
        ('once_per = "period"', 'once_per = "life"', "submission.once_per must be one of"),
        (
            'next_step_pending = "您现在不用办理，由图书馆审核。审核通过后重新查询，这一项就会通过。"',
            "",
            "steps[1].reasons.state lacks says_pending and next_step_pending",
        ),
        (
            ', pending = ["已提交"]',
            "",
            "steps[2].reasons.state has words for pending: the rule never has it so",
        ),
        (
            'next_step = "请线下到档案馆提交论文。"',
            'next_step = "请线下到档案馆提交论文。"\nafter = ["archive", "thesis"]',
            "steps[2].after has archive, the step itself",
        ),
        (
            'next_step = "请线下到档案馆提交论文。"',
            'next_step = "请线下到档案馆提交论文。"\nafter = ["archive", "thesis"]',
            "steps[2].after has thesis, which is no step",
        ),
        (
            'no_record = "unavailable"',
            'no_record = "unavailable"\nafter = "all"',
            "steps[0].after goes round in a circle: library_loans comes after itself",
        ),
        (
            'next_step = "请线下到档案馆提交论文。"',
            'next_step = "请线下到档案馆提交论文。"\napplies = [{ where = { kind = "全日制" } }]',
            "steps[2].not_required_says is missing",
        ),
        (
            'next_step = "请线下到档案馆提交论文。"',
            'next_step = "请线下到档案馆提交论文。"\nnot_required_says = "不必。"',
            "steps[2].applies is missing",
        ),
        (
            'next_step = "请线下到档案馆提交论文。"',
            'next_step = "请线下到档案馆提交论文。"\nnot_required_says = "不必。"\napplies = [{ where_not = { kind = "全日制" } }]',
            "steps[2].applies[0].where_not.kind is not declared",
        ),
        ('pending = ["已提交"]', 'pending = ["已审核"]', "pending has 已审核, by which the rule passes"),
    ],
)
def test_each_fault_of_a_manifest_is_named(folder: Path, old: str, new: str, fault: str) -> None:
    change(folder, old, new)
    assert any(fault in found for found in list_faults(folder)), list_faults(folder)


def test_all_mistakes_of_a_manifest_are_told_at_once(folder: Path) -> None:
    change(folder, 'title = "图书借阅"', "title = 1")
    change(folder, 'offered_for = ["card_status"]', 'offered_for = ["card"]')
    change(folder, 'passes = ["审核通过"]', "passes = []")
    change(folder, 'once_per = "period"', 'once_per = "life"')
    change(folder, 'version = "2026-12"', 'version = "of June"')
    change(folder, 'words = { active = "有效", cancelled = "已注销" }', "texts = {}")
    (folder / "sample.json").write_text("{}")
    prefix = "graduate_departure/manifest.toml: "
    faults = list_faults(folder)
    assert sorted(fault.removeprefix(prefix) for fault in faults if fault.startswith(prefix)) == [
        "privacy.version must match [0-9A-Za-z.-]{1,20}",
        "steps[0].facts[3].texts is not a known key",
        "steps[0].title must be a text",
        "submission.once_per must be one of period",
    ]
    assert faults[-1].startswith("graduate_departure/sample.json is not a slip record")


def test_a_step_s_contradictions_are_told_beside_another_step_s_mistakes(folder: Path) -> None:
    change(folder, 'offered_for = ["card_status"]', 'offered_for = ["card"]')
    change(folder, 'title = "论文提交"', "title = 1")
    assert list_faults(folder) == [
        "graduate_departure/manifest.toml: steps[0].actions has cancel-card offered for card, which the rule does not read",
        "graduate_departure/manifest.toml: steps[1].title must be a text",
    ]


def test_translations_are_no_key_of_a_manifest(folder: Path) -> None:
    manifest = folder / "manifest.toml"
    manifest.write_text("translations = { en = {} }\n" + manifest.read_text())
    assert list_faults(folder) == ["graduate_departure/manifest.toml: translations is not a known key"]


def test_a_broken_page_an_unknown_page_and_a_missing_sample_are_told_together(folder: Path) -> None:
    (folder / "pages" / "action.html").write_text("{% if %}")
    (folder / "pages" / "guides.html").write_text("")
    (folder / "sample.json").unlink()
    text = "\n".join(list_faults(folder))
    assert "graduate_departure/pages/action.html is not a template" in text
    assert "graduate_departure/pages/guides.html is no page" in text
    assert "graduate_departure/sample.json is missing" in text


def test_a_folder_without_pages_is_complete(folder: Path) -> None:
    shutil.rmtree(folder / "pages")
    # What only its pages said needs no translation any more.
    assert all("which the mini-app does not say" in fault for fault in list_faults(folder))


def test_a_folder_without_a_manifest_is_one_clear_fault(tmp_path: Path) -> None:
    assert list_faults(tmp_path / "nothing") == [
        "nothing/manifest.toml cannot be read: No such file or directory"
    ]


def change_english(folder: Path, old: str, new: str) -> None:
    path = folder / "en.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_mini_app_in_english_holds_no_chinese_and_is_the_same_in_all_else() -> None:
    faults: list[str] = []
    mini_app = load_mini_app(GRADUATE, faults)
    assert mini_app is not None
    english = mini_app.in_language("en")
    assert not any(is_chinese(step.title + step.department + step.office.place) for step in english.steps)
    assert english.say("电脑") == "Computer"
    assert mini_app.say("电脑") == "电脑"
    assert english.step_keys == mini_app.step_keys
    assert [step.rule for step in english.steps] == [step.rule for step in mini_app.steps]
    assert mini_app.in_language("zh-CN") is mini_app


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"姓名" = "Name"\n', "", "en.toml lacks 姓名"),
        ('"电脑" = "Computer"\n', "", "en.toml lacks 电脑"),
        ('"姓名" = ', '"名字" = "Name"\n"姓名" = ', "en.toml has 名字, which the mini-app does not say"),
        ('"姓名" = "Name"', '"姓名" = 1', "en.toml: 姓名 is no text"),
        ('"姓名" = "Name"', '"姓名" = Name', "en.toml cannot be read: "),
        (
            '"学校缴费平台" = "payment platform"',
            '"学校缴费平台" = "cash desk"',
            "en.toml has cash desk for an online system, which no translated text of finance names so",
        ),
        ("A fee of {value} is", "A fee is", "en.toml has 有 {value} 欠费未缴 with {value} on one side only"),
    ],
)
def test_each_fault_of_a_translation_is_named(folder: Path, old: str, new: str, fault: str) -> None:
    change_english(folder, old, new)
    found = list_faults(folder)
    assert any(one.startswith(f"graduate_departure/{fault}") for one in found), found


def test_a_mini_app_without_a_translation_is_shown_as_it_was_written(folder: Path) -> None:
    (folder / "en.toml").unlink()
    faults: list[str] = []
    mini_app = load_mini_app(folder, faults)
    assert faults == []
    assert mini_app is not None
    assert mini_app.in_language("en") is mini_app
