"""What is shown of an exchange with a system holds no secret, however it is written there."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import pytest

from app.commands.masking import Mask

SECRET = "geheim <&\"0815'>"
IN_XML = escape(SECRET, {'"': "&quot;", "'": "&apos;"})
MASK = Mask({SECRET: "‹secret›"}, {}, (), is_raw=True)


@pytest.mark.parametrize(
    "body",
    [
        f"<a>{IN_XML}</a>",
        f'<a b="{IN_XML}"/>',
        f"<a>{escape(json.dumps({'k': SECRET}), {chr(34): '&quot;', chr(39): '&apos;'})}</a>",
        f"x={quote_plus(f'<a>{IN_XML}</a>')}",
        json.dumps({"k": SECRET}),
    ],
)
def test_a_secret_that_a_template_escaped_is_hidden(body: str) -> None:
    shown = MASK.question(body.encode())
    assert "‹secret›" in shown
    assert "geheim" not in shown
    assert "0815" not in shown


def test_what_is_no_secret_is_shown() -> None:
    assert MASK.question(b"<a>geheim</a>") == "<a>geheim</a>"


@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
@pytest.mark.parametrize("is_raw", [False, True])
def test_deep_json_is_told_as_such(depth: int, is_raw: bool) -> None:
    mask = Mask({SECRET: "‹secret›"}, {}, (), is_raw=is_raw)
    for text in ("[" * depth, "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        for shown in (mask.answer(text.encode()), mask.question(text.encode())):
            assert "characters" in shown or shown.startswith(("[", "{"))


PATHLIKE = 'Gw+Sec=ret/1"é0815'


@pytest.mark.parametrize("before", ["", "a", "ab", "abcd:"])
@pytest.mark.parametrize("behind", ["", "z", "zz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("slash", ["/", r"\/"])
def test_base64_of_whatever_holds_a_secret_is_hidden(
    before: str, behind: str, encode: Any, slash: str
) -> None:
    mask = Mask({PATHLIKE: "‹secret›"}, {}, (), is_raw=True)
    encoded = encode(f"{before}{PATHLIKE}{behind}".encode()).decode().replace("/", slash)
    assert mask.hide(f"sent: {encoded} so") == "sent: ‹secret› so"


@pytest.mark.parametrize(
    "written",
    [
        PATHLIKE.upper(),
        PATHLIKE.lower(),
        json.dumps(PATHLIKE)[1:-1].replace("/", r"\/"),
        json.dumps(json.dumps(PATHLIKE)[1:-1])[1:-1],
        PATHLIKE.encode().hex(),
        PATHLIKE.encode().hex().upper(),
        "".join(f"\\u{ord(character):04x}" for character in PATHLIKE),
    ],
)
def test_a_secret_in_another_spelling_is_hidden(written: str) -> None:
    assert Mask({PATHLIKE: "‹secret›"}, {}, (), is_raw=True).hide(f"<{written}>") == "<‹secret›>"


def test_base64_of_something_else_is_shown() -> None:
    other = base64.b64encode(b"abcd:something else").decode()
    assert Mask({PATHLIKE: "‹secret›"}, {}, (), is_raw=True).hide(other) == other
