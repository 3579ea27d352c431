"""A file's structure tree walked from outside, beside the page's own stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import pikepdf

PAINTING = frozenset(["Tj", "TJ", "'", '"', "S", "s", "f", "F", "f*", "B", "b", "Do", "sh", "INLINE IMAGE"])
ARTIFACT = -1


@dataclass
class Node:
    """A structure element: its type, its entries while the file is open, its alternative and language, and below it other
    nodes and numbers of marked sequences.
    """

    tag: str
    entries: pikepdf.Object
    alternative: str = ""
    language: str = ""
    kids: list[Node | int] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in reading order."""
        yield self
        for kid in self.kids:
            if isinstance(kid, Node):
                yield from kid.walk()

    def list_marks(self) -> Iterator[int]:
        """The marked sequences in it, in reading order."""
        for kid in self.kids:
            if isinstance(kid, Node):
                yield from kid.list_marks()
            else:
                yield kid

    def find(self, tag: str) -> list[Node]:
        """All nodes of a type, in reading order."""
        return [node for node in self.walk() if node.tag == tag]


@dataclass
class TaggedPage:
    """The tree, the text of each marked sequence in the order of the stream, and everything that is amiss."""

    tree: Node
    texts: dict[int, str]
    faults: list[str]

    def read(self, node: Node) -> str:
        """What is read out at a node."""
        return "".join(self.texts[mark] for mark in node.list_marks())


def read_page(data: bytes) -> TaggedPage:
    """The one page of a file."""
    with pikepdf.open(BytesIO(data)) as pdf:
        page = pdf.pages[0]
        texts, faults = _read_stream(page)
        if "/StructTreeRoot" not in pdf.Root:
            return TaggedPage(Node("none", pikepdf.Dictionary()), texts, [*faults, "no tree"])
        root = pdf.Root.StructTreeRoot
        tree = _build(root.K, root, faults)
        parents = list(root.ParentTree.Nums[1])
        for node in tree.walk():
            own = [kid for kid in node.kids if isinstance(kid, int)]
            faults += [f"parent of {kid}" for kid in own if parents[kid].objgen != node.entries.objgen]
        if sorted(tree.list_marks()) != sorted(texts) or len(parents) != len(texts):
            faults.append("marked sequences that the tree does not hold, or the reverse")
        if page.obj.get("/StructParents") != 0 or str(page.obj.get("/Tabs")) != "/S":
            faults.append("page")
        return TaggedPage(tree, texts, [*faults, *_find_tree_faults(tree)])


def _build(entries: pikepdf.Object, parent: pikepdf.Object, faults: list[str]) -> Node:
    node = Node(str(entries.S)[1:], entries, str(entries.get("/Alt", "")), str(entries.get("/Lang", "")))
    if entries.P.objgen != parent.objgen:
        faults.append(f"{node.tag} says another parent")
    for kid in entries.K:
        node.kids.append(_build(kid, entries, faults) if isinstance(kid, pikepdf.Object) else int(kid))
    return node


def _read_stream(page: pikepdf.Page) -> tuple[dict[int, str], list[str]]:
    words = _read_unicode(page.Resources.Font.F1)
    texts: dict[int, str] = {}
    faults: list[str] = []
    open_marks: list[int] = []
    for operands, operator in pikepdf.parse_content_stream(page):
        name = str(operator)
        if name in ("BMC", "BDC"):
            is_artifact = str(operands[0]) == "/Artifact"
            open_marks.append(ARTIFACT if is_artifact else int(operands[1].MCID))
            if open_marks[-1] in texts or len(open_marks) > 1:
                faults.append(f"mark {open_marks[-1]} twice, or in another")
            if not is_artifact:
                texts[open_marks[-1]] = ""
        elif name == "EMC":
            open_marks.pop()
        elif name in PAINTING and not open_marks:
            faults.append(f"{name} outside of all marks")
        elif name == "Tj" and open_marks[-1] != ARTIFACT:
            codes = bytes(operands[0])
            texts[open_marks[-1]] += "".join(words[codes[at : at + 2]] for at in range(0, len(codes), 2))
        elif name == "Tj":
            faults.append("text as an artifact")
    return texts, [*faults, *(f"mark {mark} without an end" for mark in open_marks)]


def _read_unicode(font: pikepdf.Object) -> dict[bytes, str]:
    """What each code stands for."""
    found = {}
    ranges = re.findall(rb"<(\w{4})> <\w{4}> \[(.*?)\]", font.ToUnicode.read_bytes())
    for first, texts in ranges:
        for code, text in enumerate(re.findall(rb"<(\w+)>", texts), int(first, 16)):
            found[code.to_bytes(2, "big")] = bytes.fromhex(text.decode()).decode("utf-16-be")
    return found


def _find_tree_faults(tree: Node) -> Iterator[str]:
    """What the types of a tree's nodes ask for and do not have."""
    for node in tree.walk():
        if node.tag in _RULES and not _RULES[node.tag](node):
            yield node.tag
    headings = [node.tag for node in tree.walk() if node.tag.startswith("H")]
    if headings != ["H1"]:
        yield f"headings {headings}"


def _is_item(node: Node) -> bool:
    return [kid.tag for kid in node.kids if isinstance(kid, Node)] in (["Lbl", "LBody"], ["LBody"])


_RULES = {
    "Table": lambda node: len({len(row.kids) for row in node.find("TR")}) == 1,
    "TH": lambda node: str(node.entries.A.get("/Scope")) in ("/Column", "/Row"),
    "Figure": lambda node: node.alternative and len(node.entries.A.BBox) == 4,
    "L": lambda node: "/ListNumbering" in node.entries.A,
    "LI": _is_item,
}
"""Rows of equal lengths, scopes of headers, alternatives and places of figures, numbering and form of lists."""
