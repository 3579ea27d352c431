"""Whether the departments answer, and what is set for them is sound: canary students, waivers, desks, contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from app.connectors.base import TRANSPORT_FAILURES, Connector, FailureCode
from app.connectors.client import start_query, start_survey
from app.connectors.desk import NoEntry
from app.domain.clearance import DepartmentUnavailable
from app.domain.step import Step
from app.identity.base import CheckResult
from app.models import Waiver
from app.services.clearance.canaries import judge_canaries, list_unwatched_facts
from app.services.clearance.canary_looks import Outcome
from app.services.clearance.waivers import list_faulty_waivers
from app.services.clock import get_now
from app.services.desk.desk import Desk
from app.services.desk.gaps import read_state
from app.services.installation import InstalledMiniApp
from app.services.operations.database_checks import get_database_file, has_table
from app.services.operations.findings import fault, good, note
from app.settings import Canaries

NOBODY = "00000000"


def check_contacts(installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Graduates call the number that a page shows."""
    left = ", ".join(step.key for step in installed.mini_app.steps if step.has_example)
    if left:
        yield note(
            f"phone numbers or addresses of {left} are examples: put the departments' own in its manifest"
        )


def check_waivers(installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Whether each waiver of this period would be granted today; the database is looked at before."""
    if not has_table(Waiver.__tablename__):
        return
    faulty = list_faulty_waivers(installed)
    for step, count in Counter(waiver.step for waiver, slip in faulty if slip is None).items():
        words = f"{count} waiver(s) of {step} are without effect, for their reason or person, as not authentic or as put back"
        yield fault(f"{words}: see `flask waivers list`; grant them anew or withdraw them")
    for waiver, slip in faulty:
        if slip is not None:
            words = f"slip {slip} was given beside a waiver of {waiver.step} that would be refused today"
            yield note(f"{words}: compare, and revoke it if need be")
    if not faulty:
        yield good("every waiver has a reason and a person")


def check_desk(desk: Desk) -> Iterator[CheckResult]:
    database = get_database_file()
    if database is not None and not database.is_file():
        return  # told already, and not to be made here
    state = read_state(desk)
    yield good(f"{state.entries} entries")
    if desk.config.no_record is NoEntry.EMPTY and not state.is_complete(desk.config.complete_days, get_now()):
        words = "its list is not declared complete, or too long ago: whoever has no entry is unknown"
        yield fault(f"{words} (`flask desk complete {desk.name}`)")
    if state.refusals:
        words = f"{len(state.refusals)} student(s) unknown by rows that could not be read"
        yield note(f"{words} (`flask desk status {desk.name}`)")


def check_department(
    step: Step, connector: Connector, canaries: Canaries | None, deadline: float
) -> Iterator[CheckResult]:
    if canaries is None:
        yield _ask_about_nobody(connector, deadline)
        return
    answers = start_survey(connector, canaries.numbers, deadline).result()
    outcome, wrong = judge_canaries(step, canaries, answers)
    faults = {str(answer.fault) for answer in answers.values() if isinstance(answer, DepartmentUnavailable)}
    if outcome is Outcome.WRONG:
        about = ", ".join(wrong).strip(", ")
        words = f"answers wrongly about its canary students{f' ({about})' if about else ''}"
        yield fault(f"{connector.name} {words}: such a step is suspended for all")
    elif faults:
        words = f"{connector.name} does not answer: {', '.join(sorted(faults))}"
        yield fault(f"{words}; try `flask doctor` again, then call the department")
    else:
        yield good(f"{connector.name} lets the right canary students pass, and not the others")
    unwatched = list_unwatched_facts(step, canaries)
    if unwatched:
        yield note(f"no failing canary student shows {', '.join(unwatched)}")


def _ask_about_nobody(connector: Connector, deadline: float) -> CheckResult:
    answer = start_query(connector, NOBODY, deadline).result()
    failure = answer.fault if isinstance(answer, DepartmentUnavailable) else ""
    serious = (
        *TRANSPORT_FAILURES,
        FailureCode.CREDENTIAL_REFUSED,
        FailureCode.TOKEN_REFUSED,
        FailureCode.TOKEN_UNUSABLE,
        FailureCode.REDIRECT,
        FailureCode.INTERNAL,
    )
    words = f"of a student that nobody is, {connector.name} says: {failure or 'an answer'}"
    return (fault if failure in serious else note)(f"{words} (no canary students are set)")
