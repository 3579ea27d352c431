"""The slip's page on paper."""

from __future__ import annotations

from tests.browser.paper import draw_pages, read_qr, read_text
from tests.browser.screens import PC, Screens, submit

A4_AT_144_DPI = (1191, 1684)


def test_the_slip_page_prints_as_one_a4_sheet_with_a_qr_that_scans(
    screens: Screens, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PC, color_scheme="dark")
    submit(page)
    page.wait_for_load_state("networkidle")
    printed = page.pdf(prefer_css_page_size=True)
    sheets = draw_pages(printed)
    assert len(sheets) == 1
    assert not read_text(printed).strip()
    assert all(abs(a - b) <= 2 for a, b in zip(sheets[0].size, A4_AT_144_DPI, strict=True))
    assert read_qr(sheets[0]) == page.input_value("#address")
    corner: tuple[int, ...] = sheets[0].convert("RGB").getpixel((2, 2))
    assert corner == (255, 255, 255)


def test_without_the_print_rules_buttons_would_stand_on_the_paper(
    screens: Screens, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PC)
    submit(page)
    page.wait_for_load_state("networkidle")
    page.emulate_media(media="screen")
    assert "下载PDF" in read_text(page.pdf(prefer_css_page_size=True))
