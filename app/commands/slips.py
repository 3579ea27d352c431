"""`flask slips`: what happens to slips after they were issued, and their verification by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from app.commands.decisions import by_option, reason_option
from app.commands.printing import echo
from app.documents.fonts import load_fonts
from app.domain.slip import fold_slip_number
from app.domain.slip_code import Verdict
from app.extensions import db
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.checkpoints import tell_checkpoint_faults
from app.services.slips.issued_log import find_log_faults
from app.services.slips.issuing import count_codes_of_key, reissue_key, reissue_slip, revoke_slip
from app.services.verification.scan_log import list_counts
from app.services.verification.uploads import FileState, UnreadableCode, verify_file
from app.services.verification.verification import (
    FullSlip,
    Verification,
    get_full_slip,
    verify_code,
    verify_short_code,
)

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
    Verdict.STATUS_UNKNOWN: "the issued log cannot be read now or lacks this code since a restore, or this host lacks the "
    "key: nothing is certain",
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


class SlipNumber(click.ParamType[str]):
    """A slip's number, however it was typed."""

    name = "slip number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The folded number."""
        return fold_slip_number(str(value))


def make_slips_group(installation: Installation) -> AppGroup:
    """The commands of `flask slips`."""
    group = AppGroup("slips", help="Slips: show, verify, revoke, reissue; the issued log.")
    conventions = installation.settings.conventions
    why = reason_option(conventions, "Why; kept in the issued log")
    told_why = reason_option(
        conventions, "Why, as THE HOLDER READS IT on the slip's page; kept in the issued log"
    )
    by_whom = by_option(conventions)

    @group.command("show")
    @click.argument("number", type=SlipNumber())
    def show(number: str) -> None:
        """Print all that is stored of a slip."""
        echo(describe_slip(installation, get_full_slip(number)))

    @group.command("revoke")
    @click.argument("number", type=SlipNumber())
    @told_why
    @by_whom
    def revoke(number: str, reason: str, by: str) -> None:
        """Revoke a slip for ever. Its holder is told so, with the reason."""
        revoke_slip(number, reason=reason, by=by)
        echo(f"{number} is revoked")

    @group.command("reissue")
    @click.argument("number", type=SlipNumber(), required=False)
    @click.option("--key", "kid", type=int, help="Instead of a number: every slip that this key signed.")
    @why
    @by_whom
    def reissue(number: str | None, kid: int | None, reason: str, by: str) -> None:
        """Give a slip a new code under the present key; its old one says superseded."""
        if (number is None) == (kid is None):
            raise click.UsageError("give either a slip's number or --key")
        if number is not None:
            reissue_slip(installation, number, reason=reason, by=by)
            echo(f"{number} has a new code")
        elif kid is not None:
            _reissue_key(installation, kid, reason, by)

    @group.command("verify")
    @click.argument("subject", metavar="FILE|CODE")
    def verify(subject: str) -> None:
        """Verify a PDF file, a picture, a QR's digits or address, or a short code; exits 0 only when valid."""
        is_good, words = _verify(installation, subject)
        echo(words)
        sys.exit(0 if is_good else 1)

    @group.command("unproven")
    @click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="So many days back.")
    def unproven(days: int) -> None:
        """Count the checks of codes behind which no slip stands, by day, kind of viewer and verdict."""
        since = installation.get_local_time(get_now()).date() - timedelta(days=days - 1)
        lines = [
            f"{one.day}  {one.viewer:<8}{one.verdict:<16}{count:>9}" for one, count in list_counts(since)
        ]
        echo("\n".join(lines) or f"none since {since}")

    group.add_command(_make_log_group(installation))
    return group


def _make_log_group(installation: Installation) -> AppGroup:
    group = AppGroup("log", help="The issued log.")

    @group.command("verify")
    def verify() -> None:
        """Look for altered, removed or reordered rows, and for what the checkpoints tell of; exits 1 when there are any."""
        with db.engine.connect() as connection:
            faults = list(find_log_faults(connection))
        faults += tell_checkpoint_faults(installation, db.engine)
        echo("\n".join(faults) or "the issued log is whole")
        sys.exit(1 if faults else 0)

    return group


def _reissue_key(installation: Installation, kid: int, reason: str, by: str) -> None:
    count = count_codes_of_key(kid)
    numbers = reissue_key(installation, kid, reason=reason, by=by)
    with click.progressbar(numbers, length=count, label=f"{count} slips of key {kid}") as progress:
        done = sum(1 for _ in progress)
    echo(f"{done} slips have new codes")


def _verify(installation: Installation, subject: str) -> tuple[bool, str]:
    """Whether it is good in every way, and what there is to say of it. Raises ClickException for what cannot be read."""
    path = Path(subject)
    state = None
    if _names_a_file(subject) and not path.is_file():
        raise click.ClickException("there is no such file")
    try:
        if len(subject) < 250 and path.is_file():
            load_fonts(installation.settings.slip.fonts)  # the slip may be drawn again, to compare
            found = verify_file(installation, path.read_bytes())
            verification, state = found.verification, found.state
        elif len(subject) <= 64:
            verification = verify_short_code(installation, subject)
        else:
            start = f"{installation.settings.service.base_url}/v/"
            verification = verify_code(installation, subject.removeprefix(start))
    except UnreadableCode as error:
        raise click.ClickException(f"nothing can be verified. {error.__doc__}") from error
    is_good = verification.verdict is Verdict.VALID and state in (None, FileState.GENUINE)
    return is_good, describe_verification(verification, state)


def _names_a_file(subject: str) -> bool:
    """Whether it is written as a file's name: neither codes nor their digits hold a slash or end in `.pdf`."""
    is_address = subject.startswith(("http://", "https://"))
    return not is_address and ("/" in subject or re.search(r"\.[A-Za-z]{3,4}$", subject) is not None)
