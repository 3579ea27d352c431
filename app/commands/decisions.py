"""What commands take of people: numbers in the campus's form, reasons, and who decided; checked in one place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from app.domain.conventions import Conventions
from app.domain.days import DayOutOfReach, require_within_reach
from app.domain.decisions import MAX_REASON, MalformedReason, NobodysNumber, read_decider, read_reason
from app.domain.person import MalformedNumber, NumberForm
from app.services.audit import at_keyboard

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


UNNAMED = "operator"
"""Who decided, where nobody is named: a timer, or whoever sits at the keyboard."""
SHOWN_DIGITS = 2


def mask_number(number: str) -> str:
    """The number's last digits; enough to tell two lines apart, too little to name a person."""
    return "*" * max(len(number) - SHOWN_DIGITS, 0) + number[-SHOWN_DIGITS:]


class Day(click.DateTime):
    """A day whose beginning and end are moments in every time zone."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The day's beginning, without a zone."""
        moment: datetime = super().convert(value, param, ctx)
        try:
            require_within_reach(moment.date())
        except DayOutOfReach as error:
            self.fail(str(error), param, ctx)
        return moment


class PersonNumber(click.ParamType[str]):
    """A number of a student: folded by `[numbers]`."""

    name = "student number"

    def __init__(self, form: NumberForm) -> None:
        self._form = form

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The folded number."""
        try:
            return self._form.fold(str(value))
        except MalformedNumber:
            raise _refuse(param, ctx, f"is not a {self.name}: letters and digits as [numbers] says") from None


class StaffNumber(click.ParamType[str]):
    """The number of who decided: folded, and somebody's."""

    name = "staff number"

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The folded number."""
        try:
            return read_decider(str(value), self._conventions)
        except NobodysNumber:
            raise _refuse(
                param, ctx, f"is not a {self.name}: a word or zeros that stand for nobody"
            ) from None
        except MalformedNumber:
            raise _refuse(param, ctx, f"is not a {self.name}: letters and digits as [numbers] says") from None


class Reason(click.ParamType[str]):
    """A reason as `app.domain.decisions` keeps it."""

    name = "reason"

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The cleaned reason."""
        try:
            return read_reason(str(value), self._conventions)
        except MalformedReason as error:
            raise _refuse(param, ctx, str(error)) from error


def by_option(conventions: Conventions, *, required: bool = True) -> Decorator:
    """`--by`, the staff number of who decided. The command's events also name the system's user."""
    option = click.option(
        "--by",
        required=required,
        type=StaffNumber(conventions),
        help="The staff number of who decided; the audit also keeps the system's user.",
    )
    return lambda command: option(_note_keyboard(command))


def reason_option(conventions: Conventions, help_text: str) -> Decorator:
    """`--reason`."""
    return click.option(
        "--reason",
        required=True,
        type=Reason(conventions),
        help=f"{help_text} (1 to {MAX_REASON} characters).",
    )


def _refuse(
    param: click.Parameter | None, context: click.Context | None, message: str
) -> click.ClickException:
    """One line that names the option, and never holds what was typed."""
    name = param.get_error_hint(context) if param else "a value"
    return click.ClickException(f"{name} {message}")


def _note_keyboard(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, which alone runs at a keyboard: words that are refused before it leave nothing behind."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        with at_keyboard():
            return command(*arguments, **options)

    return run
