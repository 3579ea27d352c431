"""Breaks a truthful answer in one or two places, without ever making another truthful one of it."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.unit.connectors.answers import OUTSTANDING, Answer
from tests.unit.connectors.demo import JSON_TYPE, STUDENT

OTHER_STUDENT = "TS23000002"
ODD_VALUES: tuple[Any, ...] = (
    None, "", " ", "\u3000", "-", "null", "无", "none", True, False, {}, [], [None], [[]], -1, -0.0, 0.0, 1e400,
    float("nan"), float("-inf"), 10**30, "-1", "-0", "+0", "0x0", "00", "0e0", " 0", "0 ", "0\n", "０", "٠", "²",
    "NaN", "Infinity", "1e-9", "0,00", "0.001", ".0", "0.", "0.00元", "已审核 ", "审核通过\u200b", "已审核（待补交）", "9 ",
    "2026-13-01", "2026-02-30", "２０２６-06-10", "2026-6-1", "2026/06/10", "2026-06-10\n", "\ud800", "\u202e王", OTHER_STUDENT,
)  # fmt: skip
WORDS = ("已审核 ", "已审核（待补交）", OTHER_STUDENT)
"""What may be a warden's name or number as well."""
FOLDED = ("已审核 ", "审核通过\u200b", "9 ")
"""Words that pass, with blanks and signs that nobody sees: the truth about another student."""
NOTHING: tuple[Any, ...] = (
    "未办理", "暂无", "（无）", "N/A", "Ｎ／Ａ", "0", "—", "未登记", "0000-00-00", "9999-12-31", "1900-01-01",
    "0001-01-01", "1899-12-30", "1970-01-01", "1999-12-31", "2099-06-10", "9999-12-31 ",
)  # fmt: skip
"""What stands for nothing, or is no day that can have been."""
CONTENT_TYPES = ("", "text/html", "text/plain", "application/json; charset=gbk", "application/xml", "json")
Place = tuple[Any, str | int]


class Twice(dict[str, Any]):
    """An object one of whose keys is written twice: `again` is a key and its second value."""

    again: tuple[str, Any]


@dataclass(frozen=True)
class Form:
    """How answers are written, their Content-Type, what damages their bytes, and which changes are another truth."""

    write: Callable[[Answer], str]
    content_type: str
    damages: tuple[Callable[[bytes, random.Random], bytes], ...]
    is_another_truth: Callable[[str, Answer], bool] = lambda *_: False


def make_mutant(seed: int, form: Form | None = None) -> tuple[str, bytes, str]:
    """A system, the bytes of a broken answer about STUDENT, and its Content-Type; in JSON unless told otherwise."""
    form = form or JSON_FORM
    chance = random.Random(seed)
    system, truth = chance.choice(OUTSTANDING)
    answer = copy.deepcopy(truth)
    for _ in range(chance.choice((0, 1, 1, 1, 2))):
        chance.choice(_CHANGES)(answer, chance)
    if _says_another_truth(system, answer) or form.is_another_truth(system, answer):
        return make_mutant(seed + 2**40, form)
    body = form.write(answer).encode("utf-8", "surrogatepass")
    if chance.random() < 0.3:
        body = chance.choice(form.damages)(body, chance)
    content_type = chance.choice(CONTENT_TYPES) if chance.random() < 0.02 else form.content_type
    return system, body, content_type


def _says_another_truth(system: str, answer: Answer) -> bool:
    """Whether it became the very answer about a student without arrears, or who owes "0" and no "0.00", or with a word
    for a warden's name, or with a word that passes once it is folded.
    """
    if any(node[step] in FOLDED for node, step in _list_places(answer) if isinstance(node[step], str)):
        return True
    if system == "library_loans":
        return any(step == "debt" and node[step] == "0" for node, step in _list_places(answer))
    if system == "finance":
        data = answer.get("data")
        return isinstance(data, dict) and data.get("arrears") == [] and data.get("total") == 0
    record = answer.get("record")
    return isinstance(record, dict) and record.get("checkoutBy") in WORDS


def _list_places(node: Any) -> list[Place]:
    steps: list[Any] = list(node) if isinstance(node, dict) else []
    if isinstance(node, list):
        steps = list(range(len(node)))
    found: list[Place] = [(node, step) for step in steps]
    return found + [place for step in steps for place in _list_places(node[step])]


def _pick(answer: Answer, chance: random.Random) -> Place:
    return chance.choice(_list_places(answer) or [({"": None}, "")])


def _remove(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    del node[step]


def _replace(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    node[step] = copy.deepcopy(chance.choice(ODD_VALUES))


def _replace_by_nothing(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    if isinstance(node[step], str) or node[step] is None:
        node[step] = chance.choice(NOTHING)


def _lose_a_row(answer: Answer, chance: random.Random) -> None:
    """Takes a row away that an answer counts, as a second page would."""
    places = [(node, step) for node, step in _list_places(answer) if isinstance(node[step], list)]
    if places:
        node, step = chance.choice(places)
        node[step] = node[step][1:]


def _retype(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    value = node[step]
    if isinstance(value, str):
        node[step] = float(value) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value, re.ASCII) else [value]
    else:
        node[step] = json.dumps(value)


def _rename(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    if isinstance(node, dict):
        node[chance.choice((str(step).upper(), f"{step} ", f"{step}\u200b", f"_{step}"))] = node.pop(step)


def _wrap(answer: Answer, chance: random.Random) -> None:
    node, step = _pick(answer, chance)
    node[step] = chance.choice(([node[step]], {"data": node[step]}, [node[step], node[step]], [[node[step]]]))


def _add_other(answer: Answer, chance: random.Random) -> None:
    """Puts a copy with another student's number beside a row, in front of it or behind it."""
    node, step = _pick(answer, chance)
    other = json.loads(_write(node[step]).replace(STUDENT, OTHER_STUDENT))
    node[step] = chance.choice(([other, node[step]], [node[step], other], [other]))


def _swap_student(answer: Answer, chance: random.Random) -> None:
    places = [(node, step) for node, step in _list_places(answer) if node[step] == STUDENT]
    if places:
        node, step = chance.choice(places)
        node[step] = chance.choice(
            (OTHER_STUDENT, STUDENT.lower(), f"{STUDENT} ", f"\u00a0{STUDENT}", STUDENT[:-1], 23000003, None)
        )


def _write_twice(answer: Answer, chance: random.Random) -> None:
    """Writes a key twice, last with a value that a careless reader would let pass."""
    node, step = _pick(answer, chance)
    if isinstance(node, dict) and isinstance(node[step], dict) and node[step]:
        twice = Twice(node[step])
        good = (0, "0", "9", "审核通过", "已审核", "2026-06-10", "王建国", [], None, OTHER_STUDENT, True)
        twice.again = (chance.choice(list(twice)), chance.choice(good))
        node[step] = twice


_CHANGES: tuple[Callable[[Answer, random.Random], None], ...] = (
    _remove, _replace, _replace, _replace, _replace_by_nothing, _lose_a_row, _retype, _rename, _wrap, _add_other, _swap_student, _write_twice,
)  # fmt: skip


def _write(value: Any) -> str:
    if isinstance(value, dict):
        pairs = [*value.items(), *([value.again] if isinstance(value, Twice) else [])]
        return (
            "{"
            + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_write(item)}" for key, item in pairs)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body))]


def drop_byte(body: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(body))
    return body[:place] + body[place + 1 :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(body) + 1)
    return (
        body[:place]
        + chance.choice((b"\x00", b"\xff", b"{", b"}", b"[", b",", b":", b'"', b"\\", b"-"))
        + body[place:]
    )


def _reencode(body: bytes, chance: random.Random) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(chance.choice(("utf-16", "utf-8-sig", "gb18030", "utf-32-le")), "replace")


def append_to(body: bytes, chance: random.Random) -> bytes:
    return body + chance.choice((body, b"}", b"null", b"\x00", b"<!-- ok -->", b",{}"))


JSON_FORM = Form(_write, JSON_TYPE, (cut, drop_byte, _insert, _reencode, append_to))
