"""What programs say, in the language of whoever reads it."""

from __future__ import annotations

import json

from flask import Flask, jsonify
from flask.json.provider import DefaultJSONProvider
from markupsafe import escape

from app.web.language import gettext
from app.web.language import lazy_gettext as _l

ENGLISH = {"headers": {"Accept-Language": "en"}}


def test_a_text_is_in_the_language_of_its_request_and_chinese_outside_of_one() -> None:
    assert gettext("离校单") == "离校单"
    with Flask(__name__).test_request_context(**ENGLISH):
        assert gettext("离校单") == "Departure slip"
        assert gettext("%(count)s 秒", count=3) == "3 seconds"


def test_a_text_that_no_catalogue_has_stays_as_it_is() -> None:
    with Flask(__name__).test_request_context(**ENGLISH):
        assert gettext("100% of 此话无人译过") == "100% of 此话无人译过"


def test_a_lazy_text_is_translated_when_it_is_shown_on_a_page_and_in_json() -> None:
    lazy, counted = _l("离校单"), _l("%(count)s 秒", count=3)
    app = Flask(__name__)
    assert isinstance(app.json, DefaultJSONProvider)
    assert (str(lazy), len(lazy)) == ("离校单", 3)
    with app.test_request_context(**ENGLISH):
        assert (str(lazy), str(counted), len(lazy)) == ("Departure slip", "3 seconds", 14)
        assert f"{escape(lazy)}" == "Departure slip"
        assert json.loads(jsonify(told=lazy).get_data()) == {"told": "Departure slip"}
