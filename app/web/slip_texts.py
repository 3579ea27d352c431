"""A slip in the words of a page: its record in the page's language while the paper stays as it is, its state for its
holder, and the characters that no font has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.slip import PrintedField, SlipRecord
from app.domain.slip_log import SlipState, SlipStatus
from app.mini_apps.translation import translate_texts
from app.services.slips.records import CHINESE, ENGLISH, join_texts
from app.services.verification.issued_codes import PublicSlip
from app.web.language import CHINESE as PRINTED
from app.web.language import ENGLISH as ENGLISH_PAGE
from app.web.language import get_language, gettext, localized, show_day, show_moment, show_printed_time
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation

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
    return _show_times(_translate(record, slug))


def show_public_slip(slip: PublicSlip, slug: str) -> PublicSlip:
    """What a stranger sees of a slip of this mini-app; the name is nobody's word."""
    return replace(translate_texts(slip, _get_words(slug)), masked_name=slip.masked_name)


def _get_words(slug: str) -> dict[str, str]:
    """What a text of a slip of this mini-app is on this page: also one that stands there in both languages, which is
    one of them here.
    """
    language, installation = get_language(), get_installation()
    mini_apps = (item.mini_app for item in installation.mini_apps.values() if item.mini_app.slug == slug)
    texts = next((mini_app.in_language(ENGLISH_PAGE.code).texts for mini_app in mini_apps), {})
    known = {**OWN_WORDS, **installation.settings.english, **texts}
    is_printed = language is PRINTED
    both = {
        join_texts(chinese, english): chinese if is_printed else english
        for chinese, english in known.items()
        if join_texts(chinese, english) != chinese
    }
    return both if is_printed else {**known, **both}


def _translate(record: SlipRecord, slug: str) -> SlipRecord:
    known = _get_words(slug)
    shown = translate_texts(record, known)
    if get_language() is PRINTED:
        return shown
    steps = [
        replace(step, facts=tuple(_translate_unit(fact, known) for fact in step.facts))
        for step in shown.steps
    ]
    return replace(shown, steps=tuple(steps))


def _show_times(record: SlipRecord) -> SlipRecord:
    """The record with its days and moments as all pages write them."""
    steps = tuple(
        replace(step, learnt_at=show_printed_time(step.learnt_at), facts=tuple(map(_show_time, step.facts)))
        for step in record.steps
    )
    return replace(record, submitted_at=show_printed_time(record.submitted_at), steps=steps)


def _show_time(fact: PrintedField) -> PrintedField:
    return replace(fact, value=show_printed_time(fact.value))


def _translate_unit(fact: PrintedField, texts: Mapping[str, str]) -> PrintedField:
    count = COUNT.fullmatch(fact.value)
    return replace(fact, value=count[1] + texts[count[2]]) if count and count[2] in texts else fact


WORDS = {
    SlipState.VALID: _l("有效"),
    SlipState.REISSUED: _l("已换发"),
    SlipState.REVOKED: _l("已撤销"),
    SlipState.EXPIRED: _l("已过期"),
}
TONES = {SlipState.VALID: "good", SlipState.REISSUED: "info"}
MEANINGS = {
    SlipState.REISSUED: _l("以前保存、打印的离校单都作废，请重新下载、打印。"),
    SlipState.REVOKED: _l("这张离校单不能再使用；以前保存、打印的也都作废。"),
    SlipState.EXPIRED: _l("这张离校单已超过有效期，不能再使用。"),
}


@dataclass(frozen=True, slots=True)
class SlipStateView:
    """`since` is a moment or a day in the language of the page; `meaning` what follows for the holder."""

    state: SlipState
    tone: str
    word: str
    meaning: str
    since: str
    reason: str

    @property
    def is_usable(self) -> bool:
        """Whether the slip proves anything."""
        return self.state in TONES

    @property
    def is_revoked(self) -> bool:
        """Whether the slip is no longer handed out."""
        return self.state is SlipState.REVOKED


def view_state(status: SlipStatus) -> SlipStateView:
    """The status as the holder's pages show it."""
    return SlipStateView(
        state=status.state,
        tone=TONES.get(status.state, "bad"),
        word=str(WORDS[status.state]),
        meaning=str(MEANINGS.get(status.state, "")),
        since=_show_since(status),
        reason=status.reason,
    )


def _show_since(status: SlipStatus) -> str:
    if isinstance(status.since, datetime):
        return show_moment(status.since)
    if status.expires_on is not None:
        return gettext("有效期至 %(day)s", day=show_day(status.expires_on))
    return ""


def describe_unprintable(field: PrintedField) -> str:
    """A field with its characters and their code points, which a person can read out to the support."""
    signs = (f"{character} (U+{ord(character):04X})" for character in field.value)
    return f"{localized(field.label)}: {', '.join(signs)}"
