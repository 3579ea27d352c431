"""How fast a slip's code is checked, and how large its QR symbol is.

python -m tests.bench.slip_code
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date

import qrcode

from app.domain.slip_code import check_slip_code, parse_slip_code
from tests.vectors.slip_code_forge import HOST, RING, forge

CODES = 2_000
TODAY = date(2026, 6, 21)
LONGEST_NAME = "欧阳***".encode()


def run() -> list[tuple[str, str, str]]:
    """Rows of what was measured, the figure, and what was asked of it."""
    codes = [forge(status_index=index, name=LONGEST_NAME) for index in range(CODES)]

    def check(text: str) -> None:
        check_slip_code(text, HOST, RING, TODAY)

    unseen, seen = _measure(check, codes), _measure(check, codes)
    address = f"https://{HOST}/v/{codes[0]}"
    return [
        ("slip code: read, no signature", f"{_measure(parse_slip_code, codes):.1f} µs", "-"),
        ("slip code: check, not seen before", f"{unseen:.1f} µs", "about 104 µs for the signature"),
        ("slip code: check, just seen", f"{seen:.1f} µs", "a fraction of the first"),
        ("slip code: digits", str(len(codes[0])), "at most 273"),
        ("slip code: address", f"{len(address)} characters", "about 300"),
        ("slip code: QR symbol at level Q", f"version {_get_symbol_version(address)}", "version 10"),
    ]


def _measure(check: Callable[[str], object], codes: list[str]) -> float:
    """The median time of one call in microseconds."""
    times = []
    for code in codes:
        start = time.perf_counter_ns()
        check(code)
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1_000


def _get_symbol_version(address: str) -> int:
    symbol = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q)
    symbol.add_data(address)
    return symbol.best_fit()


if __name__ == "__main__":
    for row in run():
        print("  ".join(row))
