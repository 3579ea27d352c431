"""Text from outside 外来文本: the one form in which names, colleges and the words of departments are kept."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_REFUSED = frozenset({"Cc", "Cs"})
_MONGOLIAN_VOWEL_SEPARATOR = "\u180e"
_SELECTORS = re.compile("[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_VOWELS_WRITTEN_FIRST = re.compile("[\u0e40-\u0e44\u0ec0-\u0ec4]")
"""Of Thai and Lao; they belong to the consonant behind them."""
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FILLERS = "\u115f\u1160\u3164\uffa0"
"""Of Hangul: letters that nobody sees."""


class ControlCharacter(ValueError):
    """A text holds a control character or half of a character. The message never holds the text."""


def clean_text(text: str) -> str:
    """A text as it is kept: NFC, every run of spaces and line ends one space, none at the ends, and without
    characters that nobody sees (category Cf, variation selectors). Private and new characters stay: whether
    a font has them is a question of printing. A text that is clean comes back as it is.

    Raises ControlCharacter for what is left of the categories Cc and Cs (Unicode 15, section 4.5).
    """
    folded = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if folded.isascii() and folded.isprintable():
        return folded
    if any(unicodedata.category(sign) in _REFUSED for sign in folded):
        raise ControlCharacter("a control character")
    seen = "".join(sign for sign in folded if not _is_invisible(sign))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", _VARIATION_SELECTORS.sub("", seen))).strip()


def is_same_word(text: str, other: str) -> bool:
    """Whether two texts that were cleaned are the same word: width, case and spaces within make no other one."""
    return text == other or _fold_word(text) == _fold_word(other)


def _fold_word(text: str) -> str:
    return _SPACES.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _is_invisible(sign: str) -> bool:
    is_format = unicodedata.category(sign) == "Cf" and sign != _MONGOLIAN_VOWEL_SEPARATOR
    return is_format or sign in _FILLERS


def is_invisible(character: str) -> bool:
    """Whether nobody sees the character by itself: it only chooses a form of its neighbour or joins others."""
    return unicodedata.category(character) == "Cf" or _SELECTORS.match(character) is not None


def split_letters(text: str) -> list[str]:
    """Each character with the marks and the invisible characters that belong to it: what a reader takes for one."""
    letters: list[str] = []
    for character in text:
        if letters and (
            unicodedata.category(character)[0] == "M"
            or is_invisible(character)
            or _VOWELS_WRITTEN_FIRST.fullmatch(letters[-1])
        ):
            letters[-1] += character
        else:
            letters.append(character)
    return letters
