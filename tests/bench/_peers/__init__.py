"""The same slips by other PDF libraries, which live in an environment of their own.

They place the same words, rules and tints at the same places in the same font, and the same symbol. Lines are broken
for them and the symbol's modules are handed to them ready: what they are spared makes our own figure harder to reach.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from statistics import median
from subprocess import PIPE
from typing import Any

from noto_cjk_sans_otc import FONT_PATH

from app.documents.fonts import get_fonts
from app.documents.qr import build_qr_matrix
from app.documents.slip_pdf import SlipCodeText, fit_slip
from app.domain.slip import SlipRecord
from tests.fixtures.generated_slips import GIVEN, SURNAMES
from tests.fixtures.slips import make_code, make_slip

PROGRAM = Path(__file__).with_name("program.py")
PYTHON = PROGRAM.parents[3] / ".venv-peers" / "bin" / "python"
"""Made by `make bench`."""

SLIPS = 40
TURNS = 10


def make_slips() -> list[tuple[SlipRecord, SlipCodeText]]:
    """Ordinary slips, each of another student."""
    return [
        (make_slip(name=f"{SURNAMES[n]}{GIVEN[n]}{GIVEN[-n]}", student_number=f"TS2{n:07d}"), make_code(n))
        for n in range(SLIPS)
    ]


def measure_in_turns(measure_own: Callable[[], list[float]]) -> tuple[float, dict[str, tuple[float, int]]]:
    """Our own median of CPU ms, and by library its median and the bytes of a slip: in turns, so that a busy machine
    slows down all. Nothing by library where the peers' environment was not made.
    """
    if not PYTHON.exists():
        return median(measure_own()), {}
    own: list[float] = []
    taken: dict[str, list[float]] = {}
    with subprocess.Popen([PYTHON, "-I", PROGRAM], stdin=PIPE, stdout=PIPE, text=True) as program:
        assert program.stdin
        assert program.stdout
        work = {"font": str(FONT_PATH), "slips": [describe_slip(*slip) for slip in make_slips()]}
        print(json.dumps(work), file=program.stdin, flush=True)
        sizes: dict[str, int] = json.loads(program.stdout.readline())
        for _ in range(TURNS):
            for name in sizes:
                own += measure_own()
                print(name, file=program.stdin, flush=True)
                taken[name] = taken.get(name, []) + json.loads(program.stdout.readline())
        program.stdin.close()
    return median(own), {name: (median(taken[name]), size) for name, size in sizes.items()}


def describe_slip(record: SlipRecord, code: SlipCodeText) -> dict[str, Any]:
    """Words with their places, sizes and inks, tints, rules, and the symbol's rows as 0 and 1. Lengths in mm."""
    matrix = build_qr_matrix(code.url)
    layout, values = fit_slip(record, code, matrix, get_fonts())
    own = iter(values)
    texts = []
    for cell, shared in layout.texts:
        lines = next(own) if shared is None else shared
        look = (cell.style.size, cell.style.ink.value)
        texts += [(cell.x, at, *look, line) for line, at in zip(lines, cell.baselines, strict=True)]
    return {
        "texts": texts,
        "fills": [(*box, ink.value) for box, ink in layout.fills],
        "rules": [(*rule[:5], rule.ink.value) for rule in layout.rules],
        "qr": layout.qr,
        "rows": list(matrix.rows()),
    }
