"""A page that is prepared once says what the rendered page says, compressed or not."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import pytest

from app.web.verify.mould import make_mould

NAMES = ("name", "count")


def render(values: Mapping[str, str]) -> str:
    """A page with per cents, Chinese, and one value twice."""
    return f"<p style='width:100%'>核验 %(name)s {values['name']}, 50% of {values['count']}, {values['name']}</p>"


@pytest.mark.parametrize("values", [{"name": "张*", "count": "7"}, {"name": "100% &amp; %s", "count": ""}])
def test_a_filled_page_is_the_rendered_page(values: dict[str, str]) -> None:
    mould = make_mould(NAMES, render)

    assert mould.fill(values, is_gzip=False).decode() == render(values)
    assert gzip.decompress(mould.fill(values, is_gzip=True)).decode() == render(values)


def test_a_page_without_values_is_itself_and_small() -> None:
    page = "核验" * 1000
    mould = make_mould((), lambda _marks: page)

    assert mould.fill({}, is_gzip=False).decode() == page
    compressed = mould.fill({}, is_gzip=True)
    assert gzip.decompress(compressed).decode() == page
    assert len(compressed) < 100


def test_values_too_long_for_one_stored_block_are_refused() -> None:
    mould = make_mould(NAMES, render)

    with pytest.raises(OverflowError):
        mould.fill({"name": "x" * 70_000, "count": "1"}, is_gzip=True)
