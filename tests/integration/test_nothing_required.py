"""A student for whom no step is: told so, and given no slip, which would prove nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.campus.client import CampusClient
from tests.running import running_service

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "mini_apps" / "library_card"
APP = "/library-card"
PERSON = """
[person.level]
label = "培养层次"
values = ["硕士", "博士"]

[[fields]]"""
STEP = """next_step = "请到图书馆归还图书。"
applies = [{ where = { level = "博士" } }]
not_required_says = "硕士研究生无需清查"
"""
ENGLISH = '"硕士研究生无需清查" = "Not needed for a master\'s degree"\n'


def make_folder(folder: Path) -> Path:
    """The smallest mini-app, whose one step is for doctoral students."""
    shutil.copytree(FOLDER, folder)
    manifest = folder / "manifest.toml"
    text = manifest.read_text(encoding="utf-8").replace("\n[[fields]]", PERSON, 1)
    manifest.write_text(text.replace('next_step = "请到图书馆归还图书。"\n', STEP), encoding="utf-8")
    with (folder / "en.toml").open("a", encoding="utf-8") as english:
        english.write(ENGLISH)
    shutil.rmtree(folder / "pages")  # those of the shared pages are looked at
    lines = (folder / "en.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(('"查询"', '"提交"'))]
    (folder / "en.toml").write_text("".join(kept), encoding="utf-8")
    return folder


def test_for_whom_nothing_is_required_is_told_so_on_each_page_and_gets_no_slip(
    campus: CampusClient, tmp_path: Path
) -> None:
    table = {
        "FOLDER": str(make_folder(tmp_path / "library_card")),
        "PERIOD": "2026-06",
        "PERIOD_TITLE": "2026年夏季",
        "OPENS_ON": "2026-01-01",
        "CLOSES_ON": "2035-12-31",
        "LEVELS": "all",
        "STEPS__LOANS": "library_loans",
    }
    changes = {f"LIXIAO_MINI_APPS__LIBRARY_CARD__{key}": value for key, value in table.items()}
    with running_service(campus, tmp_path / "data", changes) as service:
        visitor = service.visit()
        page = visitor.sign_in("TS23000002", f"{APP}/clearance")
        check = visitor.get(f"{APP}/submission")
        for text in (page.text, check.text):
            assert "没有需要您办理的事项" in text
            assert "各项都不需要您办理" in text
        assert f'href="{APP}/submission"' not in page.text
        refused = visitor.post(f"{APP}/submission", check)
        assert refused.status_code == 422
        assert 'data-error="NothingRequired"' in refused.text
        assert visitor.get("/completed").text.count("LX26") == 0
        doctor = service.visit()
        doctor.sign_in("TB23000010", f"{APP}/clearance")
        assert doctor.post(f"{APP}/submission", doctor.get(f"{APP}/submission")).status_code == 303
        assert campus.calls("library_loans", "TS23000002") == []
