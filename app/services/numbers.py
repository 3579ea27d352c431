"""Student numbers that are stored: which are known here, and how all are held to the one form of `[numbers]`.

Numbers are folded where they come in, and rows are keyed by what comes from there; CHECK constraints could not know
the form, which is configured. What this finds was stored before. A signed slip, its submission and the two chains
stay as they are, letter by letter: a submission is found by `person_number` beside them. Where one person has
several rows of which there may be one, one stays and the audit keeps the others.

A number is known when somebody signed in with it and left a row. A mistyped one has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnClause,
    Connection,
    RowMapping,
    TableClause,
    and_,
    column,
    delete,
    inspect,
    select,
    table,
    union,
    update,
)

from app.domain.person import MalformedNumber, NumberForm
from app.domain.slip_log import CodeState
from app.extensions import UtcDateTime, db
from app.models import Action, AuditEvent, BrowserSession, Consent, IssuedCode, Slip, StoredAnswer, Submission
from app.services.audit import add_event

CHUNK = 500
_OWN_EVENTS = ("consent_given", "action_intended", "slip_issued")
"""What only the person itself brings about; these outlast sessions and answers."""


def is_known_number(student_number: str) -> bool:
    """Whether this folded number has signed in once: it has a session, an answer that a department gave about it, a
    consent, an action or a submission. What staff typed (waivers, desk entries) makes no number known.
    """
    return bool(find_known_numbers([student_number]))


def find_known_numbers(student_numbers: Collection[str]) -> set[str]:
    """Those of the numbers that are known, see `is_known_number`."""
    known: set[str] = set()
    numbers = sorted(student_numbers)
    with db.engine.connect() as connection:
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            found = union(
                *(
                    select(column).where(column.in_(chunk))
                    for column in (
                        BrowserSession.person_number,
                        Submission.student_number,
                        Action.student_number,
                        StoredAnswer.student_number,
                        Consent.student_number,
                    )
                ),
                select(AuditEvent.subject).where(
                    AuditEvent.subject.in_(chunk),
                    AuditEvent.actor == AuditEvent.subject,
                    AuditEvent.kind.in_(_OWN_EVENTS),
                ),
            )
            known.update(connection.execute(found).scalars())
    return known


ACTOR = "numbers"
_SUBMISSIONS = table(
    "submissions",
    *map(column, ("id", "mini_app", "period", "student_number", "person_number", "repeat")),
    column("submitted_at", UtcDateTime),
)
_SLIPS = table("slips", column("number"), column("submission_id"))
_DECISIONS = table(
    "desk_decisions",
    *map(column, ("id", "connector", "student_number", "version")),
    column("decided_at", UtcDateTime),
)
_ACTIONS = table("actions", column("student_number"))
_VIEWS = table("slip_views", column("viewer_number"))
_KNOWN_ANSWERS = table("known_answers", column("student_number"))
_SESSIONS = table("browser_sessions", column("person_number"), column("data"))
_WITHDRAWAL = ("withdrawn_by", "withdrawn_at", "withdrawal_reason")

_SELECT_SLIPS = select(
    Slip.number, Submission.mini_app, Submission.period, Submission.person_number, Submission.repeat
).join(Submission, Submission.id == Slip.submission_id)

Row = RowMapping


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A table that may have one row for a number and these other keys; of several the one that is first, or last,
    by `moment` stays.
    """

    rows: TableClause
    keys: tuple[str, ...]
    moment: str
    keeps_newest: bool


_KEYED = (
    _Keyed(
        table(
            "desk_entries",
            *map(column, ("connector", "student_number", "recorded_by")),
            column("facts", JSON),
            column("recorded_at", UtcDateTime),
        ),
        ("connector",),
        "recorded_at",
        keeps_newest=True,
    ),
    _Keyed(
        table(
            "desk_refusals",
            *map(column, ("connector", "student_number", "cause", "says", "refused_by")),
            column("refused_at", UtcDateTime),
        ),
        ("connector",),
        "refused_at",
        keeps_newest=True,
    ),
    _Keyed(
        table(
            "consents",
            *map(column, ("mini_app", "student_number", "version")),
            column("given_at", UtcDateTime),
        ),
        ("mini_app", "version"),
        "given_at",
        keeps_newest=False,
    ),
    _Keyed(
        table(
            "roster_entries",
            *map(column, ("mini_app", "period", "student_number", "name", "college", "source")),
            column("listed_at", UtcDateTime),
        ),
        ("mini_app", "period"),
        "listed_at",
        keeps_newest=False,
    ),
)


@dataclass(frozen=True, slots=True)
class UnfoldedSlip:
    """A slip that was issued for a number as somebody typed it. `first` is the slip that its person has beside it,
    and that counts; "" where there is none.
    """

    number: str
    first: str


def fold_stored_numbers(connection: Connection, form: NumberForm, now: datetime) -> dict[str, int]:
    """Hold all rows to the form, in the connection's transaction; returns how many changed, by table. Answers and
    sessions under another spelling go: both are made anew. A second start finds nothing left to do.
    """
    counts = {
        "submissions": _fold_submissions(connection, form, now),
        "actions": _rename(connection, form, _ACTIONS, "student_number"),
        "known_answers": _remove(connection, form, _KNOWN_ANSWERS, "student_number"),
        "browser_sessions": _remove(connection, form, _SESSIONS, "person_number"),
    }
    counts |= {one.rows.name: _fold_keyed(connection, form, one, now) for one in _list_keyed(connection)}
    if _has_table(connection, _DECISIONS):
        counts["desk_decisions"] = _fold_decisions(connection, form)
    counts["waivers"] = _fold_waivers(connection, form, now)
    if _has_table(connection, _VIEWS):
        counts["slip_views"] = _rename(connection, form, _VIEWS, "viewer_number")
    return {name: count for name, count in counts.items() if count}


def count_unfolded(connection: Connection, form: NumberForm) -> dict[str, int]:
    """How many numbers each table has in another form, those left out that have none."""
    places = [(one.rows, "student_number") for one in _list_keyed(connection)]
    places += [(_SUBMISSIONS, "person_number"), (_ACTIONS, "student_number")]
    places += [(_name_waivers(connection), "student_number")]
    places += [(_KNOWN_ANSWERS, "student_number"), (_SESSIONS, "person_number")]
    places += [(_DECISIONS, "student_number")] if _has_table(connection, _DECISIONS) else []
    places += [(_VIEWS, "viewer_number")] if _has_table(connection, _VIEWS) else []
    found = {rows.name: len(_list_unfolded(connection, form, rows, name)) for rows, name in places}
    return {name: count for name, count in found.items() if count}


def list_unfolded_slips(connection: Connection) -> list[UnfoldedSlip]:
    """The slips that stand though they were issued for a number in another form than their person's."""
    firsts = {
        (row.mini_app, row.period, row.person_number): row.number
        for row in connection.execute(_SELECT_SLIPS.where(Submission.repeat == 0))
    }
    logged_code = select(IssuedCode.slip_id).where(IssuedCode.state == CodeState.ISSUED)
    is_odd = (Submission.repeat != 0) | (Submission.student_number != Submission.person_number)
    return [
        UnfoldedSlip(
            row.number, firsts.get((row.mini_app, row.period, row.person_number), "") if row.repeat else ""
        )
        for row in connection.execute(_SELECT_SLIPS.where(is_odd, Slip.id.in_(logged_code)).order_by(Slip.id))
    ]


def _list_keyed(connection: Connection) -> list[_Keyed]:
    return [one for one in _KEYED if _has_table(connection, one.rows)]


def _has_table(connection: Connection, rows: TableClause) -> bool:
    """Whether the table is there already: migration 0008 brings the refusals, 0011 the views, 0017 the roster."""
    return inspect(connection).has_table(rows.name)


def _fold(form: NumberForm, text: str) -> str:
    """A number that the form does not know stays as it is: nothing that comes in can meet it."""
    try:
        return form.fold(text)
    except MalformedNumber:
        return text


def _list_unfolded(connection: Connection, form: NumberForm, rows: TableClause, name: str) -> dict[str, str]:
    """Numbers in another form, each with what it folds to."""
    numbers = connection.scalars(select(rows.c[name]).distinct())
    return {number: folded for number in numbers if (folded := _fold(form, number)) != number}


def _fold_submissions(connection: Connection, form: NumberForm, now: datetime) -> int:
    """Find by one number what one person submitted. Of several the one under the number as the campus writes it
    counts, because departments knew whom they were asked about, or else the first; none is lost.
    """
    spelled = _list_unfolded(connection, form, _SUBMISSIONS, "student_number")
    keyed = _list_unfolded(connection, form, _SUBMISSIONS, "person_number")
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    changed = 0
    for row in connection.execute(select(_SUBMISSIONS)).mappings():
        folded = keyed.get(row["person_number"], row["person_number"])
        folded = spelled.get(row["student_number"], folded)
        groups[row["mini_app"], row["period"], folded].append(row)
    for (_, _, folded), rows in groups.items():
        ranked = sorted(
            rows, key=lambda row: (row["student_number"] != folded, row["submitted_at"], row["id"])
        )
        wanted = [
            (row, {"person_number": folded, "repeat": repeat})
            for repeat, row in enumerate(ranked)
            if (row["person_number"], row["repeat"]) != (folded, repeat)
        ]
        for row, _ in wanted:  # out of the way of one another first
            _update_submission(connection, row["id"], {"repeat": -row["id"]})
        for row, values in wanted:
            _update_submission(connection, row["id"], values)
            _note_submission(connection, row, values, now)
        changed += len(wanted)
    return changed


def _update_submission(connection: Connection, row_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(_SUBMISSIONS).where(_SUBMISSIONS.c.id == row_id).values(values))


def _note_submission(connection: Connection, row: Row, values: Mapping[str, Any], now: datetime) -> None:
    slip = connection.scalar(select(_SLIPS.c.number).where(_SLIPS.c.submission_id == row["id"]))
    details = {"slip": slip, "spelled": row["student_number"], "repeat": values["repeat"]}
    subject = values["person_number"]
    add_event(connection, "number_folded", actor=ACTOR, subject=subject, details=details, now=now)


def _rename(connection: Connection, form: NumberForm, rows: TableClause, name: str) -> int:
    changes = _list_unfolded(connection, form, rows, name)
    for number, folded in changes.items():
        connection.execute(update(rows).where(rows.c[name] == number).values({name: folded}))
    return len(changes)


def _remove(connection: Connection, form: NumberForm, rows: TableClause, name: str) -> int:
    changes = _list_unfolded(connection, form, rows, name)
    for number in changes:
        connection.execute(delete(rows).where(rows.c[name] == number))
    return len(changes)


def _fold_keyed(connection: Connection, form: NumberForm, keyed: _Keyed, now: datetime) -> int:
    changes = _list_unfolded(connection, form, keyed.rows, "student_number")
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in _list_rows(connection, keyed.rows, {*changes, *changes.values()}):
        folded = changes.get(row["student_number"], row["student_number"])
        groups[folded, *(row[key] for key in keyed.keys)].append(row)
    for (folded, *_), rows in groups.items():
        rows.sort(key=lambda row: row[keyed.moment], reverse=not keyed.keeps_newest)
        *others, kept = rows
        for row in others:
            connection.execute(delete(keyed.rows).where(_is_row(keyed, row)))
            _note_removed(connection, keyed.rows.name, row, folded, now)
        if kept["student_number"] != folded:
            change = update(keyed.rows).where(_is_row(keyed, kept)).values(student_number=folded)
            connection.execute(change)
    return len(changes)


def _fold_decisions(connection: Connection, form: NumberForm) -> int:
    """Of one person's several histories at a desk make one, in the order in which was decided: the newest decision is the
    one that made the entry that stays.
    """
    changes = _list_unfolded(connection, form, _DECISIONS, "student_number")
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in _list_rows(connection, _DECISIONS, {*changes, *changes.values()}):
        folded = changes.get(row["student_number"], row["student_number"])
        groups[row["connector"], folded].append(row)
    for (_, folded), rows in groups.items():
        rows.sort(key=lambda row: (row["decided_at"], row["version"]))
        for row in rows:  # out of the way of one another first
            is_it = _DECISIONS.c.id == row["id"]
            connection.execute(update(_DECISIONS).where(is_it).values(version=-row["id"]))
        for version, row in enumerate(rows, start=1):
            values = {"student_number": folded, "version": version}
            connection.execute(update(_DECISIONS).where(_DECISIONS.c.id == row["id"]).values(values))
    return len(changes)


def _name_waivers(connection: Connection) -> TableClause:
    """Until migration 0009 no waiver can be withdrawn."""
    columns = ("id", "mini_app", "period", "student_number", "step", "reason", "granted_by")
    stored = {each["name"] for each in inspect(connection).get_columns("waivers")}
    moments = [column(name, UtcDateTime) for name in ("granted_at", "withdrawn_at") if name in stored]
    texts: list[ColumnClause[Any]] = [
        column(name) for name in _WITHDRAWAL if name in stored and name != "withdrawn_at"
    ]
    return table("waivers", *map(column, columns), *moments, *texts)


def _fold_waivers(connection: Connection, form: NumberForm, now: datetime) -> int:
    """Of several waivers of one person that stand, the first stays. Whoever withdrew one meant the person: a waiver
    under another spelling that was granted before ends with it, and what was granted after stands. Every withdrawn one
    is kept.
    """
    waivers = _name_waivers(connection)
    changes = _list_unfolded(connection, form, waivers, "student_number")
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in _list_rows(connection, waivers, {*changes, *changes.values()}):
        folded = changes.get(row["student_number"], row["student_number"])
        groups[folded, row["mini_app"], row["period"], row["step"]].append(row)
    for (folded, *_), rows in groups.items():
        withdrawn = [row for row in rows if row.get("withdrawn_at")]
        last = max(withdrawn, key=lambda row: row["withdrawn_at"], default=None)
        standing = sorted(
            (row for row in rows if row not in withdrawn), key=lambda row: (row["granted_at"], row["id"])
        )
        ended = [row for row in standing if last and row["granted_at"] <= last["withdrawn_at"]]
        for row in ended:
            values = {name: last[name] for name in _WITHDRAWAL} if last else {}
            connection.execute(update(waivers).where(waivers.c.id == row["id"]).values(values))
            _note_row(connection, "waiver_withdrawn_with_another", "waivers", {**row, **values}, folded, now)
        for row in [row for row in standing if row not in ended][1:]:
            connection.execute(delete(waivers).where(waivers.c.id == row["id"]))
            _note_removed(connection, "waivers", row, folded, now)
    for number, folded in changes.items():
        is_it = waivers.c.student_number == number
        connection.execute(update(waivers).where(is_it).values(student_number=folded))
    return len(changes)


def _list_rows(connection: Connection, rows: TableClause, numbers: Iterable[str]) -> Iterator[Row]:
    for number in sorted(numbers):
        yield from connection.execute(select(rows).where(rows.c.student_number == number)).mappings()


def _is_row(keyed: _Keyed, row: Row) -> Any:
    return and_(*(keyed.rows.c[name] == row[name] for name in ("student_number", *keyed.keys, keyed.moment)))


def _note_removed(connection: Connection, name: str, row: Row, folded: str, now: datetime) -> None:
    _note_row(connection, "second_row_removed", name, row, folded, now)


def _note_row(
    connection: Connection, kind: str, name: str, row: Mapping[Any, Any], folded: str, now: datetime
) -> None:
    told = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
    details = {"table": name, "row": told}
    add_event(connection, kind, actor=ACTOR, subject=folded, details=details, now=now)
