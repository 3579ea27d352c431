"""Staff with a browser, as far as HTTP goes."""

from __future__ import annotations

from collections.abc import Sequence

import requests
from flask import Flask

from tests.conftest import Service
from tests.fixtures.signed_in import SECONDS, SignedIn
from tests.fixtures.staff import end_grant, grant
from tests.visitor import Visitor

GRANTS = "/staff/grants"
DORMITORY = {"mini_app": "graduate_departure", "step": "dormitory"}


def sign_in_staff(service: Service, number: str) -> Visitor:
    """A browser in which this person has signed in on the way to `/staff`, whatever came then."""
    visitor = service.visit()
    visitor.arrive(number, "/staff")
    return visitor


def count_prompt_ends(url: str, place: Flask, people: Sequence[SignedIn], rounds: int) -> int:
    """In so many rounds give somebody a grant, open a page by it, end it, and send a form: how often the grant held at the
    very next request and its end at the one after, where nothing was written.
    """
    count = 0
    for turn in range(rounds):
        person = people[turn % len(people)]
        given = grant(place, person.number, "head", **DORMITORY)
        opened = _ask(url, person, "GET")
        end_grant(place, given)
        form = {"number": "00420013", "role": "desk", "until": "2999-01-01", "reason": "写了很久的原因"}
        sent = _ask(url, person, "POST", own=str(given), **form)
        again = _ask(url, person, "GET")
        is_told = 'data-error="GrantEnded"' in sent.text and "写了很久的原因" in sent.text
        answers = opened.status_code, sent.status_code, again.status_code
        count += answers == (200, 403, 403) and is_told
    return count


def _ask(url: str, person: SignedIn, method: str, **form: str) -> requests.Response:
    data = {"csrf_token": person.token, **form} if method == "POST" else None
    headers = {"Cookie": person.cookie}
    return requests.request(method, url + GRANTS, data=data, headers=headers, timeout=SECONDS)
