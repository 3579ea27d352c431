"""What an installation's slips say in place of the manifest's words: the statement, and the office that issues them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.domain.mini_app import MiniApp
from app.mini_apps.translation import is_chinese


def put_own_words(mini_app: MiniApp, own: Mapping[str, str], english: Mapping[str, str]) -> MiniApp:
    """The mini-app and its translations with these texts of the slip by key; empty ones replace nothing."""
    put = {key: text for key, text in own.items() if text}
    translations = {
        language: _replace_words(translated, {key: english.get(text, text) for key, text in put.items()})
        for language, translated in mini_app.translations.items()
    }
    return _replace_words(mini_app, put).model_copy(update={"translations": translations})


def list_untranslated(mini_app: MiniApp, own: Mapping[str, str], english: Mapping[str, str]) -> Iterator[str]:
    """The keys of texts that a slip in both languages would have in Chinese alone."""
    if mini_app.translations:
        yield from (key for key, text in own.items() if is_chinese(text) and text not in english)


def _replace_words(mini_app: MiniApp, words: Mapping[str, str]) -> MiniApp:
    return mini_app.model_copy(update={"slip": mini_app.slip.model_copy(update=dict(words))})
