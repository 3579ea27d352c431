"""A mini-app in another language: `en.toml` in its folder has a translation for each Chinese text of the manifest,
and of the folder's own pages, which mark theirs as `mini_app.say("...")`. Every fault is named. A folder without the file
is shown as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from app.config_model import Section
from app.domain.mini_app import MiniApp
from app.domain.step import VALUE
from app.mini_apps.files import Unreadable, read_toml
from app.mini_apps.pages import list_page_texts

Thing = TypeVar("Thing")

LANGUAGES = ("en",)
NEVER_SHOWN = frozenset({"rule", "of", "where", "where_not", "values"})
"""A step's rule and its special offices compare what departments answer, and conditions what the sign-in tells: no text
for people.
"""
FIRST_CHINESE = "\u2e80"


def is_chinese(text: str) -> bool:
    """Whether a text holds a Chinese character or sign."""
    return any(letter >= FIRST_CHINESE for letter in text)


def translate_mini_app(folder: Path, mini_app: MiniApp, faults: list[str]) -> MiniApp:
    """The mini-app with itself in each other language. What is wrong with a translation goes to `faults`."""
    translations = {}
    for language in LANGUAGES:
        name = f"{language}.toml"
        texts = _read_texts(folder / name, faults) if (folder / name).exists() else None
        if texts is None:
            continue
        translator = _Translator(texts)
        translated = translator.translate(mini_app)
        translations[language] = translated.model_copy(update={"texts": texts})
        for text in list_page_texts(folder):
            translator.translate(text)
        faults += [f"{name} lacks {text}" for text in translator.missing]
        faults += [
            f"{name} has {text}, which the mini-app does not say"
            for text in texts
            if text not in translator.used
        ]
        faults += [
            f"{name} has {link} for an online system, which no translated text of {step.key} names so"
            for step in translated.steps
            for link in step.list_unnamed_links()
        ]
        faults += [
            f"{name} has {text} with {VALUE} on one side only"
            for text, put in texts.items()
            if (VALUE in text) != (VALUE in put)
        ]
    return mini_app.model_copy(update={"translations": translations})


def translate_texts(thing: Thing, texts: Mapping[str, str]) -> Thing:
    """The same with those of its texts translated that have a translation."""
    translated: Thing = _Translator(texts).translate(thing)
    return translated


def _read_texts(path: Path, faults: list[str]) -> Mapping[str, str] | None:
    try:
        texts = read_toml(path)
    except Unreadable as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return None
    faults += [f"{path.name}: {text} is no text" for text, put in texts.items() if not isinstance(put, str)]
    return {text: put for text, put in texts.items() if isinstance(put, str)}


class _Translator:
    """Puts translations in the place of texts; notes which it used and which it lacks."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self.used: set[str] = set()
        self.missing: dict[str, None] = {}

    def translate(self, thing: Any) -> Any:
        """The same with every Chinese text in it translated."""
        if isinstance(thing, str):
            return self._translate_text(thing) if is_chinese(thing) else thing
        if isinstance(thing, tuple):
            return tuple(self.translate(part) for part in thing)
        if isinstance(thing, Mapping):
            return {key: self.translate(value) for key, value in thing.items()}
        if isinstance(thing, Section):
            parts = {name: self.translate(part) for name, part in thing if name not in NEVER_SHOWN}
            return thing.model_copy(update=parts)
        if is_dataclass(thing) and not isinstance(thing, type):
            parts = {field.name: self.translate(getattr(thing, field.name)) for field in fields(thing)}
            return replace(thing, **parts)
        return thing

    def _translate_text(self, text: str) -> str:
        if text not in self._texts:
            self.missing[text] = None
            return text
        self.used.add(text)
        return self._texts[text]
