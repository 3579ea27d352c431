"""The packaged assets are those of their packages, each with its licence."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "app" / "static" / "vendor"
DIGESTS = {
    "noble-ed25519.js": "70cebecaaa6a126ced702198706c49d03f2d6f70317342b75e50e8d2d4951fe5",
    "pako-inflate.js": "3e823ab0116dfbba05da77b0cde15a50275fe9387a1600164e1ca1140d83a976",
    "zxing-wasm-reader.js": "d33d09ce132a692faffbed0dce656c36cb2573b4b843885a6e036390d1071d95",
    "zxing_reader.wasm": "e8af31edb56d0522f4de74495839385ef019ba8bc90d38e5ecb2f18795d86fb2",
}
LICENCES = {"noble-ed25519.LICENSE", "pako.LICENSE", "zxing-cpp.LICENSE", "zxing-wasm.LICENSE"}


def test_no_packaged_asset_was_changed() -> None:
    found = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in (".js", ".wasm")
    }
    assert found == DIGESTS


def test_each_packaged_asset_has_its_licence_and_its_line() -> None:
    assert {path.name for path in VENDOR.glob("*.LICENSE")} == LICENCES
    told = (VENDOR / "README.md").read_text(encoding="utf-8")
    assert [name for name in DIGESTS if f"`{name}`" not in told] == []
