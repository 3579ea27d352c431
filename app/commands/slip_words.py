"""Verdicts and slips in words, for an operator's screen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from app.domain.slip_code import Verdict
from app.services.full_slips import FullSlip
from app.services.installation import Installation
from app.services.slip_reading import FileState
from app.services.verification import Verification

VERDICTS = {
    Verdict.VALID: "this slip was issued here and stands",
    Verdict.REVOKED: "this slip was revoked",
    Verdict.SUPERSEDED: "this slip has a newer code; ask for the new slip",
    Verdict.EXPIRED: "this slip's time is over",
    Verdict.NOT_YET_VALID: "this slip's day of issue has not come yet",
    Verdict.UNKNOWN_KEY: "no key of ours that could have signed this is known",
    Verdict.BAD_SIGNATURE: "the signature is not true: the code was changed or made elsewhere",
    Verdict.MALFORMED: "this is no slip code",
    Verdict.NEVER_ISSUED: "no such slip was ever issued",
    Verdict.STATUS_UNKNOWN: "the issued log cannot be read now, or this host lacks the key: nothing is certain",
    Verdict.RATE_LIMITED: "too many questions",
}
FILES = {
    FileState.GENUINE: "the file is, byte for byte, one that this service handed out",
    FileState.DIFFERENT: "the file is not the original one (a scan, a print, a copy saved anew, or an edited one): "
    "compare it with the fields above, which alone are certain",
    FileState.UNKNOWN: "there is nothing to compare the file with",
}


def describe_verification(verification: Verification, state: FileState | None = None) -> str:
    """The verdict, the public fields, and what is to be said of a file."""
    lines = [f"{verification.verdict}: {VERDICTS[verification.verdict]}"]
    if slip := verification.slip:
        lines += [
            f"  {slip.title}, issued on {slip.issued_on}",
            f"  {slip.masked_name}  number ends in {slip.last_four}  {slip.college}  {slip.level}",
            f"  checked {verification.check_count} times before",
        ]
    if state is not None:
        lines.append(f"{state}: {FILES[state]}")
    return "\n".join(lines)


def describe_slip(installation: Installation, slip: FullSlip) -> str:
    """All fields and steps, the issued log's part, and the newest checks, in local time."""
    return "\n".join(_list_lines(installation, slip))


def _list_lines(installation: Installation, slip: FullSlip) -> Iterator[str]:
    def format_time(moment: datetime) -> str:
        return f"{installation.get_local_time(moment):%Y-%m-%d %H:%M:%S}"

    yield f"{slip.number}  {slip.state}  submitted {format_time(slip.submitted_at)}"
    for field in slip.record.fields:
        yield f"  {field.label}  {field.value}"
    for step in slip.record.steps:
        facts = "；".join(f"{fact.label} {fact.value}" for fact in step.facts)
        yield f"  {step.department} {step.title}  {step.status_word}  {step.learnt_at}  {facts}"
    for line in slip.history:
        yield (
            f"  {format_time(line.happened_at)}  {line.short_code}  key {line.kid}  {line.state}"
            f"  by {line.actor}  {line.reason}"
        ).rstrip()
    yield f"  checked {slip.check_count} times"
    for check in slip.checks:
        yield f"  {format_time(check.checked_at)}  {check.viewer}  {check.verdict}"
