"""The names of the points at which the service is killed."""

from __future__ import annotations

REISSUE = "/reissue/"
COMMITS = {"submit": 1, "cancel": 5, "callback": 2, "reissue": 1}
"""How many commits each use makes in one request. Cancelling keeps what the library says, the intent, what the
library says then, the outcome, and the page's notice.
"""
AROUND_COMMITS = [
    f"{use} {when} commit {number}"
    for use, commits in COMMITS.items()
    for number in range(1, commits + 1)
    for when in ("before", "after")
]
POINTS = [
    *AROUND_COMMITS,
    "cancel before call",
    "cancel after call",
    *(f"{use} before answer" for use in COMMITS),
]


def name_use(path: str) -> str:
    """What a request to this address is about."""
    if path.startswith(REISSUE):
        return "reissue"
    ends = {"/submission": "submit", "/cancel-card": "cancel", "/callback": "callback"}
    return next((use for end, use in ends.items() if path.endswith(end)), "other")
