"""A slip's record as a page shows it: in the language of the page. The paper stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from app.domain.slip import PrintedField, SlipRecord
from app.miniapps.translation import translate_texts
from app.services.slip_records import CHINESE, ENGLISH
from app.web.language import CHINESE as PRINTED
from app.web.language import get_language
from app.web.shell import get_installation

COUNT = re.compile(r"([0-9]+)(\D.*)")
"""A number and its unit."""
OWN_WORDS = {
    **{CHINESE.statuses[status]: ENGLISH.statuses[status] for status in CHINESE.statuses},
    CHINESE.reason: ENGLISH.reason,
    CHINESE.approver: ENGLISH.approver,
    CHINESE.note: ENGLISH.note,
}


def show_record(record: SlipRecord, slug: str) -> SlipRecord:
    """The record of a slip of this mini-app."""
    language = get_language()
    if language is PRINTED:
        return record
    installation = get_installation()
    mini_apps = (item.mini_app for item in installation.mini_apps.values() if item.mini_app.slug == slug)
    texts = next((mini_app.in_language(language.code).texts for mini_app in mini_apps), {})
    known = {**OWN_WORDS, **installation.settings.english, **texts}
    shown = translate_texts(record, known)
    steps = [
        replace(step, facts=tuple(_translate_unit(fact, known) for fact in step.facts))
        for step in shown.steps
    ]
    return replace(shown, steps=tuple(steps))


def _translate_unit(fact: PrintedField, texts: Mapping[str, str]) -> PrintedField:
    count = COUNT.fullmatch(fact.value)
    return replace(fact, value=count[1] + texts[count[2]]) if count and count[2] in texts else fact
