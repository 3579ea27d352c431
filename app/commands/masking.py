"""What an exchange with a system is shown as: secrets are always hidden, and of an answer the values that nobody
configured, unless they are wanted.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from app.connectors.http.templates import list_spellings

MOST_SHOWN = 8_000
"""Characters of a body."""
HIDDEN = "‹hidden›"
LEAST_ENCODED = 6
"""Characters by which base64 is known again; those of shorter secrets stand in too many texts."""
_OF_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_\\")
_SENSITIVE = re.compile(
    r"auth|cookie|token|secret|passw|pwd|sign|ticket|credential|session|api-?key", re.IGNORECASE
)
_IN_QUERY = re.compile(r"(?P<start>(?:^|[?&])(?P<name>[^=&?#]+)=)(?P<value>[^&#]*)")
_BETWEEN_TAGS = re.compile(r">([^<>]+)<")
_ATTRIBUTE = re.compile(r"""(\s(?!xmlns|version|encoding)[\w:.-]+\s*=\s*)("[^"]*"|'[^']*')""")


class Mask:
    """`secrets` and `keys` are texts with what is shown in their place; `known` are the values of an answer that may be
    seen. `is_raw`: of an answer everything but secrets is shown.
    """

    def __init__(
        self, secrets: Mapping[str, str], keys: Mapping[str, str], known: Iterable[str], *, is_raw: bool
    ) -> None:
        hidden = secrets if is_raw else {**keys, **secrets}
        spelt = {form: label for text, label in hidden.items() for form in _spell(text)}
        self._hidden = sorted(spelt.items(), key=lambda pair: -len(pair[0]))
        self._encoded = {core: label for text, label in hidden.items() for core in _encode(text)}
        self._keys = set() if is_raw else set(keys)
        self._known = set(known) - self._keys
        self._is_raw = is_raw

    def hide(self, text: str) -> str:
        """The text without secrets, however they are written in it."""
        folded = text.lower()
        for secret, label in self._hidden:
            if secret.lower() in folded:
                text = re.sub(re.escape(secret), label, text, flags=re.IGNORECASE)
        for core, label in self._encoded.items():
            text = _hide_around(text, core, label)
        return _IN_QUERY.sub(_hide_parameter, text)

    def header(self, name: str, value: str) -> str:
        """A header's line."""
        shown = self.hide(value)
        return f"{name}: {HIDDEN if shown == value and _SENSITIVE.search(name) else shown}"

    def question(self, body: bytes) -> str:
        """A body that goes out: whole, without secrets."""
        text = body.decode("utf-8", "replace")
        try:
            return _cut(self.hide(_dump(_hide_names(json.loads(text)))))
        except ValueError:
            return _cut(self.hide(text))
        except RecursionError:
            return _describe_deep(text)

    def answer(self, body: bytes, encoding: str = "utf-8", delimiter: str = "") -> str:
        """A body that came back, its values masked; `delimiter` is what parts the fields of a SIP2 message."""
        text = body.decode(encoding, "replace")
        try:
            return _cut(self.hide(_dump(self._mask_json(_hide_names(json.loads(text))))))
        except ValueError:
            pass
        except RecursionError:
            return _describe_deep(text)
        if self._is_raw:
            return _cut(self.hide(text))
        if delimiter:
            return _cut(self.hide(delimiter.join(map(self._mask_field, text.split(delimiter)))))
        if "<" not in text:
            return f"‹{len(text)} characters›" if text else "‹nothing›"
        return _cut(self.hide(self._mask_markup(text)))

    def value(self, found: object) -> str:
        """A value of a fact that the configuration names."""
        return self.hide(_dump(found)) if not isinstance(found, str) else self.hide(f'"{found}"')

    def _mask_json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._mask_json(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._mask_json(inner) for inner in value]
        return value if value is None or isinstance(value, bool) else self._mask(value)

    def _mask(self, value: object) -> object:
        text = str(value)
        if text in self._keys:
            return value  # its name is put in its place
        if self._is_raw or text in self._known or not text.strip() or text == HIDDEN:
            return value
        return "‹number›" if not isinstance(value, str) else f"‹text of {len(text)}›"

    def _mask_field(self, part: str) -> str:
        return f"{part[:2]}{self._mask(part[2:])}" if re.match(r"[A-Z][A-Z0-9]", part) else part

    def _mask_markup(self, text: str) -> str:
        between = _BETWEEN_TAGS.sub(lambda found: f">{self._mask(found[1].strip())}<", text)
        return _ATTRIBUTE.sub(lambda found: f'{found[1]}"{self._mask(found[2][1:-1])}"', between)


def _spell(text: str) -> set[str]:
    """How a text may stand in an address or a body, whatever the case of its letters."""
    in_json = json.dumps(text)[1:-1]
    plain = {
        text,
        quote(text, safe=""),
        in_json,
        json.dumps(text, ensure_ascii=False)[1:-1],
        *list_spellings(text),
    }
    plain |= {form.replace("/", r"\/") for form in plain}
    plain |= {json.dumps(in_json)[1:-1], text.encode().hex()}
    plain.add("".join(f"\\u{ord(character):04x}" for character in text))
    return {form for form in plain if form}


def _encode(text: str) -> set[str]:
    """What base64 of anything that holds the text has in it, wherever it begins there."""
    raw, found = text.encode(), set[str]()
    for before in range(3):
        first = (0, 2, 3)[before]  # the characters that tell of what stands before it
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        last = len(whole) - bool((before + len(raw)) % 3)
        core = whole[first:last]
        found |= {core, core.replace("+", "-").replace("/", "_"), core.replace("/", r"\/")}
    return {core for core in found if len(core) >= LEAST_ENCODED}


def _hide_around(text: str, core: str, label: str) -> str:
    """The text with a label for each run of base64 that holds the core."""
    parts, place = [], 0
    while (found := text.find(core, place)) >= 0:
        begin, end = found, found + len(core)
        while begin > place and text[begin - 1] in _OF_BASE64:
            begin -= 1
        while end < len(text) and text[end] in _OF_BASE64:
            end += 1
        while end < len(text) and text[end] == "=":
            end += 1
        parts += [text[place:begin], label]
        place = end
    return "".join([*parts, text[place:]])


def _hide_parameter(found: re.Match[str]) -> str:
    hides = _SENSITIVE.search(found["name"]) and found["value"] and "‹" not in found["value"]
    return f"{found['start']}{HIDDEN if hides else found['value']}"


def _hide_names(value: Any) -> Any:
    """JSON without what stands under a name for secrets."""
    if isinstance(value, dict):
        return {
            name: HIDDEN
            if _SENSITIVE.search(name) and isinstance(inner, str) and inner
            else _hide_names(inner)
            for name, inner in value.items()
        }
    return [_hide_names(inner) for inner in value] if isinstance(value, list) else value


def _dump(value: object) -> str:
    return json.dumps(
        value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None, default=str
    )


def _describe_deep(text: str) -> str:
    """JSON that nobody reads: what is secret in it cannot be told from the rest."""
    return f"‹{len(text)} characters, nested too deep to be shown›"


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= MOST_SHOWN
        else f"{text[:MOST_SHOWN]}\n… {len(text) - MOST_SHOWN} characters more"
    )
