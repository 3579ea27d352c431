"""The issuing office's seal: a round picture on a transparent ground, or a fault that names the key."""

from __future__ import annotations

import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from app.config_model import read
from app.documents.seals import find_seal
from app.settings.mini_apps import MiniAppSettings
from app.settings.seal import DRAWN_SIDE, MOST_BYTES, read_seal
from app.settings.sections import ServiceSettings, SlipSettings
from tests.fixtures.seals import RED, draw_seal, load_sample_seal

CLEAR = (255, 255, 255, 0)
MINI_APP = {
    "period": "2026-06",
    "period_title": "2026 年 6 月",
    "opens_on": "2026-06-01",
    "closes_on": "2026-06-30",
    "levels": "all",
}


def draw_png(size: tuple[int, int] = (600, 600), ground: tuple[int, int, int, int] = CLEAR) -> bytes:
    """A red square on a ground."""
    picture = Image.new("RGBA", size, ground)
    picture.paste(RED, (100, 100, 200, 200))
    return encode(picture)


def draw_disc(
    colour: tuple[int, int, int, int], box: tuple[int, int, int, int] = (2, 2, 597, 597)
) -> Image.Image:
    """A disc in one colour on a transparent ground."""
    picture = Image.new("RGBA", (600, 600), CLEAR)
    ImageDraw.Draw(picture).ellipse(box, fill=colour)
    return picture


def encode(picture: Image.Image) -> bytes:
    """A PNG file."""
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def list_faults(path: Path, content: bytes) -> list[str]:
    """What the configuration says of a seal with this content, without the file's place."""
    path.write_bytes(content)
    faults: list[str] = []
    read(
        MiniAppSettings, {**MINI_APP, "folder": "x", "seal": str(path)}, "mini_apps.a", faults, {"slug": "a"}
    )
    return [fault.replace(f": {path}", "") for fault in faults]


def test_a_seal_is_drawn_on_white_and_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "seal.png"
    assert list_faults(path, draw_seal()) == []
    seal = read_seal(path)
    pixels = zlib.decompress(seal.pixels)
    assert seal.digest == sha256(draw_seal()).hexdigest()
    assert len(pixels) * 2 == seal.side**2 == DRAWN_SIDE**2
    ground = pixels[0] >> 4
    assert seal.palette[3 * ground : 3 * ground + 3] == b"\xff\xff\xff"
    assert seal.ink[0] > 180 > 60 > seal.ink[1]


def test_a_small_seal_of_an_odd_side_is_drawn_in_its_own_size(tmp_path: Path) -> None:
    path = tmp_path / "seal.png"
    assert list_faults(path, draw_seal(side=301)) == []
    assert read_seal(path).side == 300


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"GIF89a", "names a file that is no PNG"),
        (draw_seal()[:2000], "names a PNG that cannot be read"),
        (
            draw_seal() + bytes(MOST_BYTES),
            f"names a file of {len(draw_seal()) + MOST_BYTES} bytes, and 1048576 are the most",
        ),
        (draw_png((200, 200)), "names a picture of 200 x 200 pixels: a side must have 300 to 4000"),
        (draw_png((400, 600)), "names a picture that is not as high as wide"),
        (
            draw_png(ground=(255, 255, 255, 255)),
            "names a picture without a transparent ground: it would lie on the paper as a box",
        ),
    ],
)
def test_what_is_no_seal_is_refused_with_its_reason(tmp_path: Path, content: bytes, fault: str) -> None:
    assert list_faults(tmp_path / "seal.png", content) == [f"mini_apps.a.seal {fault}"]


def test_a_picture_in_which_nothing_is_seen_is_refused(tmp_path: Path) -> None:
    for picture in (Image.new("RGBA", (600, 600), CLEAR), draw_disc((255, 255, 255, 255))):
        assert list_faults(tmp_path / "seal.png", encode(picture)) == [
            "mini_apps.a.seal names a picture in which nothing is seen on white paper"
        ]


@pytest.mark.parametrize(
    ("colour", "is_seen"),
    [
        (RED, True),
        ((*RED[:3], 60), False),
        ((*RED[:3], 128), True),
        ((140, 140, 140, 255), True),
        ((255, 255, 0, 255), False),
        ((235, 235, 235, 255), False),
    ],
)
def test_a_seal_too_faint_on_white_paper_is_refused(
    tmp_path: Path, colour: tuple[int, int, int, int], is_seen: bool
) -> None:
    fault = "mini_apps.a.seal names a picture that is too faint on white paper: make it darker or opaque"
    assert list_faults(tmp_path / "seal.png", encode(draw_disc(colour))) == ([] if is_seen else [fault])


@pytest.mark.parametrize("box", [(200, 200, 300, 300), (30, 200, 570, 400), (60, 60, 580, 580)])
def test_a_seal_that_does_not_fill_its_picture_is_refused(
    tmp_path: Path, box: tuple[int, int, int, int]
) -> None:
    assert list_faults(tmp_path / "seal.png", encode(draw_disc(RED, box))) == [
        "mini_apps.a.seal names a picture that its seal does not fill: crop it to the seal"
    ]


def test_a_seal_that_nearly_fills_its_picture_is_taken(tmp_path: Path) -> None:
    assert list_faults(tmp_path / "seal.png", encode(draw_disc(RED, (25, 25, 575, 575)))) == []


def test_a_seal_that_is_not_there_is_a_fault_and_an_empty_text_is_none(tmp_path: Path) -> None:
    faults: list[str] = []
    table = {**MINI_APP, "folder": "x", "seal": str(tmp_path / "none.png")}
    read(MiniAppSettings, table, "mini_apps.a", faults, {"slug": "a"})
    assert len(faults) == 1
    assert "names a file that cannot be read" in faults[0]
    settings = read(MiniAppSettings, table | {"seal": ""}, "mini_apps.a", faults, {"slug": "a"})
    assert (len(faults), settings.seal) == (1, None)


def test_a_former_seal_is_looked_at_like_the_present_one(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(draw_png((200, 200)))
    faults: list[str] = []
    read(SlipSettings, {"keys": "keys", "former_seals": [str(tmp_path / "old.png")]}, "slip", faults)
    assert len(faults) == 1
    assert faults[0].startswith("slip.former_seals names a picture of 200 x 200 pixels")


def test_every_bad_former_seal_is_told(tmp_path: Path) -> None:
    files = [tmp_path / "small.png", tmp_path / "text.png", tmp_path / "none.png"]
    files[0].write_bytes(draw_png((200, 200)))
    files[1].write_bytes(b"text")
    faults: list[str] = []
    table = {"keys": "keys", "former_seals": list(map(str, files))}
    read(SlipSettings, table, "slip", faults)
    assert [fault.startswith("slip.former_seals names ") for fault in faults] == [True] * 3
    assert [str(file) in fault for file, fault in zip(files, faults, strict=True)] == [True] * 3


def test_a_bad_picture_is_told_beside_the_other_mistakes_of_its_table(tmp_path: Path) -> None:
    path = str(tmp_path / "none.png")
    wrong = (
        (MiniAppSettings, {**MINI_APP, "folder": "x", "seal": path, "opens_on": "soon"}),
        (SlipSettings, {"keys": "keys", "former_seals": [path], "pdf_a": "yes"}),
        (ServiceSettings, {"base_url": "nowhere", "emblem": path}),
    )
    for (model, table), key in zip(wrong, ("seal", "former_seals", "emblem"), strict=True):
        faults: list[str] = []
        read(model, table, "a", faults, {"slug": "a"} if model is MiniAppSettings else None)
        assert len(faults) >= 2
        assert [fault for fault in faults if fault.startswith(f"a.{key} names a file that cannot be read")]


def test_a_seal_is_found_by_its_digest() -> None:
    seal = load_sample_seal()
    assert find_seal(seal.digest) == seal
    assert find_seal("") is find_seal("0" * 64) is None
