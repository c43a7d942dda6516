"""Whether a text has a word or a link that the streamer refuses. No state; quick enough for OBS's UI thread.

It sees through what takes no effort: other shapes of the same letters (Unicode's compatibility forms, upper case,
strokes and other marks on them), and dots, spaces or invisible characters between them. It does not see through
letters of another alphabet that look alike, digits for letters, or an address that is described ("example dot com").
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_APOSTROPHES: Final = "'\u2019"
_LINK: Final = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://\S"  # a scheme
    r"|\bwww\.\w"
    r"|(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # an address
    r"|\w\.(?:xn--[a-z0-9-]+|[^\W\d_]{2,})(?![\w])"  # a name, a dot, and what could be a top-level domain
)


def refused_word(text: str, words: Sequence[str]) -> str | None:
    """The first of ``words`` that stands in ``text`` as a whole word."""
    letters, breaks = _spelled(text)
    for word in words:
        wanted = _spelled(word)[0]
        at = letters.find(wanted)
        while at >= 0:
            if breaks[at] and breaks[at + len(wanted)]:
                return word
            at = letters.find(wanted, at + 1)
    return None


def can_be_refused(word: str) -> bool:
    """Whether there is anything in ``word`` to look for."""
    return bool(_spelled(word)[0])


def first_link(text: str) -> str | None:
    """What in ``text`` looks like an address, or like a domain; None if nothing does."""
    shown = "".join(letter for letter in _folded(text) if unicodedata.category(letter) != "Cf")
    found = _LINK.search(shown)
    if found is None:
        return None
    begin = max(shown.rfind(space, 0, found.start() + 1) for space in " \t\u3000") + 1
    return shown[begin:].split(maxsplit=1)[0]


@lru_cache(maxsize=1024)  # the same few words, at every text
def _spelled(text: str) -> tuple[str, tuple[bool, ...]]:
    """The letters, digits and symbols of ``text`` without what stands between them, and for each place before, between
    and behind them whether a word may begin or end there."""
    letters: list[str] = []
    breaks: list[bool] = []
    apart, before_joins = True, False
    for letter in _folded(text):
        category = unicodedata.category(letter)
        if category[0] == "M" or category == "Cf":  # a mark on the letter before, or invisible: parts no word
            continue
        # An apostrophe counts as a letter, since "he'll" is another word than the one without; a word ends there too.
        if category[0] in "ZPC" and letter not in _APOSTROPHES:
            apart = True
            continue
        # Letters without case belong to scripts that set words without spaces, or prefix them.
        joins = category[0] == "N" or (category[0] == "L" and category != "Lo")
        breaks.append(apart or not (joins and before_joins))
        letters.append("'" if letter in _APOSTROPHES else letter)
        apart, before_joins = False, joins
    return "".join(letters), (*breaks, True)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
