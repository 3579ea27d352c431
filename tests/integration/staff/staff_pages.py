"""Staff with a browser, as far as HTTP goes."""

from __future__ import annotations

from tests.conftest import Service
from tests.visitor import Visitor


def sign_in_staff(service: Service, number: str) -> Visitor:
    """A browser in which this person has signed in on the way to `/staff`, whatever came then."""
    visitor = service.visit()
    visitor.arrive(number, "/staff")
    return visitor
