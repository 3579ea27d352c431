"""A page's structure tree (ISO 32000-1, 14.7): what screen readers read, in which order, and as what.

fpdf2's own tree holds figures alone. An `Element` stands for a part of the page; what it holds are elements and, by their
numbers (MCID), marked sequences of the page's stream. The tree is packed into one object stream (7.5.7), in which a hundred
elements take a kilobyte instead of eight.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """A structure element: its type, what it holds, and further entries as they stand in the file. Equal only to itself,
    so that a tree's packed form can be kept by it.
    """

    tag: str
    kids: tuple[Element | int, ...]
    entries: str = ""


class PackedTree(NamedTuple):
    """A tree as an object stream: `size` objects of which the first is the root, and where the objects begin in it."""

    size: int
    begin: int
    data: bytes


def write_text(text: str) -> str:
    """A text string (ISO 32000-1, 7.9.2.2) in UTF-16."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def list_marks(element: Element) -> Iterator[tuple[int, str]]:
    """The numbers of the marked sequences in an element and below it, each with the type of what holds it."""
    for kid in element.kids:
        if isinstance(kid, Element):
            yield from list_marks(kid)
        else:
            yield kid, element.tag


def pack_tree(document: Element, first_id: int, page_id: int) -> PackedTree:
    """The tree of a page whose marked sequences are numbered from 0 on, every one held by an element. Its objects are
    numbered from `first_id`: the root, the tree of parents, then the elements.
    """
    objects: list[str] = []
    parents: dict[int, int] = {}

    def add(element: Element, parent_id: int) -> int:
        own_id = first_id + 2 + len(objects)
        objects.append("")
        kids = []
        for kid in element.kids:
            if isinstance(kid, Element):
                kids.append(f"{add(kid, own_id)} 0 R")
            else:
                parents[kid] = own_id
                kids.append(str(kid))
        objects[own_id - first_id - 2] = (
            f"<</S /{element.tag} /P {parent_id} 0 R /Pg {page_id} 0 R /K [{' '.join(kids)}]{element.entries}>>"
        )
        return own_id

    top_id = add(document, first_id)
    nums = " ".join(f"{parents[number]} 0 R" for number in range(len(parents)))
    root = f"<</Type /StructTreeRoot /K {top_id} 0 R /ParentTree {first_id + 1} 0 R /ParentTreeNextKey 1>>"
    return _pack([root, f"<</Nums [0 [{nums}]]>>", *objects], first_id)


def _pack(objects: Sequence[str], first_id: int) -> PackedTree:
    offsets, offset = [], 0
    for number, written in enumerate(objects, first_id):
        offsets.append(f"{number} {offset}")
        offset += len(written) + 1
    head = " ".join(offsets) + "\n"
    data = zlib.compress((head + "\n".join(objects)).encode("ascii"), 9)
    return PackedTree(len(objects), len(head), data)
