"""The holder of a slip learns what became of it: on its page, among what is completed, and on the query page."""

from __future__ import annotations

import re

import pytest
import requests

from tests.conftest import Service
from tests.fixtures.issued_slips import IssuedSlip, issue_slip, revoke, supersede
from tests.integration.operation.commands import run_flask
from tests.visitor import APP, Visitor

REASON = "材料不实"
"""Why `revoke` revokes."""


@pytest.fixture
def slip(service: Service, fresh_student: str) -> IssuedSlip:
    """A slip that was just issued."""
    return issue_slip(service, fresh_student)


@pytest.fixture
def holder(service: Service, slip: IssuedSlip) -> Visitor:
    """The browser of its holder."""
    visitor = service.visit()
    visitor.sign_in(slip.student_number, "/completed")
    return visitor


def open_pages(holder: Visitor, slip: IssuedSlip) -> list[requests.Response]:
    """The three pages that tell a slip's state."""
    return [holder.get(path) for path in (f"/slips/{slip.number}", "/completed", f"{APP}/clearance?wait=1")]


def get_state(page: requests.Response) -> tuple[str, str]:
    """The mark, and the words of the element that has it."""
    found = re.search(r'data-slip-state="(\w+)">(.*?)</div>', page.text, re.DOTALL)
    assert found, page.text
    return found[1], re.sub(r"<[^>]+>|\s+", "", found[2])


def find_files(page: requests.Response) -> list[str]:
    """The addresses of the slip's files on its page."""
    return [address.replace("&amp;", "&") for address in re.findall(r'"(/slips/[^"]+\.p[^"]+)"', page.text)]


def test_a_valid_slip_says_so_on_all_three_pages(holder: Visitor, slip: IssuedSlip) -> None:
    for page in open_pages(holder, slip):
        assert get_state(page) == ("valid", "✓有效")
        assert REASON not in page.text


def test_a_revoked_slip_tells_why_and_whom_to_ask_and_nothing_is_handed_out(
    service: Service, holder: Visitor, slip: IssuedSlip
) -> None:
    revoke(service, slip)
    pages = open_pages(holder, slip)
    for page in pages:
        state, words = get_state(page)
        assert state == "revoked"
        assert "✕已撤销" in words
        assert f"原因：{REASON}" in words
        assert "313963892" in words
        assert "✓有效" not in page.text
    assert find_files(pages[0]) == []
    assert slip.digits not in pages[0].text
    assert slip.short_code[:4] not in pages[0].text
    assert "准予离校" not in pages[0].text


def test_who_submits_once_more_after_a_revocation_is_told_of_no_success(
    service: Service, holder: Visitor, slip: IssuedSlip
) -> None:
    page = holder.get("/completed")
    assert "<h1>提交成功" in holder.get(holder.post(f"{APP}/submission", page).headers["Location"]).text
    revoke(service, slip)
    again = holder.get(holder.post(f"{APP}/submission", page).headers["Location"])
    assert get_state(again)[0] == "revoked"
    assert "提交成功" not in again.text


def test_the_files_of_a_revoked_slip_are_gone_by_earlier_links_too(
    service: Service, holder: Visitor, slip: IssuedSlip
) -> None:
    own = [f"/slips/{slip.number}.pdf", f"/slips/{slip.number}.png", f"/slips/{slip.number}.pdf?download=1"]
    linked = find_files(holder.get(f"/slips/{slip.number}"))
    assert len(linked) == 4
    stranger = service.visit()
    found = [holder.get(path) for path in own] + [stranger.get(path) for path in linked]
    assert [answer.status_code for answer in found] == [200] * 7, "control: they were there before"
    revoke(service, slip)
    other = service.visit()
    other.sign_in("TS23000003", "/completed")
    told = [holder.get(path) for path in own + linked]
    untold = [visitor.get(path) for path in linked for visitor in (stranger, other)]
    for answer in told + untold:
        assert answer.status_code == 410
        assert 'data-error="SlipRevoked"' in answer.text
        assert f'href="/slips/{slip.number}"' in answer.text
    assert all(f"原因：{REASON}" in answer.text for answer in told)
    assert not any(REASON in answer.text for answer in untold)
    unsigned = stranger.get(linked[0], headers={"Accept": "application/json"}).json()
    assert (unsigned["error"], unsigned.get("detail")) == ("SlipRevoked", None)
    owned = holder.get(own[0], headers={"Accept": "application/json"}).json()
    assert (owned["error"], owned["detail"]) == ("SlipRevoked", f"原因：{REASON}")


def test_a_reissued_slip_says_that_earlier_printouts_are_void_and_hands_out_the_new_one(
    service: Service, holder: Visitor, slip: IssuedSlip
) -> None:
    supersede(service, slip)
    pages = open_pages(holder, slip)
    for page in pages:
        state, words = get_state(page)
        assert state == "reissued"
        assert "✓已换发" in words
        assert "以前保存、打印的离校单都作废" in words
    assert slip.digits not in pages[0].text
    assert [holder.get(path).status_code for path in find_files(pages[0])] == [200] * 4


def test_a_reissued_slip_that_is_revoked_is_revoked(
    service: Service, holder: Visitor, slip: IssuedSlip
) -> None:
    supersede(service, slip)
    revoke(service, slip)
    assert {get_state(page)[0] for page in open_pages(holder, slip)} == {"revoked"}


def test_the_holder_is_told_in_english_too(service: Service, holder: Visitor, slip: IssuedSlip) -> None:
    revoke(service, slip)
    words = get_state(holder.get(f"/slips/{slip.number}?language=en"))[1]
    assert "✕Revoked" in words
    assert f"Reason:{REASON}" in words


def test_a_reason_is_shown_as_text(service: Service, holder: Visitor, slip: IssuedSlip) -> None:
    reason = "<b>补缴</b>"
    done = run_flask(
        service.environment, "slips", "revoke", slip.number, "--reason", reason, "--by", "00420014"
    )
    assert done.code == 0, done.err
    page = holder.get(f"/slips/{slip.number}").text
    assert "&lt;b&gt;补缴&lt;/b&gt;" in page
    assert reason not in page


def test_who_revokes_is_told_that_the_holder_reads_the_reason(service: Service) -> None:
    told = run_flask(service.environment, "slips", "revoke", "--help").out
    assert "THE HOLDER READS IT" in told
