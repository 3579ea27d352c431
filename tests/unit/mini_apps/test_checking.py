"""Every mistake of a mini-app's folder is one sentence with file, line and key."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.mini_apps.checking import check_folder
from app.mini_apps.files import find_line, find_lines
from app.mini_apps.starting import CannotBegin, start_folder
from app.preview import make_preview

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ("graduate_departure", "undergraduate_departure", "postdoc_departure")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new mini-app."""
    start_folder(tmp_path / "some_departure")
    return tmp_path / "some_departure"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def change_sample(folder: Path, put: Callable[[Any], object]) -> None:
    path = folder / "sample.json"
    record = json.loads(path.read_text("utf-8"))
    put(record)
    path.write_text(json.dumps(record, ensure_ascii=False), "utf-8")


@pytest.mark.parametrize("slug", SHIPPED)
def test_the_mini_apps_that_are_shipped_have_no_mistake(slug: str) -> None:
    checked = check_folder(ROOT / "miniapp_templates" / slug)
    assert checked.faults == ()
    assert "are examples" in checked.notes[-1]


def test_a_new_folder_has_no_mistake_and_speaks_of_itself_in_two_languages(folder: Path) -> None:
    checked = check_folder(folder)
    assert checked.faults == ()
    assert checked.mini_app is not None
    assert checked.mini_app.slug == "some_departure"
    comments = [
        line for line in (folder / "manifest.toml").read_text("utf-8").splitlines() if line[:1] == "#"
    ]
    assert any("清单" in line or "事项" in line for line in comments)
    assert any("The slip" in line for line in comments)


EXAMPLE = re.compile(r"^#(?=\S)", re.MULTILINE)


def use_examples(folder: Path) -> None:
    """Remove the # of all examples."""
    for name in ("manifest.toml", "en.toml"):
        path = folder / name
        path.write_text(EXAMPLE.sub("", path.read_text("utf-8")), "utf-8")


def test_the_examples_of_a_new_folder_hold_once_they_are_no_comments(folder: Path) -> None:
    use_examples(folder)
    checked = check_folder(folder)
    assert checked.faults == ()
    assert checked.mini_app is not None
    step = checked.mini_app.steps[1]
    assert step.after == ("assets",)
    assert (len(step.applies), len(step.guidance)) == (1, 1)
    assert [use.pending for use in step.rule.uses] == [("审核中",)]
    preview = make_preview(folder, checked)
    assert preview.faults == ()
    for status in ("pending", "waiting", "not_required"):
        for language in ("zh-CN", "en"):
            assert f"{language}/clearance-{status}.html" in preview.files


@pytest.mark.parametrize("key", ["after", "applies", "pending", "guidance"])
def test_a_new_folder_explains_each_example_in_two_languages(folder: Path, key: str) -> None:
    lines = (folder / "manifest.toml").read_text("utf-8").splitlines()
    place = next(place for place, line in enumerate(lines) if EXAMPLE.match(line) and key in line)
    before = " ".join(lines[place - 2 : place])
    assert re.search("[\u4e00-\u9fff]{5}", before)
    assert re.search("[A-Za-z]+ [a-z]+ [a-z]+", before)


MANIFEST_MISTAKES = [
    ('rule = "value_is"', 'rule = "always"', "manifest.toml, line 83: steps[1].rule must be one of"),
    ('label = "学号"', 'lable = "学号"', "manifest.toml, line 31: fields[1].lable is not a known key"),
    ('label = "学号"', 'lable = "学号"', "manifest.toml, line 29: fields[1].label is missing"),
    (
        'key = "things"',
        'key = "thing"',
        "manifest.toml, line 38: steps[0].facts lacks things, which the rule reads",
    ),
    ("summary = ", "summary = 1 #", "manifest.toml, line 11: summary must be a text"),
    (
        'title = "离校服务"',
        'title = "离校',
        "manifest.toml cannot be read: Illegal character '\\n' (at line 10",
    ),
    (
        "[steps.reasons.things]",
        "[steps.reasons.damage]",
        "steps[0].reasons has damage, which is no fact of the step",
    ),
    (
        '[steps.reasons.state]\nsays = "结算状态为“{value}”，尚未办结"',
        "",
        "manifest.toml, line 79: steps[1].reasons lacks state: whoever does not pass for it is not told what is wrong",
    ),
    (
        'no_record = "unavailable"',
        'no_record = "unavailable"\nno_record_says = "查无此人"',
        'steps[0].no_record_says is never said: no_record is "unavailable"',
    ),
    (
        'key = "settlement"',
        'key = "assets"',
        "manifest.toml, line 80: steps[1].key is assets, as an earlier step's is",
    ),
    (
        "尚未办结",
        "{valu}",
        "steps[1].reasons.state.says has {valu}: {value} alone is replaced",
    ),
    ("“{value}”", "“｛value｝”", "steps[1].reasons.state.says has ｛value｝: {value} alone is replaced"),
    (
        "请到资产处缴清赔偿金",
        "请缴清{value}",
        "manifest.toml, line 76: steps[0].reasons.damages.next_step has {value}: nothing is put into it",
    ),
    (
        'title = "离校服务"',
        "title = “离校服务”",
        'line 10, column 9): there is “, a full-width sign (中文标点); write " instead',
    ),
    ('title = "离校服务"', 'title = "离校服务”', 'there is ”, a full-width sign (中文标点); write " instead'),
    ("once_per =", "once_per ＝", "there is ＝, a full-width sign (中文标点); write = instead"),
    ('["things", ', '["things"，', "there is ，, a full-width sign (中文标点); write , instead"),
    ('"离校办公室"', '"研究生院"', "en.toml lacks 研究生院 (manifest.toml, line "),
    ('"离校办公室"', '"研究生院"', "en.toml, line 32, has 离校办公室, which the mini-app does not say"),
    ('"离校办公室"', '"研究生院"', "sample.json: office is '离校办公室', and the manifest says '研究生院'"),
    (
        'key = "assets"',
        'key = "things"',
        "sample.json: steps are assets, settlement, and the manifest has things",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), MANIFEST_MISTAKES)
def test_a_mistake_in_the_manifest_is_told_with_its_line(folder: Path, old: str, new: str, told: str) -> None:
    change(folder / "manifest.toml", old, new)
    faults = check_folder(folder).faults
    assert [fault for fault in faults if told in fault], faults


@pytest.mark.parametrize("key", ["says", "says_of_nothing", "says_pending"])
def test_a_placeholder_that_nothing_replaces_is_told_in_every_sentence(folder: Path, key: str) -> None:
    manifest = folder / "manifest.toml"
    change(manifest, "#parameters.pending", "parameters.pending")
    words = {"says": "未", "says_of_nothing": "无", "says_pending": "待", "next_step_pending": "请等待。"}
    words[key] += "{vaule}"
    written = "\n".join(f'{name} = "{text}"' for name, text in words.items())
    change(manifest, 'says = "结算状态为“{value}”，尚未办结"', written)
    faults = check_folder(folder).faults
    told = [fault for fault in faults if "{vaule}" in fault and "en.toml" not in fault]
    assert len(told) == 1, faults
    assert f"steps[1].reasons.state.{key} has {{vaule}}: {{value}} alone is replaced" in told[0]


def test_a_text_may_have_full_width_signs_and_a_mistake_beside_them_has_no_hint(folder: Path) -> None:
    change(folder / "manifest.toml", 'title = "离校服务"', "title = 离校服务  # “一”")
    (fault,) = check_folder(folder).faults
    assert fault == "manifest.toml cannot be read: Invalid value (at line 10, column 9)"


def test_a_fact_that_is_there_twice_is_told_wherever_it_stands(folder: Path) -> None:
    change(
        folder / "manifest.toml",
        "# 没通过时对本人怎么说",
        '[[steps.facts]]\nkey = "things"\nlabel = "未还物品"\ntype = "count"\n\n# 没通过时对本人怎么说',
    )
    assert [fault for fault in check_folder(folder).faults if "facts[2].key is there twice" in fault]


def test_a_reason_that_no_rule_gives_and_an_office_of_nobody_are_told(folder: Path) -> None:
    change(
        folder / "manifest.toml",
        "# 离校单：",
        '[[steps.facts]]\nkey = "clerk"\nlabel = "姓名"\ntype = "text"\n\n'
        '[steps.reasons.clerk]\nsays = "姓名"\n\n'
        '[[steps.offices]]\nby = "clerk"\nof = ["甲", "乙"]\nroom = "1"\n\n'
        '[[steps.offices]]\nby = "clerk"\nof = [" 乙"]\nroom = "2"\n\n# 离校单：',
    )
    faults = check_folder(folder).faults
    assert len(faults) == 2
    assert "steps[1].reasons.clerk is never said: clerk keeps nobody from passing" in faults[0]
    assert "steps[1].offices[1] is nobody's: earlier ones have all of  乙" in faults[1]


BYTES = {
    "a byte order mark": (
        b"\xef\xbb\xbftitle = 1",
        "it begins with a byte order mark (BOM): save it as UTF-8 without one",
    ),
    "GBK": (
        'a = 1\ntitle = "离校"'.encode("gb18030"),
        "line 2 is not UTF-8 (it may be GBK): save the file as UTF-8",
    ),
    "UTF-16": ('title = "离校"'.encode("utf-16"), "it begins with a byte order mark (BOM)"),
    "half a character": (
        'title = "离'.encode()[:-1] + b"\xff\xff",
        "line 1 is not UTF-8: save the file as UTF-8",
    ),
}


EXCESSES = {
    "manifest.toml": {
        "a = 1\nschema_version = " + "1" * 5000: "line 2: a number has too many digits",
        "a = " + "[" * 100_000: "it is nested too deep",
        "#" * 1_000_001: "it has more than 1,000,000 bytes",
    },
    "en.toml": {
        '"a" = ' + "1" * 5000: "line 1: a number has too many digits",
        '"a" = ' + "[" * 100_000: "it is nested too deep",
        "#" * 1_000_001: "it has more than 1,000,000 bytes",
    },
    "sample.json": {
        "[" * 100_000: "it is nested too deep",
        '{"title":\n' + "1" * 5000 + "}": "line 2: a number has too many digits",
        '{"title": "\\ud800"}': "it has half a character, such as \\ud800 alone",
        " " * 1_000_001: "it has more than 1,000,000 bytes",
    },
    "pages/faq.html": {
        "{{ " + "(" * 100_000: "it is nested too deep",
        "{{ " + "1" * 5000 + " }}": "line 1: a number has too many digits",
        " " * 1_000_001: "it has more than 1,000,000 bytes",
    },
}


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, cases in EXCESSES.items() for place in range(len(cases))]
)
def test_a_file_that_no_reader_takes_is_told_in_a_sentence(folder: Path, name: str, place: int) -> None:
    text, told = list(EXCESSES[name].items())[place]
    (folder / "pages").mkdir()
    (folder / name).write_text(text, "utf-8")
    assert f"{name} cannot be read: {told}" in check_folder(folder).faults


@pytest.mark.parametrize("name", ["manifest.toml", "en.toml", "sample.json", "pages/faq.html"])
def test_what_is_no_file_is_told_and_not_waited_for(folder: Path, name: str) -> None:
    (folder / "pages").mkdir()
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert f"{name} cannot be read: it is no file" in check_folder(folder).faults
    (folder / name).unlink()
    (folder / name).mkdir()
    assert f"{name} cannot be read: it is no file" in check_folder(folder).faults


@pytest.mark.parametrize("day", ["18 June", "", "2026-02-30", "20260618", "2026-06-18 09:30:12"])
def test_a_sample_is_issued_on_a_day(folder: Path, day: str) -> None:
    change_sample(folder, lambda record: record.update(issued_on=day))
    (fault,) = check_folder(folder).faults
    assert fault.startswith("sample.json is not a slip record: issued_on ")


@pytest.mark.parametrize("name", ["manifest.toml", "en.toml", "sample.json"])
@pytest.mark.parametrize("case", BYTES)
def test_a_file_that_is_no_utf_8_is_told_with_its_line(folder: Path, name: str, case: str) -> None:
    content, told = BYTES[case]
    (folder / name).write_bytes(content)
    faults = check_folder(folder).faults
    assert [fault for fault in faults if f"{name} cannot be read: {told}" in fault], faults


def test_what_is_missing_is_told_by_its_name(folder: Path) -> None:
    assert check_folder(folder / "nowhere").faults == (f"{folder / 'nowhere'} is no folder",)
    (folder / "sample.json").unlink()
    (folder / "manifest.toml").unlink()
    told = check_folder(folder).faults
    assert told == ("manifest.toml cannot be read: No such file or directory",)
    (folder / "en.toml").unlink()
    shutil.copy(ROOT / "app" / "mini_apps" / "starter" / "manifest.toml", folder)
    change(folder / "manifest.toml", "{slug}", "some_departure")
    checked = check_folder(folder)
    assert checked.faults == ("sample.json is missing: a slip record to preview the layout with",)
    assert "there is no en.toml: everybody reads this mini-app in Chinese" in checked.notes


SAMPLE_MISTAKES: list[tuple[Callable[[Any], object], str]] = [
    (lambda record: record.pop("fields"), "sample.json is not a slip record: fields is missing"),
    (lambda record: record["fields"][0].pop("label"), "is not a slip record: fields[0].label is missing"),
    (lambda record: record["steps"][1].update(learnt_at=7), "steps[1].learnt_at must be a text"),
    (lambda record: record.update(more="x"), "sample.json is not a slip record: more is not a known key"),
    (lambda record: record.update(steps=None), "sample.json is not a slip record: steps must be a list"),
    (
        lambda record: record.update(title="通知"),
        "sample.json: title is '通知', and the manifest says '离校单'",
    ),
    (
        lambda record: record["fields"].pop(),
        "sample.json: fields are name 姓名, student_number 学号, college 学院, and slip.fields of the manifest are",
    ),
    (
        lambda record: record["steps"].pop(),
        "sample.json: steps are assets, and the manifest has assets, settlement",
    ),
    (
        lambda record: record["steps"][0]["facts"][0].update(key="booklets"),
        "sample.json: steps[0].facts has booklets, which is no fact of assets",
    ),
    (
        lambda record: record["steps"][0]["facts"][0].update(label="物"),
        "sample.json: steps[0].facts has things as '物', and the manifest says '未还物品'",
    ),
    (lambda record: record["steps"][0].update(status="outstanding"), "steps[0].status must be one of"),
    (
        lambda record: record["steps"][0].update(department="商店"),
        "steps[0].department is '商店', and the manifest",
    ),
]


@pytest.mark.parametrize(("put", "told"), SAMPLE_MISTAKES)
def test_a_sample_that_does_not_fit_is_told_by_its_keys(
    folder: Path, put: Callable[[Any], object], told: str
) -> None:
    change_sample(folder, put)
    faults = check_folder(folder).faults
    assert [fault for fault in faults if told in fault], faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n "title": \n}', "sample.json is not a slip record: line 3, column 1: Expecting value"),
        ("[]", "sample.json is not a slip record: it must be an object, {…}"),
    ],
)
def test_a_sample_that_is_no_record_is_told_with_its_line(folder: Path, text: str, told: str) -> None:
    (folder / "sample.json").write_text(text, "utf-8")
    assert check_folder(folder).faults == (told,)


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    change(folder / "manifest.toml", 'unit = " 件"', 'units = " 件"')
    change(folder / "manifest.toml", 'place = "财务部结算窗口"', "")
    (folder / "sample.json").write_text("{", "utf-8")
    (folder / "pages").mkdir()
    (folder / "pages" / "guide.html").write_text("{% if %}", "utf-8")
    faults = check_folder(folder).faults
    for told in ("units is not a known key", "office.place is missing", "sample.json", "pages/guide.html"):
        assert len([fault for fault in faults if told in fault]) == 1, faults


def test_the_lines_of_keys_are_found_by_their_places() -> None:
    text = "a = 1\n[[s]]\nk = 1\n[s.o]\np = 2\n[[s.f]]\nx = 1\n[[s.f]]\nx = 2\n[[s]]\n[[s.f]]\nx = 3\n[t]\nb.c = 1\n"
    lines = find_lines(text)
    places = {"a": 1, "s[0].k": 3, "s[0].o.p": 5, "s[0].f[1].x": 9, "s[1].f[0].x": 12, "t.b.c": 14}
    assert {place: find_line(lines, place) for place in places} == places
    assert find_line(lines, "s[0].o.q") == 4
    assert find_line(lines, "s[1].f[0].y") == 11
    assert find_line(lines, "nothing.here") is None
    assert find_lines("[[ s ]] # one\n[ s . o ]\np = 1\n") == {"s[0]": 1, "s[0].o": 2, "s[0].o.p": 3}


@pytest.mark.parametrize(
    "line", ["[" + " " * 500_000, "[a" + " " * 500_000 + "x", " " * 500_000, "a." * 250_000]
)
def test_a_long_line_that_is_no_toml_does_not_hold_up_the_search_for_lines(line: str) -> None:
    assert find_lines(line) == {}


def test_a_folder_is_begun_only_where_nothing_is_lost(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("mine")
    with pytest.raises(CannotBegin, match="is not empty: nothing was written"):
        start_folder(full)
    assert [path.name for path in full.iterdir()] == ["x"]
    with pytest.raises(CannotBegin, match="is no slug"):
        start_folder(tmp_path / "Some-Departure")
    with pytest.raises(CannotBegin, match="cannot be written"):
        start_folder(full / "x" / "departure")
    (tmp_path / "empty").mkdir()
    start_folder(tmp_path / "empty")
    assert check_folder(tmp_path / "empty").faults == ()
