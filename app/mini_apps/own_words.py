"""What an installation says in place of the manifest's words: the statement of its slips, the office that issues them, and
what it means that a department has no record of a student.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.domain.clearance import Status
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


def let_fail_without_record(
    mini_app: MiniApp, said: Mapping[str, str], english: Mapping[str, str]
) -> MiniApp:
    """The mini-app and its translations where these steps do not pass without a record; `said` has the sentence of each."""
    put = {
        language: {key: english.get(text, text) for key, text in said.items()}
        for language in mini_app.translations
    }
    translations = {
        language: _let_fail(translated, put[language])
        for language, translated in mini_app.translations.items()
    }
    return _let_fail(mini_app, said).model_copy(update={"translations": translations})


def _let_fail(mini_app: MiniApp, said: Mapping[str, str]) -> MiniApp:
    steps = tuple(
        step.model_copy(update={"no_record": Status.OUTSTANDING, "no_record_says": said[step.key]})
        if step.key in said
        else step
        for step in mini_app.steps
    )
    return mini_app.model_copy(update={"steps": steps})


def list_untranslated(mini_app: MiniApp, own: Mapping[str, str], english: Mapping[str, str]) -> Iterator[str]:
    """The keys of texts that a slip in both languages would have in Chinese alone."""
    if mini_app.translations:
        yield from (key for key, text in own.items() if is_chinese(text) and text not in english)


def _replace_words(mini_app: MiniApp, words: Mapping[str, str]) -> MiniApp:
    return mini_app.model_copy(update={"slip": mini_app.slip.model_copy(update=dict(words))})
