"""CONNECTING.md explains every reason for which a sign-in may come to nothing: the codes are taken from the sources."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from app.identity.cas_xml import FAULTS, REFUSALS
from app.identity.http import AnswerFormat
from app.identity.oauth2 import TOKEN_ERRORS

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "config" / "CONNECTING.md"
SOURCES = ("app/identity", "app/services", "app/web/auth")
FAULT_NAMES = {"SignInError", "SignInRefused", "ProviderMisbehaved", "ProviderRefused", "SignInUnavailable"}
ENDPOINTS = ("discovery", "keys", "token", "userinfo", "validate", "id_token")
PLACEHOLDERS = {
    "what": ENDPOINTS,
    "answer_format": tuple(AnswerFormat),
    "error": ("temporarily_unavailable", "server_error", "sample"),
    "code": (*TOKEN_ERRORS, "error"),
    "code.lower()": tuple(code.lower() for code in (*REFUSALS, *FAULTS)),
}
"""What stands in a code's placeholder; for any other one sample is enough."""
ONLY_OF = {
    "key": ("id_token", "userinfo"),
    "signature": ("id_token", "userinfo"),
    "refused": ("token", "userinfo"),
    "not_form": ("token", "userinfo"),
    "not_jsonp": ("token", "userinfo"),
    "not_json": ("discovery", "keys", "token", "userinfo"),
    "too_big": ENDPOINTS[:-1],
    "http_sample": ENDPOINTS[:-1],
}
"""Endings that not every endpoint has."""


def list_reasons() -> set[str]:
    """Every code in the sources, one for each thing that a placeholder may hold."""
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return {
        reason
        for call in calls
        if FAULT_NAMES & {part.id for part in ast.walk(call.func) if isinstance(part, ast.Name)}
        for reason in list_texts(call.args[0])
        if is_possible(reason)
    }


def is_possible(reason: str) -> bool:
    endpoint, _, ending = reason.partition(":")
    return endpoint in ONLY_OF.get(ending, (endpoint,))


def list_texts(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.IfExp):
        yield from list_texts(argument.body)
        yield from list_texts(argument.orelse)
    elif isinstance(argument, ast.JoinedStr):
        parts = [
            PLACEHOLDERS.get(ast.unparse(part.value), ("sample",))
            if isinstance(part, ast.FormattedValue)
            else (str(ast.literal_eval(part)),)
            for part in argument.values
        ]
        yield from ("".join(chosen) for chosen in itertools.product(*parts))


def list_told(text: str) -> list[str]:
    """The codes in the first column of the table of reasons."""
    rows = text.partition("| reason |")[2].partition("\n\n")[0].splitlines()
    return [
        code for row in rows if row.startswith("| `") for code in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]


def is_told(reason: str, told: list[str]) -> bool:
    return any(re.fullmatch(re.escape(code).replace("…", ".+"), reason) for code in told)


def test_every_code_that_can_be_shown_is_explained() -> None:
    told = list_told(TABLE.read_text(encoding="utf-8"))
    reasons = list_reasons()
    assert len(reasons) > 40
    assert [reason for reason in sorted(reasons) if not is_told(reason, told)] == []


def test_every_code_that_is_explained_can_be_shown() -> None:
    told = list_told(TABLE.read_text(encoding="utf-8"))
    reasons = list_reasons()
    assert [code for code in told if not any(is_told(reason, [code]) for reason in reasons)] == []


def test_a_code_without_its_row_is_noticed() -> None:
    text = TABLE.read_text(encoding="utf-8").replace("`unknown_role`", "")
    assert not is_told("unknown_role", list_told(text))
