"""Proves a mini-app's folder, for whoever writes one: every mistake at once, as a sentence with file, line and key. Needs
neither configuration nor departments; what these must yield is told at start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.domain.applies import CLAIMS
from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.domain.slip import SlipRecord
from app.domain.step import Step
from app.domain.texts import is_same_word
from app.mini_apps.files import Unreadable, find_line, find_lines, read_text
from app.mini_apps.loader import load_mini_app
from app.mini_apps.sample import list_misfits, read_sample

MANIFEST, ENGLISH = "manifest.toml", "en.toml"
SLUG = r"[a-z][a-z0-9_]{0,39}"
_LACKS = re.compile(r"en\.toml lacks (.*)", re.DOTALL)
_HAS = re.compile(
    r"en\.toml has (.*?)(?:, which the mini-app does not say| with \{value\} on one side only)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A folder that was looked at: what can be used of it, and all mistakes."""

    mini_app: MiniApp | None
    sample: SlipRecord | None
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def check_folder(folder: Path) -> Checked:
    """What is wrong with a folder, and what its author should know."""
    if not folder.is_dir():
        return Checked(None, None, (f"{folder} is no folder",), ())
    faults: list[str] = []
    if not re.fullmatch(SLUG, folder.name):
        faults.append(
            f"{folder.name} is no slug: a folder's name has small letters, digits and _, a letter first"
        )
    told: list[str] = []
    mini_app = load_mini_app(folder, told)
    sample = read_sample(folder, [])  # what is wrong with it is told by the loader
    told = [fault.removeprefix(f"{folder.name}/") for fault in told]
    if mini_app is not None:
        told += [f"{MANIFEST}: {fault}" for fault in list_unsaid(mini_app)]
        if sample is not None:
            told += list_misfits(sample, mini_app)
    faults += _add_lines(folder, told)
    return Checked(mini_app, sample, tuple(dict.fromkeys(faults)), tuple(_list_notes(folder, mini_app)))


def list_unsaid(mini_app: MiniApp) -> Iterator[str]:
    """Texts that nobody is ever shown, and mistakes of people for which no text is there; each by its key."""
    for place, step in enumerate(mini_app.steps):
        yield from (f"steps[{place}].{fault}" for fault in _list_unsaid_of_step(step))


def _list_unsaid_of_step(step: Step) -> Iterator[str]:
    for key in step.rule.reason_keys:
        if key not in step.reasons:
            yield f"reasons lacks {key}: whoever does not pass for it is not told what is wrong"
    for key in step.reasons:
        if key not in step.rule.reason_keys:
            yield f"reasons.{key} is never said: {key} keeps nobody from passing"
    if step.no_record is Status.UNAVAILABLE and step.no_record_says:
        yield 'no_record_says is never said: no_record is "unavailable"'
    seen: list[tuple[str, str]] = []
    for place, office in enumerate(step.offices):
        if all(any(by == office.by and is_same_word(of, text) for by, of in seen) for text in office.of):
            yield f"offices[{place}] is nobody's: earlier ones have all of {', '.join(office.of)}"
        seen += [(office.by, text) for text in office.of]
    keys = [fact.key for fact in step.facts]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            yield f"facts[{place}].key is there twice"


def _list_notes(folder: Path, mini_app: MiniApp | None) -> Iterator[str]:
    if mini_app is None:
        return
    if not (folder / ENGLISH).exists():
        yield f"there is no {ENGLISH}: everybody reads this mini-app in Chinese"
    asked = dict.fromkeys(
        (*mini_app.attribute_names, *(name for name in mini_app.person if name not in CLAIMS))
    )
    if asked:
        yield f"the sign-in must tell {', '.join(asked)}: [sign_in.<name>.attributes]"
    examples = [step.key for step in mini_app.steps if step.has_example]
    if examples:
        yield f"phone numbers or addresses of {', '.join(examples)} are examples: put the departments' own"


def _add_lines(folder: Path, told: list[str]) -> Iterator[str]:
    """The faults with the lines that they are about, as far as these can be found."""
    manifest, english = _read(folder / MANIFEST), _read(folder / ENGLISH)
    lines = find_lines(manifest)
    for fault in told:
        file, _, rest = fault.partition(": ")
        if file == MANIFEST and (line := find_line(lines, rest.split(" ")[0].removesuffix(","))):
            yield f"{MANIFEST}, line {line}: {rest}"
        elif lacking := _LACKS.fullmatch(fault):
            where = _find_text(manifest, lacking[1])
            yield f"{fault}{f' ({MANIFEST}, line {where})' if where else ''}"
        elif having := _HAS.fullmatch(fault):
            where = _find_text(english, having[1])
            yield fault.replace(ENGLISH, f"{ENGLISH}, line {where},", 1) if where else fault
        else:
            yield fault


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except Unreadable:
        return ""


def _find_text(text: str, wanted: str) -> int | None:
    """The line that has this text first."""
    place = text.find(wanted)
    return text.count("\n", 0, place) + 1 if place >= 0 else None
