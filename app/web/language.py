"""The language of a page: the one that was chosen here before, else what the browser prefers, else Chinese.

`?language=en` at any address chooses a language: it is remembered in a cookie, and the answer leads to the same
address without it. So the switch needs neither script nor session, and never leads anywhere else. No page
repeats the arguments of its address for it: the browser says itself which page it comes from.

Catalogues are read as translators write them: nothing is compiled, so nothing can be out of date. There is one Jinja
environment for each language, in whose templates `_("...")` and `{% trans %}` are translated when a template is
compiled, not at every page. Any other text than one that the template itself writes is an error: `gettext` is undefined.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, current_app, g, has_request_context, redirect, request
from flask.typing import ResponseReturnValue
from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header, parse_set_header

from app.services.installation import InstalledMiniApp
from app.web.page_context import find_page_above, get_header, get_installation

FOLDER = Path(__file__).resolve().parent.parent / "translations"
ARGUMENT = "language"
COOKIE = "language"
_PRINTED_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?")
_DAY_LENGTH = len("2026-06-01")
REMEMBERED_SECONDS = 365 * 24 * 3600
JINJA_OPTIONS: Mapping[str, Any] = {
    "trim_blocks": True,
    "lstrip_blocks": True,
    "extensions": ["jinja2.ext.i18n"],
}
"""How our templates are written."""


@dataclass(frozen=True, slots=True)
class Language:
    """`code` is that of HTML and HTTP, `locale` Babel's, `title` what its speakers call it, and `day` and `moment` how
    they write a day and a moment (Unicode's date format).
    """

    code: str
    locale: str
    title: str
    day: str
    moment: str


CHINESE = Language("zh-CN", "zh_CN", "中文", "y年M月d日", "y年M月d日 HH:mm")
ENGLISH = Language("en", "en_GB", "English", "d MMM y", "d MMM y, HH:mm")
LANGUAGES = {language.code: language for language in (CHINESE, ENGLISH)}


class LazyText:
    """A text of the programs, with its values, that is translated when it is shown."""

    __slots__ = ("_text", "_values")

    def __init__(self, text: str, values: Mapping[str, object]) -> None:
        self._text, self._values = text, values

    def __str__(self) -> str:
        return gettext(self._text, **self._values)

    def __len__(self) -> int:
        return len(str(self))

    def __html__(self) -> str:
        # By this name Flask's JSON knows what it may write as a text, too.
        return str(self)


def lazy_gettext(text: str, **values: object) -> Any:
    """As `gettext`, to be translated when it is shown. It stands where a str does."""
    return LazyText(text, values)


def gettext(text: str, **values: object) -> str:
    """A text of the programs in the language of this request, with values in the places of `%(name)s`."""
    translated: str = read_catalogue(get_language()).gettext(text)
    return translated % values if values else translated


@cache
def read_catalogue(language: Language) -> NullTranslations:
    """The translations into a language. What the programs say is written in Chinese, which needs none."""
    if language is CHINESE:
        return NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / language.code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.code))
    compiled.seek(0)
    return Translations(compiled)


def register_languages(app: Flask) -> None:
    """Give each page its language, and each template the way to the other."""
    app.before_request(_switch)
    app.after_request(_vary)
    app.context_processor(_describe_language)
    app.jinja_env.globals |= {
        "get_support": get_support,
        "get_title": get_title,
        "show_day": show_day,
        "show_moment": show_moment,
    }
    app.jinja_env.filters |= {
        "localized": localized,
        "moment": show_moment,
        "printed_time": show_printed_time,
    }


def get_language() -> Language:
    """The language of this request; Chinese outside of one."""
    if not has_request_context():
        return CHINESE
    language: Language | None = g.get("language")
    if language is None:
        remembered = request.cookies.get(COOKIE, "")
        language = g.language = LANGUAGES.get(remembered) or choose_language(get_header("Accept-Language"))
    return language


def show_day(day: date) -> str:
    """A day as it is written in the language of this request: 2026年6月1日, 1 Jun 2026."""
    return _format_day(get_language(), day)


@lru_cache(maxsize=64)
def _format_day(language: Language, day: date) -> str:
    return format_date(day, language.day, language.locale)


def show_moment(moment: datetime) -> str:
    """A moment on the service's wall clock, as it is written in the language of this request: 2026年6月1日 14:30,
    1 Jun 2026, 14:30.
    """
    time_zone = get_installation().settings.service.time_zone
    return _format_minute(get_language(), time_zone, moment.replace(second=0, microsecond=0))


@lru_cache(maxsize=64)
def _format_minute(language: Language, time_zone: tzinfo | None, minute: datetime) -> str:
    return format_datetime(minute, language.moment, time_zone, language.locale)


def show_printed_time(text: str) -> str:
    """A text of a slip: a day or a moment that is printed as in ISO 8601 is shown like every other on our pages."""
    if not _PRINTED_TIME.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    language = get_language()
    if len(text) == _DAY_LENGTH:
        return _format_day(language, moment.date())
    return _format_minute(language, None, moment.replace(second=0))


def localized(text: str) -> str:
    """A configured name, or a word from a department, in the language of this request if it is configured in it."""
    return get_installation().settings.english.get(text, text) if get_language() is ENGLISH else text


def get_support() -> str:
    """Whom people ask for help, in the language of this request."""
    return localized(get_installation().settings.service.support)


def show_mini_app(installed: InstalledMiniApp) -> InstalledMiniApp:
    """A mini-app as it is shown in the language of this request."""
    return _translate(installed.unbound or installed, get_language())


def get_title(app_path: str) -> str:
    """The title of the mini-app at this address, in the language of this request."""
    return show_mini_app(get_installation().get_mini_app(app_path)).mini_app.title


@lru_cache(maxsize=16)
def _translate(installed: InstalledMiniApp, language: Language) -> InstalledMiniApp:
    return replace(installed, mini_app=installed.mini_app.in_language(language.code))


@lru_cache(maxsize=256)
def choose_language(accepted: str) -> Language:
    """The language for a browser that remembers none and sent this `Accept-Language`."""
    preferred = parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES)
    return LANGUAGES[preferred or CHINESE.code]


def _switch() -> ResponseReturnValue | None:
    code = request.args.get(ARGUMENT, "")
    if request.method not in ("GET", "HEAD") or code not in LANGUAGES:
        return None
    response = current_app.make_response(redirect(_find_way_back()))
    response.set_cookie(
        COOKIE,
        code,
        max_age=REMEMBERED_SECONDS,
        path="/",
        secure=get_installation().settings.service.is_https,
        httponly=True,
        samesite="Lax",
    )
    return response


def _find_way_back() -> str:
    """This address, with the arguments of the page whose switch was used."""
    # A path that begins with two slashes would lead to another host.
    path = "/" + quote(request.path).lstrip("/")
    page, _, query = request.headers.get("Referer", "").partition("?")
    if page.partition("://")[2] != f"{request.host}{path}":
        return path
    arguments = [(name, value) for name, value in parse_qsl(query) if name != ARGUMENT]
    return f"{path}?{urlencode(arguments)}" if arguments else path


def _vary(response: Response) -> Response:
    if "language" in g:
        response.headers["Vary"] = _add_language(response.headers.get("Vary", ""))
    return response


@lru_cache(maxsize=16)
def _add_language(vary: str) -> str:
    """A `Vary` of ours, with what the language depends on."""
    names = parse_set_header(vary)
    names.update(("Accept-Language", "Cookie"))
    return names.to_header()


def _describe_language() -> dict[str, Any]:
    language = get_language()
    other = ENGLISH if language is CHINESE else CHINESE
    service = get_installation().settings.service
    return {
        "language": language,
        "other_language": other,
        "other_language_url": _make_address(other),
        "university": localized(service.university),
        "support": get_support(),
        "support_qq": service.support_qq,
    }


def _make_address(language: Language) -> str:
    """Where this page is shown in the language. After a form, it is the page that the form came from."""
    page = quote(request.path) if request.method in ("GET", "HEAD") else find_page_above(request.path)
    return f"{'' if page == quote(request.path) else page}?{ARGUMENT}={language.code}"


GETTEXT = ("_", "gettext")


class _TextFolder(NodeTransformer):
    """Puts translations in the place of calls of gettext with a literal text. They mean what Jinja's newstyle gettext
    does: the text is HTML, `%(name)s` is the escaped value of that name, and `%%` is a percent sign.
    """

    def __init__(self, catalogue: NullTranslations) -> None:
        self._catalogue = catalogue

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """The call, or what it would return."""
        self.generic_visit(node)
        is_gettext = isinstance(node.node, nodes.Name) and node.node.name in GETTEXT
        if not (is_gettext and len(node.args) == 1 and isinstance(node.args[0], nodes.Const)):
            return node
        text = self._catalogue.gettext(node.args[0].value)
        values = [nodes.Pair(nodes.Const(each.key), each.value) for each in node.kwargs]
        folded: nodes.Expr = nodes.MarkSafe(nodes.Const(text if values else text % {}))
        if values:
            folded = nodes.Mod(folded, nodes.Dict(values))
        return folded.set_lineno(node.lineno)


class _FoldingGenerator(CodeGenerator):
    """Jinja's, for a template whose texts are folded in first."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        """The whole template's code."""
        folder = _TextFolder(cast("Any", self.environment).catalogue)
        super().visit_Template(folder.visit(node), frame)


def fold_texts(environment: Environment, catalogue: NullTranslations) -> None:
    """Have each template that the environment compiles from now on translated by the catalogue. The environment has
    Jinja's extension i18n.
    """
    environment.extend(catalogue=catalogue)
    cast("Any", environment).newstyle_gettext = True
    environment.code_generator_class = _FoldingGenerator


def register_templates(app: Flask) -> None:
    """Make the environments. What is added to the app's own later on is theirs, too, unless it is a loader."""
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    environments = {language: app.jinja_env.overlay() for language in LANGUAGES.values()}
    for language, environment in environments.items():
        fold_texts(environment, read_catalogue(language))
        # A chain of maps, as Jinja makes it, is walked name by name for each template that a page imports.
        environment.make_globals = partial(_merge_globals, environment)  # type: ignore[method-assign]
    app.extensions["page_environments"] = environments


def _merge_globals(environment: Environment, own: MutableMapping[str, Any] | None) -> dict[str, Any]:
    return {**environment.globals, **(own or {})}


def render_template(name: str, /, **data: object) -> str:
    """The page of this name, in the language of this request."""
    environments = cast("dict[Language, Environment]", current_app.extensions["page_environments"])
    template = environments[get_language()].get_template(name)
    context: dict[str, Any] = dict(data)
    current_app.update_template_context(context)
    return template.render(context)
