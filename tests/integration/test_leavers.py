"""Whoever leaves: post-docs with staff numbers, all year, by a folder and configuration alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.slip_code import parse_slip_code
from app.factory import create_app
from app.settings import SettingsError, load_settings
from tests.campus.client import CampusClient
from tests.campus.run import make_environment
from tests.conftest import Service
from tests.fixtures.signed_in import tell_of
from tests.integration.test_undergraduate_departure import read_pdf
from tests.running import running_service
from tests.visitor import APP as GRADUATE_APP
from tests.visitor import Visitor, get_verdict, list_statuses

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "mini_apps" / "postdoc_card"
APP = "/postdoc-card"
POSTDOC, FOREIGNER, STUDENT, CLERK = "00520021", "00520022", "TS23000002", "00420014"
TABLE = "LIXIAO_MINI_APPS__POSTDOC_CARD__"
SIGN_IN = "LIXIAO_SIGN_IN__CAMPUS__"
CHANGES = {
    f"{TABLE}FOLDER": str(FOLDER),
    f"{TABLE}OPENS_ON": "2026-01-01",
    f"{TABLE}ROLES": "postdoc",
    f"{TABLE}LEVELS": "all",
    f"{TABLE}ONLY__KIND": "博士后,师资博士后",
    f"{TABLE}SLIP_VALID_DAYS": "90",
    f"{TABLE}STEPS__LOANS": "library_loans",
    f"{SIGN_IN}ROLES__POSTDOC": "postdoc",
    f"{SIGN_IN}ATTRIBUTES__KIND": "kind",
    f"{SIGN_IN}ATTRIBUTES__SUPERVISOR": "supervisor",
    f"{SIGN_IN}ATTRIBUTES__STATION": "station",
}


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for students of one period, and for post-docs all year."""
    with running_service(campus, tmp_path_factory.mktemp("leavers"), CHANGES) as running:
        yield running


def list_faults(tmp_path: Path, campus: CampusClient, changes: Mapping[str, str]) -> tuple[str, ...]:
    """What is told at start of the same configuration with these changes; a key of "" is left out."""
    environment = {**make_environment(tmp_path, 8000, campus.url), **CHANGES, **changes}
    settings = load_settings({key: value for key, value in environment.items() if value})
    with pytest.raises(SettingsError) as refused:
        create_app(settings)
    return tuple(fault for fault in refused.value.faults if not fault.startswith("slip.keys"))


def submit(visitor: Visitor) -> str:
    """Submit, and return the address of the slip."""
    answer = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert answer.status_code == 303
    return answer.headers["Location"]


def test_a_postdoc_clears_once_and_holds_a_slip_that_speaks_of_the_staff_number(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(POSTDOC, f"{APP}/clearance?wait=1")
    assert list_statuses(page) == {"loans": "cleared"}
    for words in ("工号", POSTDOC, "合作导师", "周文远", "安全科学与工程博士后流动站"):
        assert words in page.text, words
    slip = submit(visitor)
    assert submit(visitor) == slip
    assert slip in visitor.get("/completed").text
    text = read_pdf(visitor.get(f"{slip}.pdf").content)
    for words in ("工号后四位", "姓名和工号后四位须与本单一致", "合作导师", "周文远", "人员类别"):
        assert words in text, words
    for words in ("学号", "批次"):
        assert words not in text, words


def test_a_stranger_and_a_guard_are_told_of_the_staff_number_too(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(POSTDOC, f"{APP}/clearance")
    address = re.search(r"/v/[0-9]+", visitor.get(submit(visitor)).text)
    assert address
    page = service.visit().get(address[0])
    assert get_verdict(page) == "valid"
    for words in ("工号后四位", "人员类别", "0021"):
        assert words in page.text, words
    assert "<dt>学号" not in page.text
    guard = service.visit()
    guard.sign_in(CLERK, "/completed")
    assert "<dt>工号</dt>" in guard.get(address[0]).text


def test_a_slip_is_valid_for_as_long_as_its_mini_app_says(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(POSTDOC, f"{APP}/clearance")
    digits = re.search(r"/v/([0-9]+)", visitor.get(submit(visitor)).text)
    assert digits
    code = parse_slip_code(digits[1]).code
    assert code.expires_on == code.issued_on + timedelta(days=90)
    student = service.visit()
    student.sign_in(STUDENT)
    other = re.search(r"/v/([0-9]+)", student.get(student.submit().headers["Location"]).text)
    assert other
    assert parse_slip_code(other[1]).code.expires_on is None


def test_what_a_sign_in_does_not_tell_is_a_dash_and_what_is_wrong_is_told_by_the_staff_number(
    service: Service,
) -> None:
    service.campus.set_facts(FOREIGNER, "library_loans", books=1)
    visitor = service.visit()
    page = visitor.sign_in(FOREIGNER, f"{APP}/clearance?wait=1")
    assert list_statuses(page) == {"loans": "outstanding"}
    assert re.search(r"<dt>流动站</dt><dd>—</dd>", page.text)
    assert "您的工号发给" in page.text
    assert "学号" not in page.text
    assert "学号" not in visitor.get(f"{APP}/privacy").text


def test_there_is_no_period_and_no_last_day_on_any_page(service: Service) -> None:
    for page in (
        service.visit().get("/").text.partition("postdoc-card")[0][-900:],
        service.visit().get(f"{APP}/").text,
    ):
        assert "日</span>起，全年办理" in page
    assert "<dt>批次</dt>" not in service.visit().get(f"{APP}/").text


@pytest.mark.parametrize(("number", "app"), [(STUDENT, APP), (POSTDOC, GRADUATE_APP), (CLERK, APP)])
def test_nobody_of_another_role_is_let_in(service: Service, number: str, app: str) -> None:
    visitor = service.visit()
    answer = visitor.sign_in(number, f"{app}/clearance")
    assert (answer.status_code, 'data-error="NotAStudent"' in answer.text) == (403, True)
    if app == APP:
        assert "本服务面向：拟出站的博士后研究人员" in answer.text
    assert visitor.get(f"{app}/submission").status_code == 403


@pytest.mark.parametrize(
    ("kind", "reason"), [("访问学者", "other_attribute"), ("", "attribute_missing"), (" 博士 后", None)]
)
def test_of_one_role_only_those_are_let_in_whose_attribute_is_named(
    service: Service, kind: str, reason: str | None
) -> None:
    visitor = service.visit()
    visitor.sign_in(FOREIGNER, f"{APP}/clearance")
    tell_of(service.environment, FOREIGNER, attributes={"kind": kind} if kind else {})
    answer = visitor.get(f"{APP}/clearance")
    assert answer.status_code == (403 if reason else 200)
    if reason:
        assert f'<dd class="number">{reason}</dd>' in answer.text
    tell_of(service.environment, FOREIGNER, attributes={"kind": "博士后"})


def test_a_role_by_the_mini_apps_word_gives_no_right_over_others(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(POSTDOC, f"{APP}/clearance")
    address = re.search(r"/v/[0-9]+", visitor.get(submit(visitor)).text)
    assert address
    assert "data-full" not in visitor.get(address[0]).text


CONTRADICTIONS = {
    "an end without a period": (
        {f"{TABLE}CLOSES_ON": "2035-12-31"},
        [
            "mini_apps.postdoc_card.period is missing: a period has period, period_title, closes_on, and what is open all year none of them",
            "mini_apps.postdoc_card.period_title is missing: a period has period, period_title, closes_on, and what is open all year none of them",
        ],
    ),
    "a series of periods": (
        {
            f"{TABLE}CLOSES_ON": "2035-12-31",
            f"{TABLE}PERIOD": "2026-06",
            f"{TABLE}PERIOD_TITLE": "2026年夏季",
            f"{TABLE}SERIES": "2",
        },
        ["mini_apps.postdoc_card.series is of what is open all year: each period has a name of its own"],
    ),
    "a period that never ends": (
        {f"{TABLE}PERIOD_TITLE": "2026年夏季"},
        [
            "mini_apps.postdoc_card.period is missing: a period has period, period_title, closes_on, and what is open all year none of them",
            "mini_apps.postdoc_card.closes_on is missing: a period has period, period_title, closes_on, and what is open all year none of them",
        ],
    ),
    "those who decide": (
        {f"{TABLE}ROLES": "postdoc,clerk"},
        [
            (
                "mini_apps.postdoc_card.roles must be of student, postdoc, teacher: whoever else leaves has one of these at "
                "the sign-in"
            )
        ],
    ),
    "a level among attributes": (
        {f"{TABLE}ONLY__LEVEL": "博士"},
        ["mini_apps.postdoc_card.only.level has a key of its own: levels"],
    ),
    "an attribute of nobody": (
        {f"{SIGN_IN}ATTRIBUTES__STATION": "", f"{SIGN_IN}ATTRIBUTES__KIND": ""},
        [
            (
                "mini_apps.postdoc_card.only names kind, which no sign-in tells: it is neither a field nor in "
                "[sign_in.<name>.attributes]"
            ),
            (
                "postdoc_card/manifest.toml: fields names station, which no sign-in tells: it is neither a field nor in "
                "[sign_in.<name>.attributes]"
            ),
        ],
    ),
    "a role of nobody": (
        {f"{SIGN_IN}ROLES__POSTDOC": ""},
        [
            "mini_apps.postdoc_card.roles lets nobody in who is a postdoc: no [sign_in.<name>.roles] has a word for postdoc"
        ],
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_told_at_start(case: str, tmp_path: Path, campus: CampusClient) -> None:
    changes, told = CONTRADICTIONS[case]
    assert sorted(list_faults(tmp_path, campus, changes)) == sorted(told)


def test_a_period_that_pages_or_slips_name_needs_a_title(tmp_path: Path, campus: CampusClient) -> None:
    folder = tmp_path / "postdoc_card"
    folder.mkdir()
    for file in FOLDER.iterdir():
        (folder / file.name).write_text(file.read_text("utf-8"), "utf-8")
    with (folder / "manifest.toml").open("a", encoding="utf-8") as manifest:
        manifest.write('\n[[slip.fields]]\nkey = "period"\nlabel = "姓名"\n')
    (fault,) = list_faults(tmp_path, campus, {f"{TABLE}FOLDER": str(folder)})
    assert (
        fault
        == "mini_apps.postdoc_card.period_title is missing: postdoc_card/manifest.toml has the field period"
    )
