"""The issuing office's seal: a round picture on a transparent ground, or a fault that names the key."""

from __future__ import annotations

import zlib
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.config_model import read
from app.documents.seals import find_seal
from app.settings.campus import MiniAppSettings
from app.settings.seal import DRAWN_SIDE, MOST_BYTES, read_seal
from app.settings.sections import SlipSettings
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
    out = BytesIO()
    Image.new("RGBA", (600, 600), CLEAR).save(out, "PNG")
    assert list_faults(tmp_path / "seal.png", out.getvalue()) == [
        "mini_apps.a.seal names a picture in which nothing is seen"
    ]


def test_a_seal_that_is_not_there_is_a_fault_and_an_empty_text_is_none(tmp_path: Path) -> None:
    faults: list[str] = []
    table = {**MINI_APP, "folder": "x", "seal": str(tmp_path / "none.png")}
    read(MiniAppSettings, table, "mini_apps.a", faults, {"slug": "a"})
    assert len(faults) == 1
    assert "names a file that cannot be read" in faults[0]
    settings = read(MiniAppSettings, table | {"seal": ""}, "mini_apps.a", faults, {"slug": "a"})
    assert (len(faults), settings.seal_picture) == (1, None)


def test_a_former_seal_is_looked_at_like_the_present_one(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(draw_png((200, 200)))
    faults: list[str] = []
    read(SlipSettings, {"keys": "keys", "former_seals": [str(tmp_path / "old.png")]}, "slip", faults)
    assert len(faults) == 1
    assert faults[0].startswith("slip.former_seals names a picture of 200 x 200 pixels")


def test_a_seal_is_found_by_its_digest() -> None:
    seal = load_sample_seal()
    assert find_seal(seal.digest) == seal
    assert find_seal("") is find_seal("0" * 64) is None
