"""The sample slip of a mini-app, sample.json: whether it is a slip's record, and whether it is one of this mini-app."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from app.config_model import Day, Section, Tables, read
from app.domain.clearance import PASSING
from app.domain.mini_app import MiniApp
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.step import Step
from app.mini_apps.files import Unreadable, read_text, refuse_excess

NAME = "sample.json"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
OF_EVERY_STEP = ("no_record", "waived", "waived_by")
"""Printed in the place of a step's facts."""


class SampleField(Section):
    """A labelled value."""

    key: str
    label: str
    value: str


class SampleStep(Section):
    """A step as printed."""

    key: str
    department: str
    title: str
    status: str
    status_word: str
    facts: Tables[SampleField]
    learnt_at: str


class Sample(Section):
    """A slip's record, as `SlipRecord.to_json` writes it."""

    title: str
    number: str
    fields: Tables[SampleField]
    steps: Tables[SampleStep]
    statement: str
    submitted_at: str
    issued_on: Day
    second_title: str = ""
    office: str = ""
    second_office: str = ""
    seal: str = Field("", pattern="[0-9a-f]*")


def read_sample(folder: Path, faults: list[str]) -> SlipRecord | None:
    """The sample's record; what is wrong with it is added to `faults`, and then it is None."""
    path = folder / NAME
    if not path.exists():
        faults.append(f"{NAME} is missing: a slip record to preview the layout with")
        return None
    try:
        data = _read_json(read_text(path))
    except Unreadable as error:
        faults.append(f"{NAME} cannot be read: {error}")
        return None
    except json.JSONDecodeError as error:
        faults.append(f"{NAME} is not a slip record: line {error.lineno}, column {error.colno}: {error.msg}")
        return None
    found: list[str] = []
    if isinstance(data, dict):
        read(Sample, data, "", found)
    else:
        found.append("it must be an object, {…}")
    faults += [f"{NAME} is not a slip record: {fault}" for fault in found]
    return None if found else parse_slip_record(data)


def _read_json(text: str) -> Any:
    """Raises Unreadable or JSONDecodeError."""
    with refuse_excess(text):
        data = json.loads(text)
        if _LONE_SURROGATE.search(json.dumps(data, ensure_ascii=False)):
            raise Unreadable("it has half a character, such as \\ud800 alone")
    return data


def list_misfits(record: SlipRecord, mini_app: MiniApp) -> Iterator[str]:
    """Where the sample is no slip of this mini-app, each as a sentence."""
    slip = mini_app.slip
    texts = {"title": slip.title, "statement": slip.statement, "office": slip.issuing_office}
    for name, text in texts.items():
        if getattr(record, name) != text:
            yield f"{NAME}: {name} is {getattr(record, name)!r}, and the manifest says {text!r}"
    printed = [(field.key, field.label) for field in record.fields]
    wanted = [(field.key, field.label) for field in slip.fields]
    if printed != wanted:
        yield f"{NAME}: fields are {_list(printed)}, and slip.fields of the manifest are {_list(wanted)}"
    keys = tuple(step.key for step in record.steps)
    if keys != mini_app.step_keys:
        yield f"{NAME}: steps are {', '.join(keys) or 'none'}, and the manifest has {', '.join(mini_app.step_keys)}"
    for place, printed_step in enumerate(record.steps):
        step = mini_app.get_step(printed_step.key)
        if step is None:
            continue  # told already
        for name in ("department", "title"):
            if getattr(printed_step, name) != getattr(step, name):
                yield f"{NAME}: steps[{place}].{name} is {getattr(printed_step, name)!r}, and the manifest says {getattr(step, name)!r}"
        if printed_step.status not in PASSING:
            yield f"{NAME}: steps[{place}].status must be one of {', '.join(sorted(PASSING))}: a slip has no other"
        yield from _list_odd_facts(place, [(fact.key, fact.label) for fact in printed_step.facts], step)


def _list_odd_facts(place: int, facts: list[tuple[str, str]], step: Step) -> Iterator[str]:
    labels = {fact.key: fact.label for fact in step.facts}
    for key, label in facts:
        if key in OF_EVERY_STEP:
            continue
        if key not in labels:
            yield f"{NAME}: steps[{place}].facts has {key}, which is no fact of {step.key}"
        elif label != labels[key]:
            yield f"{NAME}: steps[{place}].facts has {key} as {label!r}, and the manifest says {labels[key]!r}"


def _list(pairs: list[tuple[str, str]]) -> str:
    return ", ".join(f"{key} {label}" for key, label in pairs) or "none"
