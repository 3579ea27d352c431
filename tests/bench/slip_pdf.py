"""How fast the slip's PDF is made, against plain fpdf2 with the same font and text and against other libraries, and
how large it gets.

CPU medians of one run in one process; memory in a process of its own. `python -m tests.bench.slip_pdf`
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from app.documents.certificate import read_credentials
from app.documents.pdf_signature import FileSigner
from app.documents.qr import build_qr_matrix
from app.documents.slip_pdf import render_slip_pdf
from app.documents.slip_png import render_slip_png
from tests.bench._peers import make_slips, measure_in_turns
from tests.fixtures.certificates import PASSWORD, make_p12
from tests.fixtures.plain_slip import render_plain_slip
from tests.fixtures.slips import ORDINARY, SLIPS, make_code

Row = tuple[str, str, str]
"""What was measured, the figure, and what was asked for."""

SLIPS_EACH = 500
ASKED = {"typst": ">= 1.5", "ReportLab": ">= 3", "WeasyPrint": "-"}
MOMENT = datetime(2026, 6, 18, tzinfo=UTC)

MEMORY_SCRIPT = """
from pathlib import Path
from app.documents import slip_pdf
from tests.fixtures.slips import SLIPS, make_code
def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
before = resident()
for seed in range(200):
    for slip in SLIPS.values():
        slip_pdf.render_slip_pdf(slip, make_code(seed))
print(resident() - before)
"""


def measure(action: Callable[[int], object], times: int) -> list[float]:
    """The CPU time of each of `times` calls of `action(number)`, in ms."""
    taken = []
    for number in range(times):
        start = process_time()
        action(number)
        taken.append((process_time() - start) * 1000)
    return taken


def measure_in_turn() -> tuple[float, float]:
    """The median of our way and of plain fpdf2, in turns, so that a busy machine slows down both."""
    fast, plain = [], []
    render_slip_pdf(ORDINARY, make_code())
    codes = [make_code(seed) for seed in range(50)]
    for _ in range(7):
        fast += measure(lambda number: render_slip_pdf(ORDINARY, codes[number]), 50)
        plain += measure(lambda number: render_plain_slip(ORDINARY, codes[number]), 1)
    return median(fast), median(plain)


def list_kinds() -> list[Row]:
    """The same slip as PDF/A, and signed."""
    archival = median(measure(lambda number: render_slip_pdf(ORDINARY, make_code(number), True), 50))
    rows = [("as PDF/A, CPU", f"{archival:.2f} ms", "-")]
    pdf = render_slip_pdf(ORDINARY, make_code())
    for kind in ("rsa", "ec"):
        with tempfile.TemporaryDirectory() as folder:
            path = make_p12(Path(folder), kind).path
            signer = FileSigner(read_credentials(path, PASSWORD, datetime.now(UTC)))
        taken = median(measure(lambda _: signer.sign_pdf(pdf, MOMENT), 20))  # noqa: B023
        more = len(signer.sign_pdf(pdf, MOMENT)) - len(pdf)
        rows.append((f"its signature, {kind}, CPU", f"{taken:.1f} ms, {more / 1000:.1f} kB more", "-"))
    return rows


def measure_memory() -> float:
    """MB resident beyond the imports after 1,000 slips, in a fresh process (Linux)."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def count_a_second(times: int) -> float:
    """Slips a second by the clock, from one warm process."""
    render_slip_pdf(ORDINARY, make_code())
    start = perf_counter()
    for seed in range(times):
        render_slip_pdf(ORDINARY, make_code(seed))
    return times / (perf_counter() - start)


def measure_throughput(processes: int) -> float:
    """Slips a second from so many processes at once; the best of three, as the machine may be busy."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return max(sum(pool.map(count_a_second, [SLIPS_EACH] * processes)) for _ in range(3))


def run() -> list[Row]:
    """All figures of the slip's documents."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    fast, plain = measure_in_turn()
    codes = [make_code(seed) for seed in range(100)]
    symbol = median(measure(lambda number: build_qr_matrix(codes[number].url), 100))
    pdfs = [render_slip_pdf(slip, codes[0]) for slip in SLIPS.values()]
    pngs = [render_slip_png(pdf) for pdf in pdfs]
    picture = median(measure(lambda number: render_slip_png(pdfs[0]), 10))
    one, two = measure_throughput(1), measure_throughput(2)
    rows = [
        ("slip PDF, CPU", f"{fast:.2f} ms", "-"),
        ("plain fpdf2, same font and text", f"{plain:.0f} ms", "-"),
        ("times faster than plain fpdf2", f"{plain / fast:.0f}", ">= 100"),
        ("slips a second, one process", f"{one:.0f}", "-"),
        ("slips a second, two processes", f"{two:.0f}, {two / one:.1f} times as many", "-"),
        ("of it the QR symbol", f"{symbol:.2f} ms", "-"),
        ("PDF of an ordinary slip", f"{len(pdfs[0]) / 1000:.1f} kB", "<= 40 kB"),
        ("PDF with a reason of 200 characters", f"{max(map(len, pdfs)) / 1000:.1f} kB", "-"),
        ("slip PNG from the PDF", f"{picture:.0f} ms", "-"),
        ("largest PNG of the samples", f"{max(map(len, pngs)) / 1000:.1f} kB", "<= 60 kB"),
    ]
    if Path("/proc/self/statm").exists():
        rows.append(("memory beyond imports", f"{measure_memory():.1f} MB", "<= 30 MB"))
    return rows + list_peers() + list_kinds()


def list_peers() -> list[Row]:
    """The same slips by other libraries, and how many times faster we are."""
    slips = make_slips()
    own, peers = measure_in_turns(lambda: measure(lambda number: render_slip_pdf(*slips[number]), len(slips)))
    if not peers:
        return [("other libraries", "not installed: make bench BENCH=slip_pdf", "-")]
    return [
        (
            f"times faster than {name}",
            f"{taken / own:.1f} ({taken:.1f} ms, {size / 1000:.0f} kB)",
            ASKED[name],
        )
        for name, (taken, size) in peers.items()
    ]


if __name__ == "__main__":
    for what, figure, asked in run():
        print(f"{what:<36}{figure:>18}  {asked}")
