"""Which characters a text may have, and what is left of a stranger's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.text import cleaned, first_unfit, quoted

FIT = [
    "Speedrun — any %, ¿qué? №5",
    "日本語 한국어 العربية עברית ไทย हिन्दी",
    "é as two: e\u0301",
    "❤️ ☎︎ 1️⃣ ©️",
    "👩🏽‍🚀 👨‍👩‍👧 🏳️‍🌈 ❤️‍🔥 🫨 🇪🇺",
    "wide\u3000space and\u00a0hard one",
]
UNFIT = {
    "\x00": "CONTROL",
    "a\tb": "U+0009",
    "a\x1b[31m": "U+001B",
    "a\u2028b": "LINE SEPARATOR",
    "a\u00adb": "SOFT HYPHEN",
    "a\u061cb": "ARABIC LETTER MARK",
    "a\u200cb": "ZERO WIDTH NON-JOINER",
    "a\u200db": "ZERO WIDTH JOINER",
    "\u200d🚀": "ZERO WIDTH JOINER",
    "👩\u200d": "ZERO WIDTH JOINER",
    "👩\u200d/ban": "ZERO WIDTH JOINER",
    "\ufeffa": "ZERO WIDTH NO-BREAK",
    "a\u2069": "POP DIRECTIONAL",
    "a\U000e0020": "TAG SPACE",
    "a\U000e0100": "VARIATION SELECTOR",
    "\u2800": "BRAILLE PATTERN BLANK",
    "a\u115f": "HANGUL CHOSEONG FILLER",
    "\ufe0f/ban": "VARIATION SELECTOR-16",
    " \ufe0f/ban": "VARIATION SELECTOR-16",
    "❤\ufe0f\ufe0f": "VARIATION SELECTOR-16",
    "a\ud800": "U+D800",
}


@pytest.mark.parametrize("text", FIT)
def test_what_people_write_in_any_language_and_emoji_are_fit(text: str) -> None:
    assert first_unfit(text) is None
    assert cleaned(text, 100) == text


@pytest.mark.parametrize(("text", "name"), UNFIT.items())
def test_what_hides_is_not(text: str, name: str) -> None:
    found = first_unfit(text)
    assert found is not None
    assert name in found[1]
    assert first_unfit(cleaned(text, 100)) is None


def test_no_quotation_mark_ends_a_quotation() -> None:
    assert quoted("it's ‘fine’", 100) == "“it's ‘fine’”"
    assert quoted('a” · "b" · “c„ ‟d″ 〝e〞 〟f＂', 100) == "“a' · 'b' · 'c' 'd' 'e' 'f'”"
    assert quoted("x” y", 3) == "“x'…”"


def test_a_cleaned_text_is_one_line_of_at_most_its_limit() -> None:
    assert cleaned("one\r\ntwo\u202e\u2028three", 100) == "one  two three"
    assert cleaned("x" * 1_000_000, 5) == "xxxx…"
    assert cleaned("\u200b" * 10 + "five!", 5) == "five!"
    assert cleaned("👩\u200d🚀🚀", 3) == "👩…"
    assert (cleaned(12, 5), cleaned(None, 5), cleaned({"a": 1}, 5), cleaned(["a"], 5)) == ("12", "", "", "")


@given(st.text(), st.integers(1, 20))
def test_whatever_a_stranger_sends_becomes_fit(text: str, limit: int) -> None:
    kept = cleaned(text, limit)
    assert len(kept) <= limit
    assert first_unfit(kept) is None
