"""Named facts that stop a use case. The web layer maps each to one page, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from app.domain.person import Role
from app.domain.slip import PrintedField


class DomainError(Exception):
    """Base of the named facts; the class's name is the machine-readable mark of its page."""


class StepsOutstanding(DomainError):
    """Some steps do not pass. `step_keys` names them in the mini-app's order."""

    def __init__(self, step_keys: tuple[str, ...]) -> None:
        super().__init__(", ".join(step_keys))
        self.step_keys = step_keys


class AlreadySubmitted(DomainError):
    """The student has submitted this mini-app in this period; `number` is the slip's."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class OutsidePeriod(DomainError):
    """The mini-app takes no submissions today, which is `today` for it: it does from `opens_on` to `closes_on`, where that
    is None for ever.
    """

    def __init__(self, opens_on: date, closes_on: date | None, today: date) -> None:
        super().__init__(f"{opens_on} to {closes_on}")
        self.opens_on = opens_on
        self.closes_on = closes_on
        self.is_over = closes_on is not None and today > closes_on


class NotAStudent(DomainError):
    """The person who signed in is not one of those whom a mini-app is for, in most cases students, but this."""

    def __init__(self, role: Role) -> None:
        super().__init__(role)
        self.role = role


class Mismatch(StrEnum):
    """Why a student is not one of those that a mini-app is for; the value is the code for the support."""

    LEVEL_MISSING = "level_missing"
    PERIOD_MISSING = "period_missing"
    OTHER_LEVEL = "other_level"
    OTHER_PERIOD = "other_period"
    ATTRIBUTE_MISSING = "attribute_missing"
    OTHER_ATTRIBUTE = "other_attribute"


class NotGraduating(DomainError):
    """The person does not leave in this period, or is not of a level or kind that the mini-app is for, or the sign-in
    does not tell it. `told` is the level, period or attribute that the sign-in tells, for the person alone, and `wanted`
    are those that the mini-app is for; `name` is the attribute's.
    """

    def __init__(self, mismatch: Mismatch, wanted: tuple[str, ...], told: str = "", name: str = "") -> None:
        super().__init__(mismatch)
        self.name = name
        self.mismatch = mismatch
        self.wanted = wanted
        self.told = told


class ConsentMissing(DomainError):
    """The student has not agreed to the privacy notice as it reads now; `app_path` is the mini-app's address."""

    def __init__(self, app_path: str) -> None:
        super().__init__(app_path)
        self.app_path = app_path


class UnknownMiniApp(DomainError):
    """No such mini-app is served here."""


class UnknownStep(DomainError):
    """The mini-app has no such step, or the step no such action."""


class UnknownSlip(DomainError):
    """No slip of this number belongs to this student."""


class SlipRevoked(DomainError):
    """The slip of this number is revoked, which is final; `reason` is the operator's, where it is told."""

    def __init__(self, number: str, reason: str = "") -> None:
        super().__init__(number)
        self.number = number
        self.reason = reason


class LinkExpired(DomainError):
    """The signed link to a slip's file is too old; `number` is the slip's."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


class AlreadyWaived(DomainError):
    """The step is waived for this student in this period already."""


class NotWaived(DomainError):
    """No waiver of this step stands for this student in this period."""


class OwnDecision(DomainError):
    """Somebody would decide about oneself."""


class UnknownNumber(DomainError):
    """Nobody with this number ever signed in here."""


class NothingRequired(DomainError):
    """No step is for this student, so that a slip would prove nothing."""


class NotRequired(DomainError):
    """The step is not for this student: there is nothing to waive."""


class NothingToWaive(DomainError):
    """The step passes as it is: a waiver would only hide by what."""


class SigningUnavailable(DomainError):
    """No key can sign a slip now. Nothing is stored, and the submission can be done again."""


class BelowCheckpoint(DomainError):
    """The database lacks entries that a checkpoint tells of, as after a backup that was restored: nothing is added to it
    before `flask restore declare`.
    """


class ActionNotOffered(DomainError):
    """The action's conditions do not hold for this student now."""


class AskedTooOften(DomainError):
    """The person had departments asked too often; `seconds` from now on it is possible again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds


class SlipNotPrintable(DomainError):
    """The slip's words do not fit on its page."""


class CharacterMissing(DomainError):
    """No font holds some characters of these fields, so the slip cannot be printed right. Each field has
    these characters as its value.
    """

    def __init__(self, fields: tuple[PrintedField, ...]) -> None:
        super().__init__(", ".join(field.key for field in fields))
        self.fields = fields


class NoGrant(DomainError):
    """The person holds no grant at all: no page of staff is for this person."""


class NotFound(DomainError):
    """Nothing of this address exists within what the person may see."""


class GrantEnded(DomainError):
    """A form was sent by somebody whose grant of that scope has ended: `ended_at` (UTC) when, `ended_by` by whom, "" where
    its time was over. `typed` are the fields that were sent, to be copied.
    """

    def __init__(self, ended_at: datetime, ended_by: str, typed: Mapping[str, str]) -> None:
        super().__init__(ended_by)
        self.ended_at = ended_at
        self.ended_by = ended_by
        self.typed = typed


class Conflict(DomainError):
    """What was decided on has changed meanwhile. `seen` is the version that was decided on, `current` what stands now, as the
    service that raises it describes it.
    """

    def __init__(self, seen: int, current: object) -> None:
        super().__init__(str(seen))
        self.seen = seen
        self.current = current


class UndoTooLate(DomainError):
    """The window for taking back one's own decision is over, or it was somebody else's: the head reverses it."""


class NeedsSecondPerson(DomainError):
    """Who asked may not decide it, nor who stands in for them."""


class ChangedSinceAsked(DomainError):
    """What was asked for cannot be done any more as it was asked: it is to be asked anew."""


class FieldRefused(DomainError):
    """What was typed into a field of a desk's form cannot be recorded; `heading` is the field's."""

    def __init__(self, heading: str) -> None:
        super().__init__(heading)
        self.heading = heading


class DesksBusy(DomainError):
    """Desks decided about a student again and again while a submission of this student's was under way: nothing is stored."""


class ReasonMissing(DomainError):
    """A reason is needed, and nothing that is one was given; `message` says what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
