"""PDF/A-2u: what the standard asks of a file like the slip's, clause by clause (ISO 19005-2:2011).

No validator of the standard is among the test tools; these are its rules for what the file holds.
"""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO

import pikepdf
import pytest
from fontTools.cffLib import CFFFontSet
from PIL import ImageChops

from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.generated_slips import make_generated_slip
from tests.fixtures.slips import ORDINARY, SLIPS, make_code
from tests.unit.documents.tools import rasterize

each_slip = pytest.mark.parametrize("name", SLIPS)


def list_faults(data: bytes) -> list[str]:
    """The clauses that the file does not keep."""
    with pikepdf.open(BytesIO(data)) as pdf:
        root, page = pdf.Root, pdf.pages[0]
        metadata = pdf.open_metadata()
        intents = list(root.get("/OutputIntents", []))
        rules = {
            "6.1.2 header": data.startswith(b"%PDF-1.7\n%") and min(data[10:14]) > 127,
            "6.1.3 trailer": "/ID" in pdf.trailer and "/Encrypt" not in pdf.trailer,
            "6.1.3 end": data.rstrip(b"\r\n").endswith(b"%%EOF"),
            "6.1.7 filters": b"/LZWDecode" not in data and b"/Crypt" not in data,
            "6.2.3 output intent": [str(intent.S) for intent in intents] == ["/GTS_PDFA1"]
            and all(intent.DestOutputProfile.read_bytes()[36:40] == b"acsp" for intent in intents),
            "6.2.10 transparency": "/ExtGState" not in page.Resources and "/Group" not in page,
            "6.5 actions": not {"/AA", "/JavaScript"} & set(root.keys()),
            "6.6.2 metadata": "/Filter" not in root.get("/Metadata", {"/Filter": 0}),
            "6.6.4 identification": metadata.pdfa_status == "2U",
            "6.6.3 info": "/Info" not in pdf.trailer,
        }
        fonts = list(page.Resources.Font.values())
        rules |= {"6.2.11.4 embedded": all("/FontFile3" in _get_descriptor(font) for font in fonts)}
        rules |= {"6.2.11.5 widths": all(_has_true_widths(font) for font in fonts)}
        rules |= {"6.2.11.7 Unicode": all("/ToUnicode" in font for font in fonts)}
    return [clause for clause, is_kept in rules.items() if not is_kept]


def _get_descriptor(font: pikepdf.Object) -> pikepdf.Object:
    return font.DescendantFonts[0].FontDescriptor


def _has_true_widths(font: pikepdf.Object) -> bool:
    """Whether the widths that the file tells are those of the embedded font program."""
    program = CFFFontSet()
    program.decompile(BytesIO(_get_descriptor(font).FontFile3.read_bytes()), None)
    inner = font.DescendantFonts[0]
    array = list(inner.W)
    told = {int(cid): int(widths[0]) for cid, widths in zip(array[::2], array[1::2], strict=True)}
    for cid in range(1, len(program[0].CharStrings)):
        charstring = program[0].CharStrings[f"cid{cid:05d}"]
        charstring.calcBounds(None)
        if charstring.width != told.get(cid, int(inner.DW)):
            return False
    return True


@each_slip
def test_an_archival_file_keeps_the_rules(name: str) -> None:
    assert list_faults(render_slip_pdf(SLIPS[name], make_code(), is_archival=True)) == []


def test_the_rules_find_what_an_ordinary_file_lacks() -> None:
    assert list_faults(render_slip_pdf(ORDINARY, make_code())) == [
        "6.2.3 output intent",
        "6.6.4 identification",
        "6.6.3 info",
    ]


def test_an_archival_file_has_the_same_bytes_twice_and_the_same_picture() -> None:
    archival, ordinary = (render_slip_pdf(ORDINARY, make_code(), kind) for kind in (True, False))
    assert archival == render_slip_pdf(ORDINARY, make_code(), is_archival=True)
    assert ImageChops.difference(rasterize(archival, 150), rasterize(ordinary, 150)).getbbox() is None
    assert len(archival) <= 40_000


def find_short_streams(data: bytes) -> list[bytes]:
    """6.1.7.1: the streams whose /Length is not what stands between `stream` and the end of line before `endstream`."""
    found = re.findall(rb"/Length (\d+)[^>]*>>\s+stream\r?\n(.*?)(?:\r\n|\n|\r)endstream", data, re.DOTALL)
    return [length for length, stream in found if int(length) != len(stream)]


def test_no_stream_is_shorter_than_it_says_whatever_byte_it_ends_with() -> None:
    files = [render_slip_pdf(*make_generated_slip(seed), True) for seed in range(150)]
    assert [seed for seed, data in enumerate(files) if find_short_streams(data)] == []


def test_a_stream_that_ends_with_a_carriage_return_before_a_line_feed_is_found() -> None:
    assert find_short_streams(b"<</Length 3>>\nstream\nab\r\nendstream") == [b"3"]
    assert find_short_streams(b"<</Length 3>>\nstream\nab\r\r\nendstream") == []


def test_the_claim_of_pdf_ua_is_described_as_pdf_a_asks() -> None:
    """6.6.2.3.2: a property that PDF/A does not know needs a description in the file."""
    files = (render_slip_pdf(ORDINARY, make_code(), kind) for kind in (True, False))
    described, plain = (data[data.index(b"<x:xmpmeta") : data.index(b"</x:xmpmeta>")] for data in files)
    for words in (b"pdfaSchema:prefix>pdfuaid<", b"pdfaProperty:name>part<"):
        assert words in described
        assert words not in plain


def test_a_title_with_marks_of_xml_is_kept() -> None:
    slip = replace(ORDINARY, title="甲<乙>&丙")
    with pikepdf.open(BytesIO(render_slip_pdf(slip, make_code(), is_archival=True))) as pdf:
        assert pdf.open_metadata()["dc:title"] == f"甲<乙>&丙 {slip.number}"
