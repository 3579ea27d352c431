"""Draws slips by each library and tells how long it took: a program of the peers' own environment.

On standard input a line of JSON with the font and the slips, then names of libraries, a line each; on standard
output a line of JSON with the bytes of a slip by library, then for each name the CPU ms of some slips. The first
slip, with which fonts and compilers get ready, is not counted.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import typst
import weasyprint
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont as ReportLabFont
from reportlab.pdfgen.canvas import Canvas

Slip = dict[str, Any]
Render = Callable[[Slip], bytes]

SC_FACE = 2
SLIPS_A_TURN = 4
CHARACTERS = {
    bytes([row, cell]).decode("gb2312", "ignore") for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)
}
NEW_MAXIMA = (
    "maxTwilightPoints maxStorage maxFunctionDefs maxInstructionDefs maxStackElements maxSizeOfInstructions "
    "maxComponentElements maxComponentDepth maxPoints maxContours maxCompositePoints maxCompositeContours"
)


def draw_svg(slip: Slip) -> str:
    """The symbol as one SVG path, dark modules side by side as one."""
    rows = slip["rows"]
    runs = [(y, run) for y, row in enumerate(rows) for run in re.finditer("1+", row)]
    path = "".join(f"M{run.start()} {y}h{len(run[0])}v1h-{len(run[0])}z" for y, run in runs)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(rows)} {len(rows)}"><path d="{path}"/></svg>'


def make_typst(font: Path) -> Render:
    """typst, its compiler and fonts kept."""
    compiler = typst.Compiler(font_paths=[str(font.parent)], ignore_system_fonts=True)

    def render(slip: Slip) -> bytes:
        things = [
            '#set page(paper: "a4", margin: 0mm)',
            '#set text(font: "Noto Sans CJK SC", lang: "zh", top-edge: "baseline", bottom-edge: "baseline")',
        ]
        for x, y, width, height, ink in slip["fills"]:
            shape = f"rect(width: {width}mm, height: {height}mm, fill: rgb{tuple(ink)})"
            things.append(f"#place(dx: {x}mm, dy: {y}mm, {shape})")
        for x1, y1, x2, y2, weight, ink in slip["rules"]:
            ends = f"start: ({x1}mm, {y1}mm), end: ({x2}mm, {y2}mm)"
            things.append(f"#place(line({ends}, stroke: {weight}mm + rgb{tuple(ink)}))")
        for x, y, size, ink, words in slip["texts"]:
            look = f"size: {size}pt, fill: rgb{tuple(ink)}"
            things.append(f'#place(dx: {x}mm, dy: {y}mm, text({look}, "{words}"))')
        x, y, width, _ = slip["qr"]
        svg = draw_svg(slip).replace('"', '\\"')
        things.append(f'#place(dx: {x}mm, dy: {y}mm, image(bytes("{svg}"), width: {width}mm))')
        pdf: bytes = compiler.compile(input="\n".join(things).encode())
        return pdf

    return render


def make_weasyprint(_font: Path) -> Render:
    """WeasyPrint from HTML, which takes the font from the system."""
    page = "@page{size:A4;margin:0}body{font-family:Noto Sans CJK SC}div{position:absolute;white-space:nowrap}svg{display:block;width:100%}"

    def render(slip: Slip) -> bytes:
        things = [f"<html lang=zh-CN><style>{page}</style><body>"]
        for x, y, width, height, ink in slip["fills"]:
            box = f"left:{x}mm;top:{y}mm;width:{width}mm;height:{height}mm"
            things.append(f"<div style='{box};background:rgb{tuple(ink)}'></div>")
        for x1, y1, x2, y2, weight, ink in slip["rules"]:
            box = f"left:{min(x1, x2)}mm;top:{min(y1, y2)}mm"
            size = f"width:{abs(x2 - x1) or weight}mm;height:{abs(y2 - y1) or weight}mm"
            things.append(f"<div style='{box};{size};background:rgb{tuple(ink)}'></div>")
        for x, y, size, ink, words in slip["texts"]:
            look = f"font-size:{size}pt;color:rgb{tuple(ink)};line-height:0"
            things.append(f"<div style='left:{x}mm;top:{y}mm;{look}'>{words}</div>")
        x, y, width, _ = slip["qr"]
        things.append(f"<div style='left:{x}mm;top:{y}mm;width:{width}mm'>{draw_svg(slip)}</div>")
        pdf: bytes = weasyprint.HTML(string="".join(things)).write_pdf()
        return pdf

    return render


def make_reportlab(font: Path) -> Render:
    """ReportLab, which embeds TrueType outlines alone: the font is turned into such, its usual characters only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slip.ttf"
        write_truetype(font, path)
        pdfmetrics.registerFont(ReportLabFont("slip", path))

    def render(slip: Slip) -> bytes:
        canvas = Canvas("", pagesize=A4)
        canvas.translate(0, A4[1])
        for x, y, width, height, ink in slip["fills"]:
            canvas.setFillColorRGB(*(part / 255 for part in ink))
            canvas.rect(x * mm, -(y + height) * mm, width * mm, height * mm, stroke=0, fill=1)
        for x1, y1, x2, y2, weight, ink in slip["rules"]:
            canvas.setStrokeColorRGB(*(part / 255 for part in ink))
            canvas.setLineWidth(weight * mm)
            canvas.line(x1 * mm, -y1 * mm, x2 * mm, -y2 * mm)
        for x, y, size, ink, words in slip["texts"]:
            canvas.setFillColorRGB(*(part / 255 for part in ink))
            canvas.setFont("slip", size)
            canvas.drawString(x * mm, -y * mm, words)
        draw_symbol(canvas, slip)
        pdf: bytes = canvas.getpdfdata()
        return pdf

    return render


def draw_symbol(canvas: Canvas, slip: Slip) -> None:
    """The symbol as one path, dark modules side by side as one."""
    left, top, side, _ = slip["qr"]
    module = side / len(slip["rows"]) * mm
    symbol = canvas.beginPath()
    for y, row in enumerate(slip["rows"], 1):
        for run in re.finditer("1+", row):
            symbol.rect(
                left * mm + run.start() * module, -top * mm - y * module, len(run[0]) * module, module
            )
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawPath(symbol, stroke=0, fill=1)


def write_truetype(source: Path, path: Path) -> None:
    """The 3,755 most usual characters of the font, and ASCII, with quadratic outlines."""
    font = TTFont(source, fontNumber=SC_FACE, lazy=True)
    options = Options()
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx"]
    subsetter = Subsetter(options)
    subsetter.populate(text="".join(CHARACTERS) + "".join(map(chr, range(32, 127))) + "，。、：；（）·¥")
    subsetter.subset(font)
    glyphs = {}
    for name, glyph in font.getGlyphSet().items():
        pen = TTGlyphPen(None)
        glyph.draw(Cu2QuPen(pen, 1, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["glyf"], font["loca"] = newTable("glyf"), newTable("loca")
    font["glyf"].glyphOrder, font["glyf"].glyphs = font.getGlyphOrder(), glyphs
    del font["CFF "]
    font["maxp"].tableVersion, font["maxp"].maxZones = 0x10000, 1
    for key in NEW_MAXIMA.split():
        setattr(font["maxp"], key, 0)
    font["post"].formatType = 3.0
    font.sfntVersion = "\0\1\0\0"
    font.save(path)


def measure(render: Render, slips: list[Slip]) -> list[float]:
    """The CPU ms of each slip."""
    taken = []
    for slip in slips:
        begun = process_time()
        render(slip)
        taken.append((process_time() - begun) * 1000)
    return taken


def main() -> None:
    """Get all ready, then measure whichever is asked for."""
    work = json.loads(sys.stdin.readline())
    makers = {"typst": make_typst, "ReportLab": make_reportlab, "WeasyPrint": make_weasyprint}
    renders = {name: make(Path(work["font"])) for name, make in makers.items()}
    first, *slips = work["slips"]
    print(json.dumps({name: len(render(first)) for name, render in renders.items()}), flush=True)
    for line in sys.stdin:
        slips = slips[SLIPS_A_TURN:] + slips[:SLIPS_A_TURN]
        print(json.dumps(measure(renders[line.strip()], slips[:SLIPS_A_TURN])), flush=True)


if __name__ == "__main__":
    main()
