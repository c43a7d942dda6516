"""Refused words and links: what is found in whatever dress, and what innocent texts are let through."""

import pytest

from clawcraft.wording import can_be_refused, first_link, refused_word


@pytest.mark.parametrize(
    "text",
    [
        "you ass",
        "ASS!",
        "ａｓｓ",  # full width
        "a.s.s",
        "a s s",
        "as s",
        "a-s_s",
        "a\u200bs\u00ads",
        "a\u0336s\u0336s\u0336",  # struck through
        "the ass's end",
        "'ass'",
        "😀ass😀",
    ],
)
def test_a_word_is_found_in_whatever_dress(text: str) -> None:
    assert refused_word(text, ["fine", "ass"]) == "ass"


@pytest.mark.parametrize("text", ["class", "assume", "pass some", "gas so", "glass, sir", "ass2", "as\u200bsume", ""])
def test_a_part_of_a_word_is_not_the_word(text: str) -> None:
    assert refused_word(text, ["ass"]) is None


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("he'll be back", "hell", False),
        ("he’ll be back", "he'll", True),
        ("go to hell", "hell", True),
        ("STRASSE", "straße", True),
        ("learn c++ now", "c++", True),
        ("a$$", "a$$", True),
        ("あの馬鹿です", "馬鹿", True),  # no spaces there
        ("schön", "schon", False),
        ("f*ck", "f*ck", True),
    ],
)
def test_words_of_other_kinds(text: str, word: str, found: bool) -> None:
    assert (refused_word(text, [word]) is not None) is found


def test_a_word_without_a_letter_digit_or_symbol_cannot_be_looked_for() -> None:
    assert not any(map(can_be_refused, ["***", "...", "\u200b", "\u0336"]))
    assert all(map(can_be_refused, ["a", "1", "$", "馬"]))


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("go to https://example.com/x now", "https://example.com/x"),
        ("HTTP://EXAMPLE.COM", "http://example.com"),
        ("www.example", "www.example"),
        ("join discord.gg/abc", "discord.gg/abc"),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
        ("exa\u00admple.c\u00adom", "example.com"),
        ("münchen.de!", "münchen.de!"),
        ("пример.рф", "пример.рф"),
        ("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("at 192.168.1.20:8080", "192.168.1.20:8080"),
        ("mail me@example.org", "me@example.org"),
        ("Good game.See you", "game.see"),  # nobody can tell it from a domain
    ],
)
def test_what_looks_like_a_link_or_a_domain_is_found(text: str, link: str) -> None:
    assert first_link(text) == link


@pytest.mark.parametrize(
    "text",
    ["", "See you. Bye.", "wait...what", "e.g. this", "at 3.14 or 9.30pm", "v1.2.3.4.5", "10.000.000", "a.m.", "no://"],
)
def test_an_ordinary_sentence_has_no_link(text: str) -> None:
    assert first_link(text) is None


def test_a_long_text_against_many_words_is_quick_work() -> None:
    """Bounded by the lengths alone: no pattern of the text or of a word makes it more."""
    words = ["*" * 20 + "a"] + [f"word{number}" for number in range(499)]
    assert refused_word("a*" * 250, words) == words[0]
    assert refused_word("*a" * 250 + "b", words) == words[0]
    assert first_link("a." * 250) is None
