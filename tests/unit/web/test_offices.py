"""An office in the words of a page: when it is open, in both languages, and online systems as links."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.ctx import RequestContext

from app.domain.office import Link, Office
from app.factory import create_app
from app.settings import load_settings
from app.web import offices
from app.web.language import CHINESE, ENGLISH, Language
from app.web.offices import link_names, view_office
from tests.campus.run import make_environment

WEEK = {"workdays": "8:00-11:30, 14:30-17:30", "saturday": "9:00-12:00"}
OPENINGS = [
    ("2026-06-01T09:00", "现在开放，至 11:30", "Open now, until 11:30"),
    ("2026-06-01T12:00", "现在不开放，今天 14:30 开放", "Closed now, opens today at 14:30"),
    ("2026-06-01T18:00", "现在不开放，明天 8:00 开放", "Closed now, opens tomorrow at 8:00"),
    ("2026-06-06T13:00", "现在不开放，2026年6月8日 8:00 开放", "Closed now, opens on 8 Jun 2026 at 8:00"),
]
THESIS = Link(name="论文系统", address="https://thesis.cumt.edu.cn/?a=1&b=2")
LIBRARY = Link(name="图书馆论文系统", address="https://library.cumt.edu.cn")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("service")
    return create_app(load_settings(make_environment(folder, 8000, "http://127.0.0.1:9")))


def make_office(**hours: object) -> Office:
    return Office.model_validate({"place": "图书馆", "contact": "总服务台", "hours": hours})


def set_clock(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Make this moment of Shanghai the present one; the service's clock tells UTC."""
    now = datetime.fromisoformat(f"{moment}:59+08:00").astimezone(UTC)
    patch.setattr(offices, "get_now", lambda: now)


def ask_in(app: Flask, language: Language) -> RequestContext:
    return app.test_request_context(base_url="http://127.0.0.1", headers={"Accept-Language": language.code})


@pytest.mark.parametrize(("moment", "chinese", "english"), OPENINGS)
def test_whether_an_office_is_open_is_said_in_both_languages(
    app: Flask, monkeypatch: pytest.MonkeyPatch, moment: str, chinese: str, english: str
) -> None:
    set_clock(monkeypatch, moment)
    for language, words in ((CHINESE, chinese), (ENGLISH, english)):
        with ask_in(app, language):
            view = view_office(make_office(**WEEK))
        assert (view.now, view.is_open) == (words, chinese.startswith("现在开放"))


@pytest.mark.parametrize(
    ("hours", "chinese", "english"),
    [
        ({"daily": "0:00-24:00"}, "现在开放，至 24:00", "Open now, until 24:00"),
        ({"days": {"2026-01-01": "8:00-9:00"}}, "近期不开放", "Closed for the time being"),
        ({"note": "请先打电话"}, "", ""),
    ],
)
def test_an_office_that_never_closes_is_open_until_midnight_and_of_one_with_a_note_nothing_is_said(
    app: Flask, monkeypatch: pytest.MonkeyPatch, hours: dict[str, object], chinese: str, english: str
) -> None:
    set_clock(monkeypatch, "2026-06-01T09:00")
    for language, words in ((CHINESE, chinese), (ENGLISH, english)):
        with ask_in(app, language):
            assert view_office(make_office(**hours)).now == words


def test_an_office_without_hours_says_nothing_of_when_it_is_open(app: Flask) -> None:
    office = Office(place="图书馆", contact="总服务台")
    with ask_in(app, CHINESE):
        view = view_office(office)
    assert (view.office, view.now, view.week, view.changes, view.is_open) == (office, "", "", (), False)


@pytest.mark.parametrize(
    ("hours", "chinese", "english"),
    [
        (
            WEEK,
            "周一至周五 8:00–11:30，14:30–17:30；周六 9:00–12:00",
            "Mon–Fri 8:00–11:30, 14:30–17:30; Sat 9:00–12:00",
        ),
        ({"daily": "8:00-21:00"}, "每日 8:00–21:00", "Daily 8:00–21:00"),
        ({"note": "请先打电话"}, "", ""),
    ],
)
def test_the_usual_week_is_said_as_runs_of_days(
    app: Flask, hours: dict[str, object], chinese: str, english: str
) -> None:
    for language, words in ((CHINESE, chinese), (ENGLISH, english)):
        with ask_in(app, language):
            assert view_office(make_office(**hours)).week == words


def test_the_next_days_that_differ_are_said_with_their_dates(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "2026-06-15T09:00")
    days = {
        "2026-06-19": "closed",
        "2026-06-20": "8:00-17:30",
        "2026-06-14": "closed",
        "2026-07-19": "closed",
    }
    told = {
        CHINESE: ("2026年6月19日 不开放", "2026年6月20日 8:00–17:30"),
        ENGLISH: ("19 Jun 2026: closed", "20 Jun 2026: 8:00–17:30"),
    }
    for language, changes in told.items():
        with ask_in(app, language):
            assert view_office(make_office(**WEEK, days=days)).changes == changes


def test_the_time_is_that_of_the_services_wall_clock_and_not_utc(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "2026-06-02T00:30")  # 16:30 of the day before in UTC
    with ask_in(app, CHINESE):
        view = view_office(make_office(tuesday="0:00-1:00", monday="16:00-17:00"))
    assert (view.now, view.is_open) == ("现在开放，至 1:00", True)


def test_the_name_of_an_online_system_is_a_link_wherever_a_text_has_it() -> None:
    html = link_names("请在论文系统提交；论文系统审核后通过。", [THESIS])
    anchor = '<a class="named" href="https://thesis.cumt.edu.cn/?a=1&amp;b=2">论文系统</a>'
    assert html == f"请在{anchor}提交；{anchor}审核后通过。"


def test_of_two_names_that_overlap_the_longer_one_is_the_link_in_whatever_order_they_come() -> None:
    expected = (
        '请在<a class="named" href="https://library.cumt.edu.cn">图书馆论文系统</a>提交，不是'
        '<a class="named" href="https://thesis.cumt.edu.cn/?a=1&amp;b=2">论文系统</a>。'
    )
    for links in ([THESIS, LIBRARY], [LIBRARY, THESIS]):
        assert link_names("请在图书馆论文系统提交，不是论文系统。", links) == expected


def test_a_text_and_a_name_are_text_and_no_markup() -> None:
    link = Link(name="<b>系统", address="https://a.cn/?x=1&y=2")
    assert link_names("<i>先到</i><b>系统 & 后", [link]) == (
        '&lt;i&gt;先到&lt;/i&gt;<a class="named" href="https://a.cn/?x=1&amp;y=2">&lt;b&gt;系统</a> &amp; 后'
    )
    assert link_names("<script>alert(1)</script>", []) == "&lt;script&gt;alert(1)&lt;/script&gt;"


def test_a_text_that_names_nothing_is_as_it_was() -> None:
    assert link_names("请到图书馆。", [THESIS, LIBRARY]) == "请到图书馆。"
