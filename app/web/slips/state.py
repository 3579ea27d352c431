"""A slip's status in words for its holder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app.domain.slip_state import SlipState, SlipStatus
from app.web.language import show_day, show_moment

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
        return str(gettext("有效期至 %(day)s", day=show_day(status.expires_on)))
    return ""
