"""A mini-app as its pages and its slip will look, from its folder and its sample alone: without database, departments or
network, by the very templates that serve. Its values are samples, and its slip's code is nobody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, g
from jinja2 import TemplateError

from app.documents.fonts import MissingCharacters
from app.documents.layout import SlipTooLong
from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.documents.slip_png import render_slip_png
from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.domain.person import Person, Role
from app.domain.slip import PrintedField, SlipRecord
from app.mini_apps.checking import Checked
from app.mini_apps.pages import add_pages
from app.mini_apps.sample_states import STATES, make_states
from app.mini_apps.translation import translate_texts
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.records import ENGLISH as ENGLISH_WORDS
from app.services.slips.records import join_languages
from app.settings import SettingsError, read_settings
from app.web import init_web
from app.web.auth import init_auth
from app.web.language import JINJA_OPTIONS, LANGUAGES, Language, show_mini_app
from app.web.mini_app.view_data import ClearanceView, view_clearance
from app.web.mini_app.views import render_page
from app.web.page_context import get_csrf_token
from app.web.session import DatabaseSessionInterface

HOST = "lixiao.example.edu.cn"
CODE = SlipCodeText(f"https://{HOST}/v/{'1234567890' * 22}", "0000000000000000", HOST)
PAGE_ERRORS = (TemplateError, AttributeError, LookupError, TypeError, ValueError, ArithmeticError)
"""What a folder's own page may do wrong."""
_STATIC = re.compile(r'(href|src)="/static/([^"?]+)(\?[^"]*)?"')


@dataclass(frozen=True)
class Preview:
    """The files of a preview by their paths, and what kept others from being made."""

    files: Mapping[str, bytes]
    faults: tuple[str, ...]


def make_preview(folder: Path, checked: Checked) -> Preview:
    """All pages in each language, and the slip as PDF and picture, of a folder without mistakes."""
    mini_app, sample = checked.mini_app, checked.sample
    assert mini_app is not None
    assert sample is not None, "a folder without mistakes"
    files: dict[str, bytes] = {}
    faults: list[str] = []
    app = _create_app(folder, mini_app)
    languages = [LANGUAGES["zh-CN"], *(LANGUAGES[code] for code in mini_app.translations)]
    for language in languages:
        for name, text in _render_pages(app, mini_app, sample, language, faults):
            files[f"{language.code}/{name}.html"] = text.encode()
    for name, make in _list_slips(mini_app, sample):
        try:
            files[f"{name}.pdf"], files[f"{name}.png"] = make()
        except MissingCharacters as missing:
            faults.append(f"sample.json: no font holds {missing}")
        except SlipTooLong:
            faults.append(f"sample.json: {name} does not fit on its page: shorten the slip's texts")
    files |= _read_static(app, files)
    files["index.html"] = _write_index(mini_app, sorted(files)).encode()
    return Preview(files, tuple(dict.fromkeys(faults)))


def write_preview(preview: Preview, target: Path) -> None:
    """Write its files. Raises OSError."""
    for name, content in preview.files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _create_app(folder: Path, mini_app: MiniApp) -> Flask:
    """An application that can render pages, and serves nobody."""
    faults: list[str] = []
    slug = mini_app.slug
    period = {"period": "2026-06", "period_title": "2026年夏季", "closes_on": "2035-12-31"}
    chosen = {"folder": str(folder.resolve()), "levels": "all", "opens_on": "2026-01-01"}
    chosen |= period if mini_app.names_period else {}
    steps = dict.fromkeys(mini_app.step_keys, "sample")
    data = {
        "service": {
            "base_url": f"https://{HOST}",
            "time_zone": "Asia/Shanghai",
            "university": "大学",
            "support": "技术支持",
            "secret_key": "0123456789abcdef" * 4,
        },
        "database": {"url": "sqlite:///none"},
        "slip": {"keys": "none"},
        "rate_limit": {"storage_url": "memory://"},
        "sign_in": {"campus": {}},
        "connectors": {"sample": {}},
        "mini_apps": {slug: {**chosen, "steps": steps}},
        "english": {"2026年夏季": "Summer 2026", "大学": "University", "技术支持": "Support"},
    }
    settings = read_settings(data, faults)
    if faults:
        raise SettingsError(faults)
    app = Flask(__name__)
    app.secret_key = settings.service.secret_key
    app.jinja_options = dict(JINJA_OPTIONS)
    app.session_interface = DatabaseSessionInterface(settings)
    installed = InstalledMiniApp(mini_app, settings.mini_apps[slug], {})
    app.extensions["installation"] = Installation(settings, {mini_app.path: installed})
    add_pages(app.jinja_env, [installed.settings])
    init_auth(app, settings, {})
    init_web(app)
    app.jinja_env.globals["csrf_token"] = get_csrf_token
    return app


def _render_pages(
    app: Flask, mini_app: MiniApp, sample: SlipRecord, language: Language, faults: list[str]
) -> Iterator[tuple[str, str]]:
    """The pages by name; one that cannot be rendered is told in `faults`."""
    installation: Installation = app.extensions["installation"]
    installed = installation.mini_apps[mini_app.path]
    seen: dict[str, Callable[[], str]] = {
        "guide": partial(render_page, installed, "guide", is_open=True, closed=None),
        "faq": partial(render_page, installed, "faq"),
        "privacy": partial(
            render_page,
            installed,
            "privacy",
            asks_consent=True,
            is_asked=True,
            given_at="",
            retention=installation.settings.retention,
        ),
    }
    for status in (status for status, fits in STATES.items() if any(map(fits, mini_app.steps))):
        seen[f"clearance-{status}"] = partial(_render_clearance, installed, sample, status)
    seen["submission"] = partial(_render_submission, installed, sample)
    for name, render in seen.items():
        path = f"/{mini_app.path}/{'' if name == 'guide' else name.partition('-')[0]}"
        with app.test_request_context(path, headers={"Cookie": f"language={language.code}"}):
            g.csrf_token, g.request_id = "sample", "0123456789abcdef"
            try:
                yield name, _relink(render(), mini_app.path, name, language)
            except PAGE_ERRORS as error:
                page = name.partition("-")[0]
                faults.append(f"pages/{page}.html cannot be rendered: {type(error).__name__}: {error}")


def _render_clearance(installed: InstalledMiniApp, sample: SlipRecord, status: Status) -> str:
    view = _view(installed, sample, status)
    return render_page(installed, "clearance", view=view, notice=None, limited="", closed=None)


def _render_submission(installed: InstalledMiniApp, sample: SlipRecord) -> str:
    view = _view(installed, sample, Status.CLEARED)
    return render_page(installed, "submission", view=view, is_refused=False, limited="")


def _view(installed: InstalledMiniApp, sample: SlipRecord, status: Status) -> ClearanceView:
    """The clearance page's data with every step in this status that can be: what passes as the sample has it, what does
    not with all that may be wrong.
    """
    shown = show_mini_app(installed)
    values = {field.key: field.value for field in sample.fields}
    person = Person(
        values["student_number"],
        values["name"],
        Role.STUDENT,
        college=values["college"],
        major=values.get("major", ""),
        level=values["level"],
        attributes=values,
    )
    period = installed.settings.period_title
    fields = tuple(
        PrintedField(field.key, field.label, values.get(field.key) or field.get_value(person, period))
        for field in shown.mini_app.fields
    )
    states = make_states(installed.mini_app, status, get_now())
    view = view_clearance(shown, person, fields, states, None)
    printed = {step.key: step.facts for step in _translate(shown.mini_app, sample).steps}
    return replace(
        view,
        steps=tuple(
            replace(step, records=(printed[step.key],), note="") if step.status == Status.CLEARED else step
            for step in view.steps
        ),
    )


def _translate(mini_app: MiniApp, record: SlipRecord) -> SlipRecord:
    """The sample's words in the language of the mini-app; its values stay."""
    return translate_texts(record, mini_app.texts) if mini_app.texts else record


def _list_slips(
    mini_app: MiniApp, sample: SlipRecord
) -> Iterator[tuple[str, Callable[[], tuple[bytes, bytes]]]]:
    yield "slip", partial(_draw, sample)
    for english in mini_app.translations.values():
        words = _translate(english, sample)
        steps = tuple(
            replace(step, status_word=ENGLISH_WORDS.statuses.get(step.status, step.status_word))
            for step in words.steps
        )
        yield "slip-english", partial(_draw, join_languages(sample, replace(words, steps=steps)))


def _draw(record: SlipRecord) -> tuple[bytes, bytes]:
    """The slip as PDF and as picture. Raises MissingCharacters or SlipTooLong."""
    pdf = render_slip_pdf(record, CODE)
    return pdf, render_slip_png(pdf, None)


def _relink(page: str, path: str, name: str, language: Language) -> str:
    """A page whose files and neighbours lie beside it in a folder."""
    page = _STATIC.sub(r'\1="../static/\2"', page)
    other = next((one.code for one in LANGUAGES.values() if one is not language), language.code)
    page = page.replace(f'href="?language={other}"', f'href="../{other}/{name}.html"')
    neighbours = {
        f"/{path}/": "guide",
        f"/{path}/clearance": f"clearance-{Status.OUTSTANDING}",
        f"/{path}/faq": "faq",
        f"/{path}/privacy": "privacy",
        f"/{path}/submission": "submission",
    }
    for address, neighbour in neighbours.items():
        page = page.replace(f'href="{address}"', f'href="{neighbour}.html"')
    return page


def _read_static(app: Flask, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that pages name, as they are served."""
    pages = "".join(content.decode() for name, content in files.items() if name.endswith(".html"))
    names = set(re.findall(r'"\.\./static/([^"]+)"', pages))
    found = {}
    with app.test_request_context("/"):
        for name in sorted(names):
            serve: Callable[..., Any] = app.view_functions["static"]
            response = app.make_response(serve(filename=name))
            response.direct_passthrough = False
            found[f"static/{name}"] = response.get_data()
            response.close()
    return found


def _write_index(mini_app: MiniApp, names: list[str]) -> str:
    links = "".join(
        f'<li><a href="{quote(name)}">{escape(name)}</a></li>'
        for name in names
        if not name.startswith("static/")
    )
    title = escape(mini_app.title)
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><h1>{title}</h1><ul>{links}</ul></html>"
    )
