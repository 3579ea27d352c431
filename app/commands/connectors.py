"""`flask connectors`: what is configured, and one system asked about one student, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask.cli import AppGroup

from app.commands.decisions import UNNAMED, PersonNumber, by_option
from app.commands.masking import Mask
from app.commands.printing import echo, make_line
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskConfig
from app.connectors.reading import NumberAs, require_student
from app.connectors.tracing import NOT_THERE, FactTrace, MarkTrace, find, list_texts
from app.domain.clearance import DepartmentUnavailable, KeyUnusable, Reading, Status
from app.domain.exchanges import Exchange
from app.domain.json_reading import Path
from app.domain.person import Keys
from app.services.clearance.key_wiring import list_told_keys
from app.services.installation import Installation
from app.services.operations.connector_trial import (
    Trial,
    UnknownConnector,
    note_tried,
    read_configs,
    try_connector,
)
from app.services.operations.exact_advice import advise_answer, advise_fact
from app.services.operations.fault_advice import advise


def make_connectors_group(installation: Installation) -> AppGroup:
    """The commands of `flask connectors`."""
    group = AppGroup("connectors", help="Department systems: listed, and tried with one student.")
    settings = installation.settings

    @group.command("list")
    def list_all() -> None:
        """List what is configured: kind, the key that is asked by, facts, and the steps that it answers for."""
        for name, config in read_configs(installation).items():
            steps = [
                f"{item.mini_app.slug}.{step}"
                for item in installation.mini_apps.values()
                for step, connector in item.settings.steps.items()
                if connector == name
            ]
            asked_by, facts = ", ".join(config.asked_by), ", ".join(config.get_facts())
            echo(f"{name}  {config.kind}  by {asked_by}")
            echo(f"  facts  {facts}")
            echo(f"  steps  {', '.join(steps) or 'none'}")

    @group.command("try")
    @click.argument("name")
    @click.argument("student_number", type=PersonNumber(settings.numbers))
    @click.option("--raw", is_flag=True, help="Show whole answers: personal data.")
    @click.option(
        "--key", "keys", multiple=True, metavar="NAME=VALUE", help="A key that the sign-in would tell."
    )
    @by_option(settings.conventions, required=False)
    @click.pass_context
    def try_one(
        context: click.Context,
        name: str,
        student_number: str,
        raw: bool,
        keys: tuple[str, ...],
        by: str | None,
    ) -> None:
        """Ask one system about one student, once, and show what goes out, what comes back and what is understood of it.
        Changes nothing. Ends with 1 where the answer cannot be believed. The audit notes that somebody looked.
        """
        told = _read_keys(keys, installation)
        if name not in read_configs(installation):
            known = ", ".join(read_configs(installation))
            raise click.ClickException(f"there is no connector {name}: there are {known}")
        _require_used(name, told, installation)
        note_tried(name, student_number, by or UNNAMED, is_raw=raw)
        try:
            trial = try_connector(installation, name, student_number, told)
        except UnknownConnector as error:
            raise click.ClickException(f"there is no connector {error}") from error
        if raw:
            echo("personal data: close this window afterwards, and send it to nobody", err=True)
        for line in _list_lines(trial, student_number, is_raw=raw):
            echo(make_line(line))
        context.exit(0 if trial.is_understood else 1)

    return group


def _read_keys(texts: tuple[str, ...], installation: Installation) -> Keys:
    """`card_number=60010002`, for a key with several values again and again."""
    told: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or name not in installation.settings.person_keys:
            names = ", ".join(installation.settings.person_keys) or "none is configured"
            raise click.BadParameter(
                f"must be NAME=VALUE with a name of [person_keys]: {names}", param_hint="--key"
            )
        if connector := installation.settings.person_keys[name].connector:
            raise click.BadParameter(
                f"{name} is told by the connector {connector}, which is asked for it: one given by hand is not used",
                param_hint="--key",
            )
        told[name] = (*told.get(name, ()), value)
    return told


def _require_used(name: str, told: Keys, installation: Installation) -> None:
    used = set(list_told_keys(name, installation.settings.person_keys, read_configs(installation)))
    for key in told:
        if key not in used:
            raise click.BadParameter(f"{name} is not asked by {key}", param_hint="--key")


def _list_lines(trial: Trial, student_number: str, *, is_raw: bool) -> Iterator[str]:
    known = [text for fact in trial.trace.facts for text in list_texts(fact.found)]
    known += [text for mark in trial.trace.marks for text in list_texts(mark.found)]
    mask = Mask(trial.secrets, trial.keys, [student_number, *known], is_raw=is_raw)
    for exchange in trial.exchanges:
        yield from _list_exchange(trial, mask, exchange)
    if isinstance(trial.config, DeskConfig):
        yield "no request: what clerks recorded in this service's own database"
    elif not trial.exchanges:
        yield "no request went out"
    yield f"took {trial.seconds:.2f} s"
    yield from _list_marks(trial, mask)
    yield from _list_frame(trial, mask)
    yield from _list_facts(trial, mask)
    yield from _list_outcome(trial)


def _list_exchange(trial: Trial, mask: Mask, exchange: Exchange) -> Iterator[str]:
    yield f"→ {mask.hide(exchange.head)}"
    yield from (f"  {mask.header(*header)}" for header in exchange.headers.items())
    if exchange.body:
        yield from _indent(mask.question(exchange.body))
    if exchange.error:
        yield f"← no answer: {mask.hide(exchange.error)}"
    elif exchange.answer_head:
        yield f"← {mask.hide(exchange.answer_head)}"
        yield from (f"  {mask.header(*header)}" for header in exchange.answer_headers.items())
        encoding = getattr(trial.config, "encoding", "utf-8")
        delimiter = getattr(trial.config, "delimiter", "")
        yield from _indent(mask.answer(exchange.answer_body, str(encoding), str(delimiter)))
    else:
        yield "← no answer"


def _indent(text: str) -> Iterator[str]:
    return (f"  {line}" for line in text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n"))


def _list_marks(trial: Trial, mask: Mask) -> Iterator[str]:
    told_before: list[MarkTrace] = []
    for one in trial.trace.marks:
        if one in told_before:  # the answer is looked at once more for each page and action
            continue
        told_before.append(one)
        wanted = " or ".join(mask.value(value) for value in one.mark.values)
        told = "holds" if one.holds else f"does not hold: wanted {wanted}"
        system = _name_other(trial, one)
        yield f"{system}{one.key}  at {_write(one.mark.path)} stands {_show(mask, one.found)}: {told}"


def _list_frame(trial: Trial, mask: Mask) -> Iterator[str]:
    """The number that came back, and the rows, of an answer that is a document."""
    echo, rows_path = (getattr(trial.config, key, None) for key in ("echo", "rows_path"))
    for (system, asked), document in trial.trace.documents.items():
        if system != trial.config.name:
            continue
        if echo:
            found = find(document, echo)
            fault = _judge_echo(trial.config, found, asked)
            told = f"not the number asked for, {fault}" if fault else "the number asked for"
            shown = _describe(found) if fault else mask.value(found)
            yield f"echo  at {_write(echo)} stands {shown}: {told}"
        if rows_path is not None:
            of_page = " of the last page" if getattr(trial.config, "walk", None) else ""
            yield f"rows{of_page}  at {_write(rows_path)} stands {_describe(find(document, rows_path))}"


def _judge_echo(config: ConnectorConfig, found: object, asked: str) -> str:
    """The fault by which the connector itself refuses a number that came back; empty where it is the one asked for."""
    if found is NOT_THERE:
        return FailureCode.MISSING_FIELD
    number_as = getattr(config, "number_as", NumberAs.TEXT)
    try:
        require_student(config.conventions, found, asked, number_as)
    except UntrustedAnswer as error:
        return error.fault
    return ""


def _list_facts(trial: Trial, mask: Mask) -> Iterator[str]:
    yield "facts"
    for fact in trial.trace.facts:
        place = f"  {_name_other(trial, fact)}{fact.name}  at {_write(fact.path)} stands {_show(mask, fact.found)}"
        if fact.fault:
            yield f"{place}: not understood, {fact.fault}: {_advise_fact(trial, fact)}"
        else:
            yield f"{place}: understood as {mask.value(fact.value)}"
    read = {fact.name for fact in trial.trace.facts if fact.system == trial.config.name}
    for name, field in trial.config.fields.items():
        if name not in read:
            yield f"  {name}  at {_write(field.path)}: not reached"


def _advise_fact(trial: Trial, fact: FactTrace) -> str:
    field = trial.config.fields.get(fact.name) if fact.system == trial.config.name else None
    exact = advise_fact(field, fact.found, fact.fault) if field is not None else ""
    return exact or advise(fact.fault, key=trial.find_key(fact.system))


def _list_outcome(trial: Trial) -> Iterator[str]:
    answer = trial.answer
    if isinstance(answer, Reading):
        parts = [f"{len(part)} record(s)" if part else "no record of this student" for part in answer.parts]
        yield f"understood: {', '.join(parts)}"
    else:
        yield f"unavailable: {_explain(trial, answer)}"
    for installed, step, state in trial.steps:
        reasons = "; ".join(message for message, _ in step.explain(state.finding, state.reading))
        if isinstance(answer, Reading) and state.status is Status.UNAVAILABLE and not reasons:
            reasons = _explain_undecided(answer)
        yield f"step {installed.mini_app.slug}.{step.key}: {state.status}{f': {reasons}' if reasons else ''}"
    if not trial.steps:
        yield "no step is answered by it"


def _explain_undecided(reading: Reading) -> str:
    """Why an answer that is understood decides nothing."""
    empty = {name: None for record in reading.records for name, value in record.items() if value is None}
    if not empty:
        return "what the answer says decides nothing by the step's rule"
    return f"empty, and so it decides nothing: {', '.join(empty)}"


def _explain(trial: Trial, answer: DepartmentUnavailable) -> str:
    """The fault, and what to do about it: what is known of the fact at which reading ended, or else of the answer."""
    named = answer.key if isinstance(answer, KeyUnusable) else ""
    key = f" ({named})" if named else ""
    last = trial.trace.facts[-1] if trial.trace.facts else None
    if last is not None and last.fault == answer.fault:
        return f"{answer.fault}{key}: {_advise_fact(trial, last)}"
    documents = {
        asked: each for (system, asked), each in trial.trace.documents.items() if system == trial.config.name
    }
    exact = advise_answer(trial.config, trial.exchanges, documents, answer.fault)
    return f"{answer.fault}{key}: {exact or advise(answer.fault, trial.reasons, named or trial.find_key(answer.system))}"


def _name_other(trial: Trial, one: FactTrace | MarkTrace) -> str:
    """The system, where it is not the one that is tried but gives its key."""
    return "" if one.system == trial.config.name else f"{one.system}."


def _write(path: Path) -> str:
    """A path as the configuration writes it."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "$"


def _show(mask: Mask, found: object) -> str:
    if found is NOT_THERE:
        return "nothing"
    return _describe(found) if isinstance(found, dict | list) else mask.value(found)


def _describe(found: object) -> str:
    """A value by its kind alone."""
    if found is NOT_THERE:
        return "nothing"
    if found is None:
        return "null"
    if isinstance(found, list):
        return f"a list of {len(found)}"
    return "an object" if isinstance(found, dict) else f"a {type(found).__name__}".replace("a str", "a text")
