"""What must hold after any number of crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from app.extensions import db
from app.factory import create_app
from app.services.audit import find_broken_event
from app.services.slips.issued_log import find_log_faults
from app.settings import load_settings
from tests.crashes.rounds import Crashing
from tests.fixtures.stored import query


def find_faults(service: Crashing) -> list[str]:
    """Everything that was lost, changed or doubled, a sentence each."""
    return [
        *(f"{student} was told another slip than before" for student in service.changed),
        *_find_slip_faults(service),
        *_find_code_faults(service),
        *_find_cancel_faults(service),
        *_find_log_faults(service),
    ]


def _find_slip_faults(service: Crashing) -> Iterator[str]:
    statement = (
        "SELECT submissions.student_number, slips.number FROM submissions"
        " LEFT JOIN slips ON slips.submission_id = submissions.id"
    )
    rows = query(service.environment, statement)
    stored = {student: f"/slips/{number}" for student, number in rows}
    for student, times in Counter(student for student, _ in rows).items():
        if times > 1:
            yield f"{student} has {times} submissions"
    for student, location in service.told.items():
        if stored.get(student) != location:
            yield f"{student} was told {location}, and {stored.get(student)} is stored"
    issued = query(service.environment, "SELECT count(*) FROM audit_events WHERE kind = 'slip_issued'")
    if issued != [(len(rows),)]:
        yield f"{len(rows)} submissions and {issued} events"


def _find_code_faults(service: Crashing) -> Iterator[str]:
    statement = (
        "SELECT slips.number, count(issued_codes.id), sum(CASE state WHEN 'issued' THEN 1 ELSE 0 END)"
        " FROM slips LEFT JOIN issued_codes ON issued_codes.slip_id = slips.id GROUP BY slips.number"
    )
    for number, codes, logged_code in query(service.environment, statement):
        least = 1 + service.reissued[str(number)]
        if not least <= int(str(codes)) <= least + service.maybe_reissued[str(number)]:
            yield f"{number} has {codes} codes, at least {least} were told"
        if logged_code != 1:
            yield f"{number} has {logged_code} codes in force"


def _find_cancel_faults(service: Crashing) -> Iterator[str]:
    for student, times in service.cancelled.items():
        if times != 1:
            yield f"the card of {student} was cancelled {times} times"


def _find_log_faults(service: Crashing) -> Iterator[str]:
    app = create_app(load_settings(service.environment))
    with app.app_context():
        with db.engine.connect() as connection:
            yield from find_log_faults(connection)
        broken = find_broken_event()
        db.session.remove()
        db.engine.dispose()
    if broken is not None:
        yield f"event {broken} is broken"
