"""What is said of an uploaded file and of the code in it."""

from __future__ import annotations

import pytest

from app.domain.slip_code import Verdict
from app.services.verification.uploads import FileState
from app.web.verify.verdicts import TEXTS, describe_file, describe_verdict


@pytest.mark.parametrize("state", [FileState.DIFFERENT, FileState.UNKNOWN])
def test_a_valid_code_in_a_file_that_is_not_proven_is_no_plain_yes(state: FileState) -> None:
    file = describe_file(Verdict.VALID, state)
    assert file
    assert describe_verdict(Verdict.VALID, file).tone == "plain"
    assert describe_verdict(Verdict.VALID, file) != TEXTS[Verdict.VALID]


def test_a_valid_code_in_the_original_file_is() -> None:
    file = describe_file(Verdict.VALID, FileState.GENUINE)
    assert describe_verdict(Verdict.VALID, file) == TEXTS[Verdict.VALID]


def test_of_a_picture_only_the_code_is_proven_and_the_page_says_so() -> None:
    file = describe_file(Verdict.VALID, None)
    assert file
    assert "逐项核对" in str(file.message)
    assert describe_file(Verdict.REVOKED, None) is None


@pytest.mark.parametrize("verdict", [Verdict.REVOKED, Verdict.NEVER_ISSUED, Verdict.STATUS_UNKNOWN])
def test_a_file_changes_nothing_in_a_verdict_that_is_not_valid(verdict: Verdict) -> None:
    assert describe_verdict(verdict, describe_file(verdict, FileState.UNKNOWN)) == TEXTS[verdict]


def test_of_a_file_whose_code_a_restore_lost_nobody_is_told_to_come_again_later() -> None:
    now = describe_file(Verdict.STATUS_UNKNOWN, FileState.UNKNOWN)
    lost = describe_file(Verdict.STATUS_UNKNOWN, FileState.UNKNOWN, is_lost=True)
    assert now is not None
    assert lost is not None
    assert "稍后再试" in str(now.message)
    assert "稍后" not in str(lost.message)
