"""`flask waive` and `flask waivers`: steps waived 豁免 for single students."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup, with_appcontext

from app.commands.decisions import PersonNumber, by_option, reason_option
from app.commands.printing import echo
from app.domain.errors import (
    AlreadySubmitted,
    AlreadyWaived,
    DomainError,
    NotRequired,
    NotWaived,
    OwnDecision,
    UnknownMiniApp,
    UnknownNumber,
    UnknownStep,
)
from app.models import Waiver
from app.services.clearance.waivers import find_waiver_fault, find_waivers, grant_waiver, withdraw_waiver
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.signing_keys import SlipKeyError


def make_waive_command(installation: Installation) -> click.Command:
    """The command `flask waive`."""
    numbers, conventions = installation.settings.numbers, installation.settings.conventions

    @click.command("waive")
    @click.argument("mini_app", metavar="MINI_APP")
    @click.argument("step")
    @click.argument("student_number", type=PersonNumber(numbers))
    @reason_option(conventions, "Shown to the student and printed on the slip")
    @by_option(conventions)
    @click.option(
        "--unknown-number", is_flag=True, help="The number is right though nobody ever signed in with it."
    )
    @with_appcontext
    def waive(
        mini_app: str, step: str, student_number: str, reason: str, by: str, unknown_number: bool
    ) -> None:
        """Waive a step for one student: 豁免."""
        with named_facts(installation, mini_app):
            installed = get_mini_app(installation, mini_app)
            grant_waiver(installed, step, student_number, reason, by, accepts_unknown=unknown_number)
        echo(f"{step} is waived for {student_number}")

    return waive


def make_waivers_group(installation: Installation) -> AppGroup:
    """The commands of `flask waivers`."""
    numbers, conventions = installation.settings.numbers, installation.settings.conventions
    group = AppGroup("waivers", help="Waived steps 豁免: listed, and withdrawn; `flask waive` grants one.")

    @group.command("list")
    @click.option("--mini-app", default="", help="Of one mini-app that is configured.")
    @click.option("--student", type=PersonNumber(numbers), default=None, help="Of one student's number.")
    @click.option("--step", default="", help="Of one step.")
    @click.option("--withdrawn", "--all", "withdrawn", is_flag=True, help="Withdrawn ones too.")
    def show(mini_app: str, student: str | None, step: str, withdrawn: bool) -> None:
        """List the waivers that stand, the oldest first."""
        slug = mini_app.replace("-", "_")
        with named_facts(installation, mini_app):
            require_known(installation, mini_app, step)
            found = find_waivers(slug, student or "", step, includes_withdrawn=withdrawn)
            for waiver in found:
                echo(describe_waiver(installation, waiver))
        echo(f"{len(found)} waiver(s)")

    @group.command("withdraw")
    @click.argument("mini_app", metavar="MINI_APP")
    @click.argument("step")
    @click.argument("student_number", type=PersonNumber(numbers))
    @reason_option(conventions, "Why; kept with the waiver and in the audit")
    @by_option(conventions)
    def withdraw(mini_app: str, step: str, student_number: str, reason: str, by: str) -> None:
        """Take a waiver back before the student submits: the step counts again."""
        with named_facts(installation, mini_app):
            withdraw_waiver(get_mini_app(installation, mini_app), step, student_number, reason, by)
        echo(f"{step} is no longer waived for {student_number}")

    return group


def require_known(installation: Installation, mini_app: str, step: str) -> list[InstalledMiniApp]:
    """The mini-apps that are meant: this one, or all, of those that have this step. Raises UnknownMiniApp or
    UnknownStep for a mistyped word, which would find nothing; an empty one is none.
    """
    asked = [get_mini_app(installation, mini_app)] if mini_app else list(installation.mini_apps.values())
    meant = [one for one in asked if not step or one.mini_app.get_step(step)]
    if not meant:
        raise UnknownStep(step)
    return meant


def get_mini_app(installation: Installation, name: str) -> InstalledMiniApp:
    """The mini-app of this slug, or address. Raises UnknownMiniApp."""
    return installation.get_mini_app(name.replace("_", "-"))


def describe_waiver(installation: Installation, waiver: Waiver) -> str:
    """A waiver in a line, in local time."""
    granted = f"{installation.get_local_time(waiver.granted_at):%Y-%m-%d %H:%M}"
    line = (
        f"{waiver.mini_app}  {waiver.period}  {waiver.step}  {waiver.student_number}"
        f"  granted {granted} by {waiver.granted_by}: {waiver.reason}"
    )
    if waiver.withdrawn_at is None:
        fault = find_waiver_fault(waiver, installation.settings.conventions, installation.row_keys)
        return f"{line}  WITHOUT EFFECT: {fault}; grant it anew, or withdraw it" if fault else line
    withdrawn = f"{installation.get_local_time(waiver.withdrawn_at):%Y-%m-%d %H:%M}"
    return f"{line}  WITHDRAWN {withdrawn} by {waiver.withdrawn_by}: {waiver.withdrawal_reason}"


@contextmanager
def named_facts(installation: Installation, mini_app: str) -> Iterator[None]:
    """Say in words what is wrong, with the mini-apps and steps that there are."""
    try:
        yield
    except SlipKeyError as error:
        raise click.ClickException(str(error)) from error
    except DomainError as fact:
        raise click.ClickException(_explain(fact, installation, mini_app)) from fact


def _explain(fact: DomainError, installation: Installation, mini_app: str) -> str:
    """What is wrong, and what to do."""
    match fact:
        case UnknownMiniApp():
            known = ", ".join(one.mini_app.slug for one in installation.mini_apps.values())
            return f"there is no mini-app {mini_app}: there is {known}"
        case UnknownStep():
            asked = [get_mini_app(installation, mini_app)] if mini_app else installation.mini_apps.values()
            keys = ", ".join(dict.fromkeys(key for one in asked for key in one.mini_app.step_keys))
            return f"there is no step {fact}: there are {keys}"
        case UnknownNumber():
            return "nobody has signed in with this number: look at it again; if it is right, add --unknown-number"
        case OwnDecision():
            return "--by is the student: somebody else must decide it"
        case AlreadyWaived():
            return f"{fact} is already waived for this student in this period"
        case NotRequired():
            return (
                f"{fact} is not required of this student by what the sign-in tells: there is nothing to waive. If that is "
                "wrong, have it corrected there; the student then signs in anew and looks"
            )
        case NotWaived():
            return f"{fact} is not waived for this student in this period: see `flask waivers list`"
        case AlreadySubmitted():
            return (
                f"the student has already submitted: {fact} stays as it is, and can only be revoked, by `flask slips "
                "revoke`, unless it is already"
            )
    raise fact
