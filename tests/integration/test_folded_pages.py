"""A page whose texts were folded in is the page that looks up each text, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from babel.support import NullTranslations
from flask import Flask
from jinja2 import Template

from app.web.language import LANGUAGES, gettext, render_template
from tests.campus.run import make_environment
from tests.fixtures.departments import OF_FAILING_CONTROL, install, make_departments
from tests.fixtures.office import NOBODY, PORT, open_office
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.visitor import APP

STUDENT, GRADUATE = "TS90000001", "TS90000002"
STORIES = ("denied", "no_identity", "unavailable", "misbehaved", "refused", "expired")
OFFERS = "library_loans/cancel-card"
CARD_ALONE = {"overdue_books": 0, "fine": Decimal(0), "violations": 0, "card_status": "active"}
PARTS = (
    "components/",
    "layouts/",
    "staff/",
    "verify/parts",
    "verify/full",
    "verify/compare",
    "verify/gate_notes",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, with departments that let the graduate go and the other student not."""
    with open_office(tmp_path_factory.mktemp("office")) as office:
        departments = make_departments()
        for step, department in departments.items():
            department.of_student[STUDENT] = OF_FAILING_CONTROL[step]
        departments["library_loans"].of_student[STUDENT] = (CARD_ALONE,)
        installation, installed = install(office.installation, departments)
        several = {installed.mini_app.path: installed, "second": replace(installed)}
        office.app.extensions["installation"] = replace(installation, mini_apps=several)
        office.app.extensions["folder"] = office.data_dir
        office.app.extensions["digits"] = office.get_digits(office.issue())
        yield office.app


@pytest.fixture(scope="module")
def students(app: Flask) -> list[SignedIn]:
    environment = make_environment(app.extensions["folder"], PORT, NOBODY)
    return sign_in_all(environment, [STUDENT, GRADUATE])


@pytest.fixture
def compared(app: Flask, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether each page was the same with its texts looked up, every time."""
    found: dict[str, bool] = {}
    render = Template.render
    environment = app.jinja_env
    environment.install_gettext_callables(gettext, NullTranslations().ngettext, newstyle=True)  # type: ignore[attr-defined]

    def render_both(template: Template, *args: object, **data: object) -> str:
        page = render(template, *args, **data)
        file = Path(template.filename or "")
        looked_up = render(environment.from_string(file.read_text()), *args, **data)
        name = f"{file.parent.name}/{file.name}"
        found[name] = found.get(name, True) and page == looked_up
        return page

    monkeypatch.setattr(Template, "render", render_both)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_the_same_bytes_with_its_texts_folded_in(
    language: str, app: Flask, students: list[SignedIn], compared: dict[str, bool]
) -> None:
    # Not in the office's own context, where the first request's language would stay.
    Context().run(open_every_page, app, language, students)
    pages = {"pages/guide.html"} | {
        name for name in app.jinja_env.list_templates(extensions=["html"]) if not name.startswith(PARTS)
    }
    # The guide is the mini-app's own, which extends the shared one.
    not_opened = {"miniapp/guide.html", "mini_apps/graduate_departure/guide.html"}
    assert pages - compared.keys() == not_opened
    assert [name for name, is_same in compared.items() if not is_same] == []


def open_every_page(app: Flask, language: str, students: list[SignedIn]) -> None:
    site = {"base_url": f"http://127.0.0.1:{PORT}", "headers": {"Accept-Language": language}}
    browser = app.test_client(use_cookies=False)
    code = f"/v/{app.extensions['digits']}"
    for path in (
        "/",
        f"{APP}/",
        f"{APP}/faq",
        f"{APP}/privacy",
        "/verify",
        code,
        "/v/1",
        "/gate",
        "/nowhere",
        "/c/1",
    ):
        assert f'<html lang="{language}">' in browser.get(path, **site).text
    browser.post(f"{code}/compare", data={"name": "李文静"}, **site)
    for student in students:
        signed_in = site | {"headers": {**site["headers"], "Cookie": student.cookie}}
        for path in ("clearance", "clearance?wait=1", f"clearance/{OFFERS}", "submission", "desk-code"):
            browser.get(f"{APP}/{path}", **signed_in)
        answer = browser.post(f"{APP}/submission", data={"csrf_token": student.token}, **signed_in)
        for path in (answer.headers.get("Location", "/"), "/completed", f"{APP}/clearance"):
            browser.get(path, **signed_in)
    with app.test_request_context("/sign-in", **site):
        render_template("auth/choose.html", choices=[("<b>", "/")])
        render_template("auth/confirm.html", people=[("李*", "0001", "硕士")], label="100%", name="campus")
        for story in STORIES:
            render_template("auth/retry.html", label="<b>", reason="denied", story=story, again="/")
        for story in ("lost", "switching", ""):
            render_template("auth/onward.html", address="/", story=story)
