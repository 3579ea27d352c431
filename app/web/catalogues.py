"""Catalogues of translations, read as translators write them: nothing is compiled, so nothing can be out of date."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale

FOLDER = Path(__file__).resolve().parent.parent / "translations"
SOURCE_LANGUAGE = "zh"


class Catalogues(Domain):  # type: ignore[misc]  # Flask-Babel has no types
    """Flask-Babel's translations from `translations/<language>/LC_MESSAGES/messages.po`. What the programs say
    is written in Chinese, which needs none.
    """

    def get_translations(self) -> NullTranslations:
        """The translations into the language of this request."""
        locale = get_locale()
        return read_catalogue(locale.language if locale else SOURCE_LANGUAGE)


@cache
def read_catalogue(language: str) -> NullTranslations:
    """The catalogue of a language, as gettext looks things up in it."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
