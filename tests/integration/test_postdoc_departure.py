"""博士后出站 by a folder, a configuration and a file of departments alone: six of them, two in XML, one a desk, an order,
a condition, all year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import PROJECT, CampusClient, running_campus
from tests.conftest import Service
from tests.integration.operation.commands import run_flask
from tests.integration.test_undergraduate_departure import read_pdf
from tests.running import running_service
from tests.visitor import APP as GRADUATE_APP
from tests.visitor import list_statuses

APP = "/postdoc-departure"
CONFIG = PROJECT / "config" / "demo_postdoc.toml"
DEPARTMENTS = PROJECT / "tests" / "campus" / "departments" / "postdoc.toml"
POSTDOC, OTHER, STUDENT, CLERK = "00520021", "00520022", "TS23000002", "00420014"
STEPS = (
    "library_account",
    "equipment_return",
    "project_funds",
    "postdoc_housing",
    "college_consent",
    "exit_review",
)


@pytest.fixture(scope="module")
def postdoc_campus() -> Iterator[CampusClient]:
    """The pretend campus with the departments of post-docs."""
    with running_campus(0, "--departments", str(DEPARTMENTS)) as started:
        yield started


@pytest.fixture(scope="module")
def service(postdoc_campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demo for post-docs; the college's clerk has imported what it consented to."""
    folder = tmp_path_factory.mktemp("postdoc")
    with running_service(postdoc_campus, folder, configs=[CONFIG], departments=[DEPARTMENTS]) as running:
        import_file(running, DEPARTMENTS.with_name("consents.csv"))
        yield running


def import_consents(service: Service, number: str, word: str) -> None:
    """What the college said of both, as its clerk imports it."""
    file = Path(service.data_dir) / "consents.csv"
    file.write_text(f"工号,学院意见\n{POSTDOC},同意出站\n{number},{word}\n", "utf-8")
    import_file(service, file)


def import_file(service: Service, file: Path) -> None:
    """As the college's clerk imports it."""
    done = run_flask(service.environment, "desk", "import", "college_consents", str(file), "--by", CLERK)
    assert done.code == 0, done.err


def test_who_has_settled_everything_submits_and_holds_a_slip(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(POSTDOC, f"{APP}/clearance?wait=1")
    assert list_statuses(page) == dict.fromkeys(STEPS, "cleared")
    answer = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert answer.status_code == 303
    text = read_pdf(visitor.get(f"{answer.headers['Location']}.pdf").content)
    for words in ("博士后出站单", "周文远", "安全科学与工程博士后流动站", "工号后四位", "已通过", "同意出站"):
        assert words in text, words


def test_what_is_left_is_told_the_last_step_waits_and_a_step_of_others_is_not_required(
    service: Service,
) -> None:
    service.campus.reset()
    import_consents(service, OTHER, "不同意")
    visitor = service.visit()
    page = visitor.sign_in(OTHER, f"{APP}/clearance?wait=1")
    assert list_statuses(page) == {
        "library_account": "cleared",
        "equipment_return": "outstanding",
        "project_funds": "outstanding",
        "postdoc_housing": "not_required",
        "college_consent": "outstanding",
        "exit_review": "waiting",
    }
    visitor.http.cookies.set("language", "zh-CN")
    text = visitor.get(f"{APP}/clearance?wait=1").text
    for words in ("还有 1 台设备未归还", "经费欠款 ¥1,280.00", "出站报告和原单位意见", "不住博士后公寓"):
        assert words in text, words
    assert service.campus.calls("personnel", OTHER) == []
    refused = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert refused.status_code == 422


def test_the_last_step_is_asked_once_the_others_pass_and_says_that_it_is_under_review(
    service: Service,
) -> None:
    import_consents(service, OTHER, "同意出站")
    service.campus.set_facts(OTHER, "equipment_loans", has_record=False)
    service.campus.set_facts(OTHER, "research_funds", debt="0.00")
    visitor = service.visit()
    statuses = list_statuses(visitor.sign_in(OTHER, f"{APP}/clearance?wait=1"))
    visitor.http.cookies.set("language", "zh-CN")
    assert "审核后重新查询即可看到结果" in visitor.get(f"{APP}/clearance?wait=1").text
    assert (statuses["equipment_return"], statuses["college_consent"], statuses["exit_review"]) == (
        "cleared",
        "cleared",
        "pending",
    )


def test_the_questions_call_a_status_what_the_page_calls_it(service: Service) -> None:
    import_consents(service, OTHER, "不同意")
    visitor = service.visit()
    visitor.sign_in(OTHER, f"{APP}/clearance?wait=1")
    visitor.http.cookies.set("language", "en")
    for path in (f"{APP}/clearance?wait=1", f"{APP}/faq"):
        assert "Waiting for earlier items" in visitor.get(path).text, path


def test_who_is_on_no_list_of_a_desk_reads_whom_to_ask_and_its_clerks_read_columns(
    postdoc_campus: CampusClient, tmp_path: Path
) -> None:
    with running_service(postdoc_campus, tmp_path, configs=[CONFIG], departments=[DEPARTMENTS]) as running:
        visitor = running.visit()
        statuses = list_statuses(visitor.sign_in(POSTDOC, f"{APP}/clearance?wait=1"))
        visitor.http.cookies.set("language", "zh-CN")
        page = visitor.get(f"{APP}/clearance?wait=1").text
        shown = run_flask(running.environment, "students", "show", POSTDOC)
    assert statuses["college_consent"] == "unavailable"
    assert re.search(r"^  equipment_return  cleared ", shown.out, re.MULTILINE), shown.out
    assert (
        "设站学院还没有登记您的情况，所以这一项现在没有结果，这不代表未通过。请联系所在学院人事秘书。" in page
    )


@pytest.mark.parametrize("system", ["research_funds", "personnel", "equipment_loans"])
@pytest.mark.parametrize("fault", ["wrong_student", "error_envelope", "http_500", "unknown_value"])
def test_an_answer_that_proves_nothing_clears_nobody(service: Service, system: str, fault: str) -> None:
    step = {
        "research_funds": "project_funds",
        "personnel": "exit_review",
        "equipment_loans": "equipment_return",
    }[system]
    service.campus.set_fault(system, fault)
    try:
        visitor = service.visit()
        statuses = list_statuses(visitor.sign_in(POSTDOC, f"{APP}/clearance?wait=1"))
    finally:
        service.campus.set_fault(system, "none")
    assert statuses[step] == "unavailable"


@pytest.mark.parametrize(("number", "app"), [(STUDENT, APP), (POSTDOC, GRADUATE_APP)])
def test_students_and_postdocs_have_services_of_their_own(service: Service, number: str, app: str) -> None:
    visitor = service.visit()
    visitor.http.cookies.set("language", "zh-CN")
    refused = visitor.sign_in(number, f"{app}/clearance")
    assert refused.status_code == 403
    page = visitor.get(f"{app}/clearance", headers={"Accept-Language": "zh-CN"}).text
    own, title = (GRADUATE_APP, "研究生离校服务") if number == STUDENT else (APP, "博士后出站服务")
    assert f'<a class="button main" href="{own}/">{title}</a>' in page
    assert f"您可以办理：{title}。" in page
    assert "您登录的不是学生账号" not in page


HOUSING, NOT_THEIRS = "住博士后公寓为是", "不住博士后公寓，无需退房"


@pytest.mark.parametrize(
    ("number", "told"),
    [("", {HOUSING}), (POSTDOC, set()), (OTHER, {NOT_THEIRS})],
    ids=["nobody", "in", "out"],
)
def test_the_guide_tells_nobody_what_is_true_of_others_only(
    service: Service, number: str, told: set[str]
) -> None:
    visitor = service.visit()
    if number:
        visitor.sign_in(number, "/completed")
    guide = visitor.get(f"{APP}/", headers={"Accept-Language": "zh-CN"}).text
    assert {words for words in (HOUSING, NOT_THEIRS) if words in guide} == told


def test_the_guide_tells_which_items_come_first(service: Service) -> None:
    guide = service.visit().get(f"{APP}/").text
    assert guide.count("其他事项全部通过后办理。") == 1, "of the last step alone"


def test_the_notice_names_what_the_slip_prints_as_the_slip_does(service: Service) -> None:
    notice = service.visit().get(f"{APP}/privacy", headers={"Accept-Language": "zh-CN"}).text
    told, seen = (
        notice.partition("登录时由统一身份认证提供")[2].split("</dd>")[0],
        notice.partition("任何人")[2],
    )
    assert told.endswith("流动站、博士后类别、人员类别、住博士后公寓")
    assert "工号后四位、学院、人员类别、签发日期" in seen
    assert "培养层次" not in notice


def test_a_stranger_reads_which_paper_it_is_in_the_words_of_the_paper_and_of_the_page(
    service: Service,
) -> None:
    service.campus.reset()
    import_consents(service, OTHER, "不同意")
    holder = service.visit()
    holder.sign_in(POSTDOC, f"{APP}/clearance?wait=1")
    answer = holder.post(f"{APP}/submission", holder.get(f"{APP}/submission"))
    found = re.search(r"/v/\d{200,}", holder.get(answer.headers["Location"]).text)
    assert found is not None
    words = {
        "zh-CN": ("中国矿业大学博士后出站单", "工号后四位", "人员类别", "博士后"),
        "en": ("Post-doc Departure Slip", "Last four of Staff number", ">Kind<", ">Post-doc<"),
    }
    for language, told in words.items():
        page = service.visit().get(found[0], headers={"Accept-Language": language}).text
        assert [each for each in told if each not in page] == [], page
    for language, labels in (("zh-CN", ("工号", "人员类别")), ("en", ("Staff number", "Kind"))):
        headers = {"Accept": "application/json", "Accept-Language": language}
        answer = service.visit().get(found[0], headers=headers).json()
        assert (answer["number_label"], answer["level_label"]) == labels
