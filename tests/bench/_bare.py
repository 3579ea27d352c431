"""The least that Flask can do at the address of a verification: a route that answers a ready page."""

from __future__ import annotations

from flask import Flask

PAGE_BYTES = 2_000

app = Flask(__name__)


@app.get("/v/<path:code>")
def show(code: str) -> str:
    """A page of a verification's size."""
    return "x" * PAGE_BYTES


@app.get("/readyz")
def readyz() -> str:
    """The server is up."""
    return "ready"
