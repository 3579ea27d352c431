"""Texts that are folded into a template when it is compiled."""

from __future__ import annotations

import pytest
from babel.support import NullTranslations
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError

from app.web.language import fold_texts

TEXTS = {"离校单": "Departure <b>slip</b>", "%(count)s项": "%(count)s items", "全部 100%%": "all 100%%"}


class Catalogue(NullTranslations):
    """Knows these texts, and counts how often it is asked."""

    asked = 0

    def gettext(self, message: str) -> str:
        self.asked += 1
        return TEXTS.get(message, message)


def render(text: str, *, folds: bool = True, **data: object) -> str:
    """The template's page; when its texts are folded in, to render it asks for none."""
    loader = DictLoader({"page.html": text})
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.add_extension("jinja2.ext.i18n")
    catalogue = Catalogue()
    if folds:
        fold_texts(environment, catalogue)
    else:
        environment.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)  # type: ignore[attr-defined]
    template = environment.get_template("page.html")
    asked = catalogue.asked
    page = template.render(data)
    assert (catalogue.asked == asked) is folds
    return page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<h1>{{ _("离校单") }}</h1>', "<h1>Departure <b>slip</b></h1>"),
        ('{{ gettext("没有译文") }}', "没有译文"),
        ('{{ _("%(count)s项", count=name) }}', "&lt;b&gt; items"),
        ("{% trans %}全部 100%{% endtrans %}", "all 100%"),
        ("{% trans count=name %}{{ count }}项{% endtrans %}", "&lt;b&gt; items"),
        ("{% trans %}{{ name }}，{{ name }}{% endtrans %}", "&lt;b&gt;，&lt;b&gt;"),
        ('{{ [_("离校单"), name] | join(_("，")) }}', "Departure <b>slip</b>，&lt;b&gt;"),
        ('{% macro say(text) %}{{ text }}{% endmacro %}{{ say(_("离校单")) }}', "Departure <b>slip</b>"),
        ('{% for _ in "ab" %}{{ _ }}{% endfor %}{{ _("离校单") if name }}', "abDeparture <b>slip</b>"),
    ],
)
def test_a_folded_text_means_what_jinjas_gettext_does(text: str, expected: str) -> None:
    assert render(text, name="<b>") == render(text, folds=False, name="<b>") == expected


def test_a_name_that_a_folded_text_gets_wrong_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nmae"):
        render("{% trans %}{{ nmae }}项{% endtrans %}")


def test_a_text_that_is_not_written_in_the_template_is_an_error() -> None:
    assert render("{{ _(name) }}", folds=False, name="离校单") == "Departure <b>slip</b>"
    with pytest.raises(UndefinedError, match="gettext"):
        render("{{ _(name) }}", name="离校单")
