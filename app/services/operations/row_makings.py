"""Whether an audit event tells of the making of a row, and none of its end: of releases before events named rows, by the
moment, the person and what the event says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from app.domain.person import MalformedNumber, NumberForm
from app.extensions import Base
from app.models import AuditEvent, Consent, DeskCompletion, DeskEntry, DeskRefusal, Waiver

Making = tuple[object, ...]
"""Kind of row, moment, person, and what tells it from others of that moment."""

IMPORTED, WAIVED, CONSENTED = "desk_imported", "step_waived", "consent_given"
RECORDED, DECLARED, REFUSED = "desk_recorded", "desk_declared_complete", "desk_row_refused"
ENDINGS = ("waiver_withdrawn", "consent_withdrawn", "desk_declared_incomplete")


_MADE_AT: Mapping[type[Base], tuple[str, str]] = {
    DeskEntry: ("recorded_at", "recorded_by"),
    DeskRefusal: ("refused_at", "refused_by"),
    DeskCompletion: ("declared_at", "declared_by"),
}


class Makings:
    """What the events tell of rows that were made. An import names no student: it vouches for as many entries as it
    counts, and for none where there are more.
    """

    def __init__(self, connection: Connection, numbers: NumberForm) -> None:
        """Reads the events. Raises AttributeError or TypeError for one of another form."""
        self._numbers = numbers
        self._told: Counter[Making] = Counter()
        self._ended: dict[Making, datetime] = {}
        kinds = (IMPORTED, WAIVED, CONSENTED, RECORDED, DECLARED, REFUSED, *ENDINGS)
        columns = (AuditEvent.kind, AuditEvent.happened_at, AuditEvent.actor, AuditEvent.subject)
        for event in connection.execute(
            select(*columns, AuditEvent.details).where(AuditEvent.kind.in_(kinds)).order_by(AuditEvent.id)
        ):
            self._note(*event)

    def _note(self, kind: str, at: datetime, actor: str, subject: str, details: Mapping[str, Any]) -> None:
        by, about, desk = self._fold(actor), self._fold(subject), details.get("desk")
        match kind:
            case "step_waived":
                app, step, reason = (details.get(name) for name in ("mini_app", "step", "reason"))
                self._told[Waiver, at, by, app, step, reason, about] += 1
            case "consent_given":
                self._told[Consent, at, details.get("mini_app"), details.get("version"), about] += 1
            case "desk_recorded":
                self._told[DeskEntry, at, by, desk, about] += 1
                self._ended[DeskEntry, desk, about] = at
            case "waiver_withdrawn":
                self._ended[Waiver, details.get("mini_app"), details.get("step"), about] = at
            case "consent_withdrawn":
                self._ended[Consent, details.get("mini_app"), about] = at
            case "desk_declared_incomplete":
                self._ended[DeskCompletion, subject] = at
            case "desk_row_refused":
                self._told[DeskRefusal, at, by, desk, about] += 1
            case "desk_declared_complete":
                self._told[DeskCompletion, at, by, subject] += 1
            case _:
                self._note_import(at, by, subject, details)

    def _note_import(self, at: datetime, by: str, desk: str, details: Mapping[str, Any]) -> None:
        self._told[DeskEntry, at, by, desk] += details.get("added", 0) + details.get("changed", 0)
        self._told[DeskRefusal, at, by, desk] += details.get("made_unknown", 0)
        self._told[DeskCompletion, at, by, desk] += bool(details.get("complete"))

    def list_untold(self, rows: list[tuple[type[Base], Mapping[str, Any]]]) -> list[bool]:
        """Of each row whether no event tells of its making."""
        groups = Counter(making for model, row in rows for making in self._describe(model, row)[:1])
        return [
            self._was_ended(model, row)
            or not any(
                self._told[making] >= (groups[making] if place == 0 else 1)
                for place, making in enumerate(self._describe(model, row))
            )
            for model, row in rows
        ]

    def _was_ended(self, model: type[Base], row: Mapping[str, Any]) -> bool:
        """Whether an event later than the row's making withdrew it, or put another in its place."""
        number = self._fold(row.get("student_number", ""))
        key: Making
        if model is Waiver:
            key, made = (Waiver, row["mini_app"], row["step"], number), row["granted_at"]
        elif model is Consent:
            key, made = (Consent, row["mini_app"], number), row["given_at"]
        elif model is DeskEntry:
            key, made = (DeskEntry, row["connector"], number), row["recorded_at"]
        elif model is DeskCompletion:
            key, made = (DeskCompletion, row["connector"]), row["declared_at"]
        else:
            return False
        is_over = model is Waiver and row["withdrawn_at"] is not None
        return not is_over and key in self._ended and made < self._ended[key]

    def _describe(self, model: type[Base], row: Mapping[str, Any]) -> tuple[Making, ...]:
        """How events may tell of it: first with others of its group, then, where events can, alone."""
        number = self._fold(row.get("student_number", ""))
        if model is Waiver:
            by = self._fold(row["granted_by"])
            what = (row["mini_app"], row["step"], row["reason"])
            return ((Waiver, row["granted_at"], by, *what, number),)
        if model is Consent:
            return ((Consent, row["given_at"], row["mini_app"], row["version"], number),)
        if model not in _MADE_AT:
            return ()  # since there are such rows, events name each of them
        at, by = _MADE_AT[model]
        group = (model, row[at], self._fold(row[by]), row["connector"])
        return (group,) if model is DeskCompletion else (group, (*group, number))

    def _fold(self, number: str) -> str:
        try:
            return self._numbers.fold(number)
        except MalformedNumber:
            return number
