"""Stylesheets as a browser of 2011 reads them: what IE9 does not know is dropped, as CSS's error rules have it.

Sources: caniuse.com for the features; CSS 2.1, 4.2: an unknown declaration goes alone, a rule with an unknown
selector goes whole, an unknown at-rule goes with its block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LAYOUT = re.compile(r"(flex|grid|align|justify|place|order|gap|row-gap|column-gap)\b")
LAYOUT_VALUE = re.compile(r"\b(flex|grid|inline-flex|inline-grid)\b")
NEW_PROPERTY = re.compile(
    r"--|text-wrap|overflow-wrap|(-webkit-)?text-size-adjust|scroll-padding|accent-color"
)
NEW_VALUE = re.compile(r"\b(var|env|min|max|clamp|color-mix)\(|\bsticky\b")
NEW_SELECTOR = re.compile(r":(focus-visible|focus-within|is|where|has)\b")
NEW_MEDIA = re.compile(r"prefers-|forced-colors|hover|pointer|display-mode")
REM_FONT = re.compile(r"\d\s*rem")


@dataclass(frozen=True)
class Block:
    """A prelude with what stands in its braces: declarations, or blocks."""

    prelude: str
    declarations: tuple[tuple[str, str], ...] = ()
    blocks: tuple[Block, ...] = ()


def read_styles(text: str) -> list[Block]:
    """The blocks of a stylesheet. Fails where braces do not match."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    blocks = []
    while text.strip():
        prelude, brace, rest = text.partition("{")
        assert brace, f"no block after {prelude.strip()!r}"
        body, text = _split_block(rest)
        blocks.append(_read_block(prelude.strip(), body))
    return blocks


def _split_block(text: str) -> tuple[str, str]:
    depth = 1
    for place, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return text[:place], text[place + 1 :]
    raise AssertionError("a block has no end")


def _read_block(prelude: str, body: str) -> Block:
    if "{" not in body:
        pairs = (part.split(":", 1) for part in _split_declarations(body))
        return Block(prelude, tuple((name.strip(), value.strip()) for name, value in pairs))
    # `@page` inside `@media print` is a block, too; declarations never stand beside blocks here.
    return Block(prelude, blocks=tuple(read_styles(body)))


def _split_declarations(body: str) -> Iterator[str]:
    for part in body.split(";"):
        if part.strip():
            assert ":" in part, part
            yield part


def find_layout(blocks: list[Block] | tuple[Block, ...]) -> Iterator[str]:
    """Every declaration outside `@supports` that lays out by flex or grid."""
    for block in blocks:
        if block.prelude.startswith("@supports"):
            continue
        yield from find_layout(block.blocks)
        for name, value in block.declarations:
            if LAYOUT.match(name) or LAYOUT_VALUE.search(value):
                yield f"{block.prelude} {{ {name}: {value} }}"


def strip_styles(text: str) -> str:
    """The stylesheet without what IE9 does not know."""
    return "\n".join(_strip(read_styles(text)))


def _strip(blocks: list[Block] | tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        is_new = block.prelude.startswith("@supports") or (
            NEW_MEDIA if block.prelude.startswith("@") else NEW_SELECTOR
        ).search(block.prelude)
        if is_new:
            continue
        known = "; ".join(f"{name}: {value}" for name, value in block.declarations if _is_known(name, value))
        yield f"{block.prelude} {{ {known} {' '.join(_strip(block.blocks))} }}"


def _is_known(name: str, value: str) -> bool:
    if name == "font" and REM_FONT.search(value):  # IE9 and IE10 drop the shorthand with rem
        return False
    return not (
        NEW_PROPERTY.match(name)
        or NEW_VALUE.search(value)
        or LAYOUT.match(name)
        or LAYOUT_VALUE.search(value)
    )
