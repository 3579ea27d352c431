"""Who opens a verdict: a person who checks a slip, or a program that only fetches the page, to show a link's preview in a chat,
to have it ready, or to search it. Those are no checks.
"""

from __future__ import annotations

import re
from functools import lru_cache

from flask import request

from app.web.page_context import get_header

_PROGRAMS = re.compile(
    r"(?<!cu)bot\b|spider|crawl|preview|externalhit|meta-external|^whatsapp/|slack-imgproxy"
    r"|qq-url-manager|larkurl2meta|google-inspectiontool",
    re.IGNORECASE,
)
"""How they name themselves: DingTalkBot-LinkService, TelegramBot, Slackbot-LinkExpanding, Twitterbot, Googlebot, bingbot,
BingPreview, Baiduspider, Sogou web spider, 360Spider, facebookexternalhit and others by what their kind has in its name,
the rest by their own. CUBOT makes phones.
"""
_PURPOSES = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
"""Headers by their names in WSGI, where they are looked up at a tenth of the cost. Of the first Fetch tells; older browsers
had the others.
"""
_AHEAD = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)


def is_check() -> bool:
    """Whether the request is somebody's look at a slip, as far as it says itself."""
    told = request.environ
    if request.method == "HEAD" or _is_program(get_header("User-Agent")):
        return False
    return not any(name in told and _AHEAD.search(told[name]) for name in _PURPOSES)


@lru_cache(maxsize=1024)
def _is_program(user_agent: str) -> bool:
    return _PROGRAMS.search(user_agent) is not None
