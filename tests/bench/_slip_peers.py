"""The slip's words and QR by other PDF libraries: the same font, size of text and symbol, in their own layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from noto_cjk_sans_otc import FONT_PATH

from app.documents.qr import build_qr_matrix
from app.documents.slip_rows import list_values
from tests.fixtures.slips import ORDINARY, make_code


def list_words(number: int) -> list[str]:
    """Every word of the ordinary slip, shared and its own."""
    labels = [field.label for field in ORDINARY.fields]
    steps = [f"{step.department} {step.title}" for step in ORDINARY.steps]
    own = list_values(ORDINARY, make_code(number).short_code)
    return [ORDINARY.title, *labels, *steps, ORDINARY.statement, *own]


def draw_svg(number: int) -> str:
    """The QR as one SVG path."""
    matrix = build_qr_matrix(make_code(number).url)
    cells = ((x, y) for y, row in enumerate(matrix.rows()) for x, bit in enumerate(row) if bit == "1")
    path = "".join(f"M{x} {y}h1v1h-1z" for x, y in cells)
    size = matrix.size
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


@cache
def _get_typst_compiler() -> Any:
    import typst

    return typst.Compiler(font_paths=[str(FONT_PATH.parent)], ignore_system_fonts=True)


def render_by_typst(number: int) -> bytes:
    """typst, its compiler and fonts kept."""
    svg = draw_svg(number).replace('"', '\\"')
    words = "\n\n".join(f'#"{word}"' for word in list_words(number))
    source = f'#set text(font: "Noto Sans CJK SC")\n{words}\n#image(bytes("{svg}"), width: 35mm)'
    pdf: bytes = _get_typst_compiler().compile(input=source.encode())
    return pdf


def render_by_weasyprint(number: int) -> bytes:
    """WeasyPrint from HTML, which takes the font from the system."""
    import weasyprint

    paragraphs = "".join(f"<p>{word}</p>" for word in list_words(number))
    pdf: bytes = weasyprint.HTML(
        string=f"<html lang=zh-CN style='font-family: Noto Sans CJK SC'>{paragraphs}{draw_svg(number)}"
    ).write_pdf()
    return pdf


def render_by_reportlab(number: int) -> bytes:
    """ReportLab with its built-in Chinese font by name, not embedded: it cannot embed CFF outlines."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas("")
    canvas.setFont("STSong-Light", 10)
    for line, word in enumerate(list_words(number)):
        canvas.drawString(60, 800 - 14 * line, word)
    for y, row in enumerate(build_qr_matrix(make_code(number).url).rows()):
        for x, bit in enumerate(row):
            if bit == "1":
                canvas.rect(60 + x * 1.7, 150 - y * 1.7, 1.7, 1.7, stroke=0, fill=1)
    pdf: bytes = canvas.getpdfdata()
    return pdf


PEERS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "typst": (render_by_typst, "same font"),
    "reportlab": (render_by_reportlab, "font not embedded"),
    "weasyprint": (render_by_weasyprint, "same font"),
}
