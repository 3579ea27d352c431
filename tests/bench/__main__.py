"""`make bench`: every module of this folder with a `run()`, and one table of what they found.

run() returns rows of what was measured, its figure, and the figure asked for ("-" where none is).
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
import traceback
import unicodedata

from tests import bench

Row = tuple[str, str, str]


def list_names() -> list[str]:
    """The benchmarks' names."""
    found = (module.name for module in pkgutil.iter_modules(bench.__path__))
    return [name for name in found if not name.startswith("_")]


def run_benchmark(name: str) -> list[Row] | None:
    """Run one and tell how it goes on standard error; None when it failed."""
    module = importlib.import_module(f"{bench.__name__}.{name}")
    begun = time.monotonic()
    print(f"{name} ...", end="", file=sys.stderr, flush=True)
    try:
        rows: list[Row] = module.run()
    except Exception:  # noqa: BLE001
        print(" failed", file=sys.stderr)
        traceback.print_exc()
        return None
    print(f" {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


def print_table(results: dict[str, list[Row] | None]) -> None:
    """One table: what, figure, asked."""
    table = [("benchmark", "what", "figure", "asked")]
    for name, rows in results.items():
        found = rows if rows is not None else [("failed: see above", "-", "-")]
        table += [(name, *row) for row in found]
    widths = [max(_get_width(line[column]) for line in table) for column in range(4)]
    for line in table:
        print("  ".join(_pad(text, width) for text, width in zip(line, widths, strict=True)).rstrip())


def _get_width(text: str) -> int:
    """In columns of a terminal, where Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _get_width(text))


def main(wanted: str) -> int:
    """Run the benchmark of this name, or all; returns the exit code."""
    names = list_names()
    if wanted not in ("all", *names):
        print(f"no benchmark {wanted}: all, {', '.join(names)}", file=sys.stderr)
        return 2
    results = {name: run_benchmark(name) for name in (names if wanted == "all" else [wanted])}
    print_table(results)
    return 1 if None in results.values() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "all"))
