"""No tampered, foreign or garbled text passes as a slip's code; with a guard taken off, some would.

`make soak` changes sixty codes in every place, `make test` six of them, with each key and each kind of name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import slip_code
from app.domain.slip_code import Verdict, check_slip_code
from app.domain.texts import fold_code
from tests.vectors.make_broken_codes import ARABIC, FULL_WIDTH
from tests.vectors.slip_code_forge import HOST, RING, forge, get_test_key

TODAY = date(2026, 6, 21)
NAMES = ("", "张*", "欧阳***", "𠮷**", "M****")
LIVE_KIDS = (1, 2, 255)


def make_code(seed: int) -> str:
    """One of the sixty codes: random slip id, digest and index, each kind of name, each live key."""
    source = random.Random(seed)
    return forge(
        kid=LIVE_KIDS[seed % 3],
        slip_id=source.randbytes(10),
        digest=source.randbytes(16),
        status_index=source.randrange(2**17),
        name=NAMES[seed % 5].encode(),
    )


def flip_bits(text: str) -> Iterator[str]:
    """Every text whose number differs in one bit of body or signature."""
    number = int(text)
    return (str(number ^ 1 << place) for place in range(number.bit_length()))


def change_digits(text: str) -> Iterator[str]:
    """Every text with one other digit."""
    for place, old in enumerate(text):
        for new in "0123456789".replace(old, ""):
            yield text[:place] + new + text[place + 1 :]


def swap_digits(text: str) -> Iterator[str]:
    """Every text with two different neighbours swapped."""
    for place in range(len(text) - 1):
        first, second = text[place : place + 2]
        if first != second:
            yield text[:place] + second + first + text[place + 2 :]


def count_accepted(texts: Iterator[str]) -> tuple[int, int]:
    """How many texts were tried, and how many showed a code as signed."""
    checks = [check_slip_code(text, HOST, RING, TODAY).code is not None for text in texts]
    return len(checks), sum(checks)


@pytest.fixture
def forget_checked_codes() -> Iterator[None]:
    """What a weakened verifier believed is not remembered."""
    slip_code._require_signature.cache_clear()
    yield
    slip_code._require_signature.cache_clear()


def check_changes(text: str) -> None:
    """Nothing is accepted that differs from a code in one bit, in one digit, or in the order of two."""
    assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.VALID

    flipped, flips_accepted = count_accepted(flip_bits(text))
    changed, changes_accepted = count_accepted(change_digits(text))
    swapped, swaps_accepted = count_accepted(swap_digits(text))

    assert (flips_accepted, changes_accepted, swaps_accepted) == (0, 0, 0)
    assert flipped > 830
    assert changed == 9 * len(text)
    assert swapped > 150


@pytest.mark.parametrize("seed", range(6))
def test_no_flipped_bit_and_no_changed_or_swapped_digit_is_accepted(seed: int) -> None:
    check_changes(make_code(seed))


def test_a_verifier_that_skips_the_signature_accepts_flipped_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slip_code, "_require_signature", lambda *_: None)

    assert count_accepted(flip_bits(make_code(0)))[1] > 600


def test_a_code_of_another_host_is_refused() -> None:
    assert check_slip_code(forge("other.example"), HOST, RING, TODAY).verdict is Verdict.BAD_SIGNATURE


@pytest.mark.usefixtures("forget_checked_codes")
def test_a_verifier_that_does_not_sign_the_host_accepts_a_foreign_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slip_code, "_get_signed_message", lambda body, _host: body)
    text = slip_code.sign_slip_code(
        slip_code.parse_slip_code(forge()).code, "other.example", get_test_key("1")
    )

    assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.VALID


@pytest.mark.parametrize("digits", [FULL_WIDTH, ARABIC], ids=["full-width", "arabic"])
def test_digits_of_other_scripts_are_malformed(digits: dict[int, int]) -> None:
    assert check_slip_code(forge().translate(digits), HOST, RING, TODAY).verdict is Verdict.MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        forge().translate(FULL_WIDTH),
        forge().translate(ARABIC),
        "0" + forge(),
        "+" + forge(),
        f" {forge()}\n",
        f"{int(forge()):_}",
    ],
    ids=["full-width", "arabic", "zero", "plus", "spaces", "underscores"],
)
def test_a_verifier_without_the_regular_expression_accepts_other_spellings(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.MALFORMED
    monkeypatch.setattr(slip_code, "_DIGITS", re.compile(".*", re.DOTALL))

    assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.VALID


def test_a_million_digits_are_malformed() -> None:
    assert check_slip_code("1" * 1_000_000, HOST, RING, TODAY).verdict is Verdict.MALFORMED


def test_a_verifier_without_the_regular_expression_breaks_on_a_million_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slip_code, "_DIGITS", re.compile(".*", re.DOTALL))

    with pytest.raises(ValueError, match="integer string conversion"):
        check_slip_code("1" * 1_000_000, HOST, RING, TODAY)


GOOD = forge()
ANY_DIGIT = st.characters(categories=["Nd", "Nl", "No"])
NOISE = st.text(
    st.one_of(st.sampled_from("+-_ .,\0\n\r\t%eExXn/"), ANY_DIGIT, st.characters()), min_size=1, max_size=9
)
GARBAGE = st.one_of(
    st.text(max_size=400),
    st.text(ANY_DIGIT, min_size=240, max_size=290),
    st.integers(10**250, 10**275).map(str),
    st.integers(256**104, 2 * 256**113).map(str),
    st.integers(0, 10**4000).map(lambda number: "9" * 600 + str(number)),
    st.tuples(st.integers(0, len(GOOD)), NOISE).map(lambda at: GOOD[: at[0]] + at[1] + GOOD[at[0] :]),
    st.tuples(st.integers(0, len(GOOD) - 1), NOISE).map(lambda at: GOOD[: at[0]] + at[1] + GOOD[at[0] + 1 :]),
    st.integers(0, len(GOOD) - 1).map(lambda at: f"{GOOD[:at]}%3{GOOD[at:]}"),
)


def spoil(source: random.Random, text: str) -> str:
    """One of the ways in which a code's text is garbled on its way."""
    place = source.randrange(len(text))
    return source.choice(
        (
            lambda: text[:place],
            lambda: text[:place] + source.choice("+-_ .,eExX\0\n/%&#'\"<;\u200b") + text[place:],
            lambda: source.choice(("+", "-", " ", "0", "00", "0x", "\ufeff")) + text,
            lambda: (
                text[:place]
                + chr(source.choice((0xFF10, 0x0660, 0x0966, 0x1D7CE)) + int(text[place]))
                + text[place + 1 :]
            ),
            lambda: "".join(f"%{ord(character):02x}" for character in text[: place or 1]),
            lambda: str(source.getrandbits(source.randrange(1, 4000))),
            lambda: "".join(chr(source.randrange(0x20, 0xD7FF)) for _ in range(source.randrange(300))),
            lambda: "9" * source.choice((4_299, 4_301, 100_000)),
        )
    )()


def test_none_of_twenty_thousand_garbled_texts_is_accepted_or_breaks_the_check() -> None:
    source = random.Random(20260621)
    codes = [make_code(seed) for seed in range(60)]
    texts = (spoil(source, codes[number % 60]) for number in range(20_000))
    assert count_accepted(texts) == (20_000, 0)


@settings(max_examples=1500, deadline=None)
@given(text=GARBAGE.filter(lambda text: text != GOOD))
def test_garbage_is_never_accepted_and_never_breaks_the_check(text: str) -> None:
    assert check_slip_code(text, HOST, RING, TODAY).code is None


@settings(max_examples=500, deadline=None)
@given(text=st.one_of(st.text(max_size=80), NOISE.map(lambda noise: "0123456789ABCDE" + noise)))
def test_a_typed_text_is_sixteen_crockford_characters_or_malformed(text: str) -> None:
    try:
        slip_id = slip_code.parse_short_code(text)
    except slip_code.MalformedCode:
        return
    assert slip_code.format_short_code(slip_id) == fold_code(text)
