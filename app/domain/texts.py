"""Text from outside 外来文本: the one form in which names, colleges and the words of departments are kept, and the one in
which names and codes typed from paper 手工输入 are compared.

Keyboards and input methods write one sign in many ways: full-width letters, dots and apostrophes of a dozen kinds,
look-alikes of other scripts. None of that makes another name or another code.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

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


_NOT_SPOKEN = frozenset("PZS")
"""Punctuation, separators and symbols (Unicode 15, section 4.5): dots, apostrophes, hyphens and spaces of any kind."""
_LETTERS_LIKE_APOSTROPHES = frozenset(
    "\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\ua78c\u119e\u318d\u1427\ua78f"
)
"""Modifier letters that stand for an apostrophe, and letters that stand for a dot."""

_RADICALS = str.maketrans(
    "⺁⺒⺓⺝⺠⺩⺪⺬⺮⺻⺼⻁⻄⻅⻆⻉⻋⻑⻒⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻫⻬⻮⻰⻱",
    "厂巳幺月民王疋示竹聿肉虎西见角贝车長镸长门青韦页风飞食马骨鬼鱼鸟麦黄斉齐齿龙龟",
)
"""Radicals of the supplement U+2E80 that input methods and PDF readers give for the character; NFKC leaves them."""

_STROKED = str.maketrans("łøđıħŧ", "lodiht")
"""Letters whose stroke or missing dot Unicode does not take apart."""

_LOOK_ALIKES = {
    "А": "A", "В": "B", "Е": "E", "Ё": "E", "З": "3", "І": "1", "Ј": "J", "К": "K", "М": "M", "Н": "H", "О": "0",
    "Р": "P", "Ѕ": "S", "С": "C", "Т": "T", "У": "Y", "Х": "X", "Ԛ": "Q", "Ԝ": "W",
    "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "1", "Κ": "K", "Μ": "M", "Ν": "N", "Ο": "0", "Ρ": "P",
    "Τ": "T", "Υ": "Y", "Χ": "X", "I": "1", "L": "1", "O": "0", "〇": "0", "○": "0",
}  # fmt: skip
_FOLDED = str.maketrans(_LOOK_ALIKES)
_MARKS = frozenset("\"'`.,:;_、。·“”‘’「」『』《》<>()[]{}")
"""Marks that are typed or pasted around a code, by compatibility form."""
_LABEL, _ENGLISH_LABEL = "核验码", "CODE"
_CODE_LENGTH = 16
_DASHES = frozenset("\u2212\u30fc\u4e00\u2500\u2501")
"""Signs that are typed for a hyphen and are none to Unicode: minus, 长音, 一, box lines."""

_DIGITS = re.compile(r"[0-9]+(?: [0-9]+)*", re.ASCII)
"""Digits, in pieces where spaces or line ends stand between them."""
LEAST_DIGITS, WHOLE_DIGITS, MOST_DIGITS = 100, 251, 275
"""More in a row than anything else has that stands beside a code; and how many a whole code has (domain/slip_code.py)."""
_NOT_ADDRESS = re.compile(r"[^!-~]")
_LETTER_OR_DIGIT = re.compile(r"[a-z0-9]")
_SCHEME = re.compile(r"^(.*)https?:/+|^[^a-z0-9]+")
_OTHER_HOST = re.compile(r":/|script:|\.[a-z]{2,}(:[0-9]+)?[/?#]")
_TYPED_FOR_ADDRESS = str.maketrans("、。", "/.")
"""What a scanner's slash and full stop become while a Chinese input method is on."""
_MOST_DECODED = 3
"""How often an address is written into another one."""


class ForeignAddress(ValueError):
    """The digits stand in the address of another host."""


class SeveralDigits(ValueError):
    """The digits of two different codes stand in one text."""


def find_digits(text: str, base_url: str, path: str = "/v/") -> str:
    """The digits of a QR in an address or a text as it was pasted or scanned: in full width, in capitals, with percent
    signs (RFC 3986, 2.1), broken into lines, with something before or behind them, once or several times; or "".
    Nothing is opened. app/static/gate-text.js reads by the same rule.

    Raises ForeignAddress for an address that is not below this `path` of `base_url`, whatever its scheme: another host can show what
    it likes. Else raises SeveralDigits for digits of two kinds.
    """
    if text.isascii() and text.isdigit():  # as a camera opens it: nothing to look for
        return text if len(text) >= LEAST_DIGITS else ""
    folded = fold_scanned(text)
    own = f"{_SCHEME.sub('', base_url.lower())}{path}"
    codes: set[str] = set()
    behind = 0
    for found in _DIGITS.finditer(folded):
        codes_here = _split_codes(found[0].split())
        if codes_here and _is_foreign(folded[behind : found.start()], own):
            raise ForeignAddress
        codes.update(codes_here)
        behind = found.end() if codes_here else behind
    if len(codes) > 1:
        raise SeveralDigits
    return codes.pop() if codes else ""


def fold_scanned(text: str) -> str:
    """What was scanned or pasted without percent signs and full width, every run of what nobody sees one space."""
    for _ in range(_MOST_DECODED):
        text = unquote(text)
    signs = (" " if _is_unseen(sign) else sign for sign in unicodedata.normalize("NFKC", text))
    return _SPACES.sub(" ", "".join(signs))


def _split_codes(pieces: list[str]) -> list[str]:
    """The codes in pieces of digits: a piece that is long enough is one by itself, the others are put together for as
    long as they can be one. What is too short for one is left out.
    """
    codes = [""]
    for piece in pieces:
        if len(piece) >= WHOLE_DIGITS:
            codes += [piece, ""]
        elif len(codes[-1]) + len(piece) > MOST_DIGITS:
            codes.append(piece)
        else:
            codes[-1] += piece
    return [code for code in codes if len(code) >= LEAST_DIGITS]


def _is_foreign(before: str, own: str) -> bool:
    """Whether the text before digits ends in an address, and that is not the `own` one."""
    typed = before.replace(" ", "").translate(_TYPED_FOR_ADDRESS).lower()
    address = _NOT_ADDRESS.split(typed)[-1]
    if "/" not in address or not _LETTER_OR_DIGIT.search(address):
        return False
    scheme = _SCHEME.match(address)
    is_inside = scheme is not None and _OTHER_HOST.search(scheme[1] or "") is not None
    return is_inside or _SCHEME.sub("", address) != own


def fold_name(name: str) -> str:
    """The letters and digits of a name, by compatibility form (NFKC: full-width letters, Kangxi radicals) and without
    case. Empty for a text with a control character, which is nobody's name.
    """
    try:
        cleaned = clean_text(name)
    except ControlCharacter:
        return ""
    # NFKC would make a free-standing accent (´) into a space and one that combines.
    without_accents = "".join(sign for sign in cleaned if unicodedata.category(sign) != "Sk")
    folded = unicodedata.normalize("NFKC", without_accents).casefold()
    folded = unicodedata.normalize("NFKC", folded).translate(_RADICALS)
    return "".join(sign for sign in folded if _is_spoken(sign))


def fold_accents(name: str) -> str:
    """The base letters of a name that `fold_name` made: without tones, accents, strokes and dots of letters."""
    parts = unicodedata.normalize("NFKD", name.translate(_STROKED))
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def fold_code(text: str) -> str:
    """A short code as it is printed, without its spaces: capital letters and digits, of full width or not, O for 0
    and I or L for 1, look-alikes of Greek and Cyrillic, no spaces, line ends, hyphens or dashes of any kind, no marks
    or quotes, nor the label that is printed before it. What is none of those stays, for somebody to look at.
    """
    kept = [sign for sign in unicodedata.normalize("NFKC", text) if not _is_between(sign)]
    code = "".join(kept).upper().removeprefix(_LABEL)
    if len(code) == _CODE_LENGTH + len(_ENGLISH_LABEL):  # a code of its own may begin so
        code = code.removeprefix(_ENGLISH_LABEL)
    return code.translate(_FOLDED)


def group_code(code: str) -> str:
    """A code in groups of four, as it is printed."""
    return " ".join(code[place : place + 4] for place in range(0, len(code), 4))


def _is_spoken(sign: str) -> bool:
    return unicodedata.category(sign)[0] not in _NOT_SPOKEN and sign not in _LETTERS_LIKE_APOSTROPHES


def _is_between(sign: str) -> bool:
    return _is_unseen(sign) or unicodedata.category(sign) == "Pd" or sign in _DASHES or sign in _MARKS


def _is_unseen(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category[0] == "Z" or category in ("Cc", "Cf")
