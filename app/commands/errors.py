"""What keeps a command from its work is told in one sentence on standard error, with what to do: exit code 1, and 2 for
words that are no command's. Commands that know more than the error raise click.ClickException themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from app.commands.printing import make_visible
from app.domain import errors as facts
from app.services.operations.faults import describe_fault
from app.services.slips.issuing import KeyStillSigns, UnknownKey

_REASONS: dict[type[Exception], str] = {
    facts.UnknownMiniApp: "there is no such mini-app: `flask check-config` lists them",
    facts.UnknownStep: "there is no such step: `flask check-config` lists them",
    facts.UnknownSlip: "there is no slip of this number",
    facts.SlipRevoked: "the slip is revoked, which is final",
    facts.OwnDecision: "this is about who decides (--by): somebody else must decide about it",
    facts.UnknownNumber: "nobody has signed in with this number: look at it again",
    facts.ConsentMissing: "the student has not agreed to the privacy notice, and no department may be asked",
    UnknownKey: "there is no key of this number, and no slip that it signed: see `flask slip-keys list`",
    KeyStillSigns: "this key signs new slips: compromise or retire it, and make a new one first",
}


def tell_errors(command: click.Command) -> None:
    """Let a command, or a group with all that is in it, say in words why it could not be done."""
    invoke = command.invoke

    def tell(ctx: click.Context) -> Any:
        with _told_in_words():
            return invoke(ctx)

    command.invoke = tell  # type: ignore[method-assign]


@contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = make_visible(error.message)  # type: ignore[misc]
        raise
    except Exception as error:
        words = _REASONS.get(type(error)) or describe_fault(error)
        if not words:
            raise
        raise click.ClickException(make_visible(words)) from error
