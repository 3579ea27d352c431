"""The university's emblem: seen on the head of every page, harmless and small, or a fault that names the key."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.config_model import read
from app.domain.colours import Colours
from app.settings.emblem import MOST_BYTES, read_emblem
from app.settings.sections import ServiceSettings

SERVICE = {
    "base_url": "https://lixiao.example.edu.cn",
    "secret_key": "0123456789abcdefghijklmnopqrstuvwxyz",
    "university": "清泉大学",
    "support": "离校服务技术支持QQ群：313963892",
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{}</svg>'
SHAPE = '<path fill="#ffffff" d="M0 0h32v32z"/>'
WHITE, DARK, CLEAR = (255, 255, 255, 255), (20, 48, 79, 255), (255, 255, 255, 0)


def draw_png(*colours: tuple[int, int, int, int], kind: str = "PNG") -> bytes:
    """A picture of stripes, one of each colour."""
    picture = Image.new("RGBA", (16 * len(colours), 32))
    for place, colour in enumerate(colours):
        picture.paste(colour, (16 * place, 0, 16 * place + 16, 32))
    file = BytesIO()
    (picture if kind == "PNG" else picture.convert("RGB")).save(file, kind)
    return file.getvalue()


def list_faults(folder: Path, name: str, content: str | bytes, **changes: object) -> list[str]:
    """What the configuration says of an emblem in a file of this name."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    faults: list[str] = []
    read(ServiceSettings, {**SERVICE, "emblem": str(path), **changes}, "service", faults)
    return faults


@pytest.mark.parametrize(
    "inside",
    [
        SHAPE,
        '<path fill="#FFF" d="M0 0h32v32z"/>',
        '<path style="fill: white" d="M0 0h32v32z"/>',
        '<defs><path id="a" d="M0 0h9v9z"/></defs><use href="#a" fill="#ffd700"/>',
        SHAPE + '<path fill="#14304f" d="M0 0h9v9z"/>',
    ],
)
def test_a_light_svg_is_taken(tmp_path: Path, inside: str) -> None:
    assert list_faults(tmp_path, "emblem.svg", SVG.format(inside)) == []
    emblem = read_emblem(tmp_path / "emblem.svg", Colours())
    assert (emblem.suffix, emblem.content.decode()) == (".svg", SVG.format(inside))


@pytest.mark.parametrize(
    "inside",
    [SHAPE.replace("#ffffff", "#14304f"), SHAPE.replace("#ffffff", "black"), '<path d="M0 0h32v32z"/>'],
)
def test_a_dark_svg_is_refused_and_so_is_one_without_a_colour_which_is_black(
    tmp_path: Path, inside: str
) -> None:
    assert list_faults(tmp_path, "emblem.svg", SVG.format(inside)) == [
        "service.emblem names a picture that is hardly seen on colours.head, #0f3d6b: use a lighter one"
    ]


def test_an_emblem_is_looked_at_on_the_head_of_the_dark_mode_too(tmp_path: Path) -> None:
    grey = SVG.format(SHAPE.replace("#ffffff", "#8e8e8e"))
    pale = {"head": "#14304f", "head_dark": "#5c5c5c"}
    assert list_faults(tmp_path, "emblem.svg", grey) == []
    assert list_faults(tmp_path, "emblem.svg", grey, colours=pale) == [
        "service.emblem names a picture that is hardly seen on colours.head_dark, #5c5c5c: use a lighter one"
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<SCRIPT href='#a'/>",
        '<path onload="alert(1)" d="M0 0z"/>',
        "<foreignObject><p>a</p></foreignObject>",
        '<a href="https://elsewhere.cn"><path d="M0 0z"/></a>',
        '<a href="javascript:alert(1)"><path d="M0 0z"/></a>',
        '<image xlink:href="https://elsewhere.cn/a.png"/>',
    ],
)
def test_an_svg_that_does_something_is_refused(tmp_path: Path, inside: str) -> None:
    assert list_faults(tmp_path, "emblem.svg", SVG.format(SHAPE + inside)) == [
        "service.emblem names an SVG with a script, an entity or a link to elsewhere: leave them out"
    ]
    assert list_faults(tmp_path, "emblem.svg", SVG.format(SHAPE)) == [], "control: without it"


def test_an_svg_with_an_entity_is_refused(tmp_path: Path) -> None:
    text = '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format(SHAPE)
    (fault,) = list_faults(tmp_path, "emblem.svg", text)
    assert "an entity" in fault


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("emblem.svg", "<html></html>", "names a file that is no SVG"),
        ("emblem.svg", SVG.format(SHAPE).encode("utf-16"), "names an SVG that is not UTF-8"),
        ("emblem.png", draw_png(WHITE, kind="JPEG"), "names a file that is no PNG"),
        ("emblem.png", SVG.format(SHAPE), "names a file that is no PNG"),
        ("emblem.png", draw_png(WHITE)[:60], "names a PNG that cannot be read"),
        ("emblem.jpg", draw_png(WHITE, kind="JPEG"), "must name an .svg or a .png file"),
        ("emblem", draw_png(WHITE), "must name an .svg or a .png file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, name: str, content: str | bytes, fault: str
) -> None:
    assert list_faults(tmp_path, name, content) == [f"service.emblem {fault}"]


def test_a_file_that_is_not_there_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "none.svg"
    with pytest.raises(ValueError, match=r"names a file that cannot be read: .*none\.svg \(No such file"):
        read_emblem(path, Colours())


def test_a_file_of_the_most_bytes_is_taken_and_one_more_is_refused(tmp_path: Path) -> None:
    text = SVG.format(SHAPE)
    full = text + " " * (MOST_BYTES - len(text))
    assert list_faults(tmp_path, "emblem.svg", full) == []
    (fault,) = list_faults(tmp_path, "emblem.svg", full + " ")
    assert fault.startswith(
        f"service.emblem names a file of {MOST_BYTES + 1} bytes, and {MOST_BYTES} are the most"
    )


@pytest.mark.parametrize("name", ["emblem.png", "emblem.PNG"])
def test_a_light_png_is_taken_on_whatever_ground_nobody_sees(tmp_path: Path, name: str) -> None:
    assert list_faults(tmp_path, name, draw_png(WHITE, CLEAR, DARK)) == []
    assert read_emblem(tmp_path / name, Colours()).suffix == ".png"


@pytest.mark.parametrize(
    "colours", [(DARK,), (DARK, CLEAR, CLEAR), (WHITE, *[DARK] * 15)], ids=["dark", "on nothing", "a speck"]
)
def test_a_dark_png_is_refused_though_its_invisible_points_are_white(
    tmp_path: Path, colours: tuple[tuple[int, int, int, int], ...]
) -> None:
    (fault,) = list_faults(tmp_path, "emblem.png", draw_png(*colours))
    assert fault.startswith("service.emblem names a picture that is hardly seen on colours.head, ")


def test_a_png_in_which_nothing_is_seen_is_refused(tmp_path: Path) -> None:
    assert list_faults(tmp_path, "emblem.png", draw_png(CLEAR)) == [
        "service.emblem names a picture in which nothing is seen"
    ]


def test_a_png_with_any_byte_changed_or_cut_off_is_a_fault_at_most_and_nothing_breaks(tmp_path: Path) -> None:
    sound = draw_png(WHITE)
    changed = [
        sound[:place] + bytes([sound[place] ^ change]) + sound[place + 1 :]
        for place in range(8, len(sound))
        for change in (1, 2, 4, 8, 16, 32, 64, 128)
    ]
    cut = [sound[:place] for place in range(8, len(sound))]
    for content in changed + cut:
        faults = list_faults(tmp_path, "emblem.png", content)
        assert all(fault.startswith("service.emblem names a ") for fault in faults)


@pytest.mark.parametrize(
    ("support", "number"),
    [
        ("离校服务技术支持QQ群：313963892", "313963892"),
        ("QQ 10001, phone 0516-83590000", "10001"),
        ("phone 0516-83590000", ""),
        ("QQ群：请问辅导员", ""),
    ],
)
def test_the_qq_number_that_the_help_line_names_can_be_copied(support: str, number: str) -> None:
    faults: list[str] = []
    service = read(ServiceSettings, {**SERVICE, "support": support}, "service", faults)
    assert faults == []
    assert service.support_qq == number


@pytest.mark.parametrize("colour", ["rgb(255, 255, 255)", "rgba(255 255 255 / 1)", "#ffffffff", "#fffc"])
def test_white_is_white_however_it_is_written(tmp_path: Path, colour: str) -> None:
    content = f'<svg xmlns="http://www.w3.org/2000/svg"><path fill="{colour}" d="M0 0h1v1z"/></svg>'
    assert list_faults(tmp_path, "emblem.svg", content) == []
