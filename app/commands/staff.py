"""`flask staff`: who may do what 授权, given, ended and listed at the command line, where the first grants come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

import click
from flask.cli import AppGroup, with_appcontext

from app.commands.decisions import Day, StaffNumber, by_option, reason_option
from app.commands.printing import echo
from app.commands.waivers import get_mini_app
from app.domain.conventions import Conventions
from app.domain.errors import UnknownMiniApp, UnknownStep
from app.domain.giving import MAX_DELEGATED_DAYS, CannotGive, Fault, Offer, get_last_day, list_parts
from app.domain.staff import Grant, StaffRole
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.row_keys import RowKeyError
from app.services.staff.doubts import Doubt
from app.services.staff.giving import Decider, end_grants, give_grant, read_scope
from app.services.staff.granted import list_all_standing

PARTS = {"mini_app": "--app", "step": "--step", "college": "--college", "period": "--period"}

DOUBTS = {
    Doubt.NUMBER: "nobody has signed in with {number} yet: look at the number again",
    Doubt.STUDENT: "{number} is a student: look at the number again",
    Doubt.COLLEGE: "no roster has the college {scope.college}: look at its name again",
    Doubt.PERIOD: "no mini-app has the period {scope.period} now: look at it again",
}
"""What looks mistyped."""


def make_staff_group(installation: Installation) -> AppGroup:
    """The commands of `flask staff`."""
    conventions = installation.settings.conventions
    group = AppGroup("staff", help="Grants 授权 of staff: given, ended, listed.")
    group.add_command(_make_grant(installation, conventions))
    group.add_command(_make_end(installation, conventions))
    group.add_command(_make_list(installation, conventions))
    return group


def _make_grant(installation: Installation, conventions: Conventions) -> click.Command:
    @click.command("grant")
    @click.argument("number", type=StaffNumber(conventions))
    @click.argument("role", type=click.Choice([role.value for role in StaffRole]))
    @click.option("--app", "mini_app", default="", help="In one mini-app; desk and head need it.")
    @click.option("--step", default="", help="At one step; desk and head need it.")
    @click.option("--college", default="", help="Of one college; the role college needs it.")
    @click.option("--period", default="", help="In one period.")
    @click.option("--until", type=Day(["%Y-%m-%d"]), help="The last day; without it there is no end.")
    @by_option(conventions)
    @reason_option(conventions, "Why; kept with the grant and in the audit")
    @with_appcontext
    def grant(
        number: str,
        role: str,
        mini_app: str,
        step: str,
        college: str,
        period: str,
        until: datetime | None,
        by: str,
        reason: str,
    ) -> None:
        """Give a role, or extend it: it holds at the person's next request."""
        with named_faults(installation, mini_app):
            scope = read_scope(installation, mini_app, step, college, period)
            offer = Offer(number, StaffRole(role), scope, _read_day(until), reason)
            given = give_grant(installation, offer, Decider(by, is_operator=True), accepts=tuple(Doubt))
        for doubt in given.doubts:
            echo(f"warning: {DOUBTS[doubt].format(number=number, scope=scope)}", err=True)
        what = "is extended" if given.is_extended else "is given"
        echo(f"{describe_grant(installation, given.grant)}: {what}")

    return grant


def _make_end(installation: Installation, conventions: Conventions) -> click.Command:
    @click.command("end")
    @click.argument("number", type=StaffNumber(conventions))
    @click.option("--role", type=click.Choice([role.value for role in StaffRole]), help="Of one role.")
    @click.option("--step", default="", help="At one step.")
    @by_option(conventions)
    @reason_option(conventions, "Why; kept with the grant and in the audit")
    @with_appcontext
    def end(number: str, role: str | None, step: str, by: str, reason: str) -> None:
        """End the grants of a number, all or those that fit, with those that were given from them."""
        found = [
            one
            for one in list_all_standing(installation, get_now(), number)
            if role in (None, one.role) and step in ("", one.scope.step)
        ]
        if not found:
            raise click.ClickException(
                f"{number} has no such grant that stands: see `flask staff list {number}`"
            )
        with named_faults(installation, ""):
            ended = end_grants(installation, [one.id for one in found], Decider(by, is_operator=True), reason)
        for one in ended:
            echo(f"{describe_grant(installation, one)}: has ended")

    return end


def _make_list(installation: Installation, conventions: Conventions) -> click.Command:
    @click.command("list")
    @click.argument("number", type=StaffNumber(conventions), required=False)
    @with_appcontext
    def show(number: str | None) -> None:
        """List the grants that stand, of everybody or of one number."""
        found = list_all_standing(installation, get_now(), number or "")
        for one in found:
            echo(describe_grant(installation, one))
        echo(f"{len(found)} grant(s)")

    return show


def _read_day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def describe_grant(installation: Installation, grant: Grant) -> str:
    """A grant in a line, its end in local time."""
    scope = " ".join(
        f"{name}={value}"
        for name, value in zip(("app", "step", "college", "period"), grant.scope, strict=True)
        if value
    )
    zone = installation.settings.service.time_zone
    until = f"until {get_last_day(grant.valid_until, zone)}" if grant.valid_until else "without end"
    return "  ".join(filter(None, (grant.staff_number, grant.name, grant.role.value, scope, until)))


@contextmanager
def named_faults(installation: Installation, mini_app: str) -> Iterator[None]:
    """Say in words what is wrong, with what there is."""
    try:
        yield
    except RowKeyError as error:
        raise click.ClickException(str(error)) from error
    except UnknownMiniApp as fact:
        known = ", ".join(one.mini_app.slug for one in installation.mini_apps.values())
        raise click.ClickException(f"there is no mini-app {mini_app}: there is {known}") from fact
    except UnknownStep as fact:
        steps = ", ".join(get_mini_app(installation, mini_app).mini_app.step_keys)
        raise click.ClickException(f"there is no step {fact}: there are {steps}") from fact
    except CannotGive as fault:
        raise click.ClickException(_explain(fault, installation)) from fault


def _explain(fault: CannotGive, installation: Installation) -> str:
    """What is wrong, and what to do; an operator may give anything, so that few faults are left."""
    option = PARTS.get(fault.part, "")
    until = f"{installation.get_local_time(fault.until):%Y-%m-%d %H:%M}" if fault.until else ""
    match fault.fault:
        case Fault.ONESELF:
            return "--by is the number itself: somebody else must give it"
        case Fault.OVER:
            return "--until is past: name today or a day to come"
        case Fault.NEEDED:
            return f"this role needs {option}"
        case Fault.NOT_POSSIBLE:
            return f"{option} does not go with this role: {_list_options()}"
        case Fault.MALFORMED:
            return f"{option} says nothing, is too long, or holds a control character"
        case Fault.STANDS:
            end = f"until {until}" if until else "without end"
            return f"it stands already, {end}: name a later --until to extend it, or end it first"
        case Fault.ENDED:
            return f"it ended already, at {until}"
        case Fault.LAST_OF_SCHOOL:
            return (
                "it is the last of the school's, and the same person ended the one before: what needs two persons would "
                "have none. Give the role to somebody else first, or let another person end this one"
            )
        case Fault.LAST_ADMINISTRATOR:
            return (
                "it is --by's own, and the last of the administrators: give the role to somebody else first"
            )
    return f"it cannot be done: {fault.fault} (stand-ins: {MAX_DELEGATED_DAYS} days at most)"


def _list_options() -> str:
    """Which parts go with which role."""
    return "; ".join(
        f"{role}: {' '.join(PARTS[part] for part in list_parts(role)) or 'none'}" for role in StaffRole
    )
