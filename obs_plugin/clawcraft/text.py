"""What a text that people see may be made of: nothing that hides, reorders or begins another line. No state.

Control characters, line ends, and those without a shape of their own: bidirectional marks, zero-width spaces and
joiners, tags, soft hyphens, fillers, Braille's blank. Emoji need two of them: a variation selector after a visible
character, and a joiner between two pictures; there they are fine.
"""

import itertools
import re
import unicodedata
from typing import Final

_HIDING: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""Unicode's categories. Not Cn: a new emoji is unassigned to an older Python."""
_BLANK: Final = frozenset(
    map(
        chr,
        itertools.chain(
            (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0),
            *(range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xFFF0, 0xFFF9), range(0xE0000, 0xE1000)),
        ),
    )
)
"""What Unicode tells to show as nothing, and what looks like nothing, in other categories."""
_QUOTATION_MARKS: Final = re.compile('["\u201c-\u201f\u2033\u2036\u301d-\u301f\uff02]')
_JOINER: Final = "\u200d"
_SELECTORS: Final = frozenset("\ufe0e\ufe0f")
_SKIN_TONES: Final = frozenset(map(chr, range(0x1F3FB, 0x1F400)))


def first_unfit(text: str) -> tuple[int, str] | None:
    """The position (from 1) and the name of the first character that ``text`` must not have; None if all are fit."""
    for index, letter in enumerate(text):
        if not _fits(text, index):
            return index + 1, f"U+{ord(letter):04X} {unicodedata.name(letter, 'CONTROL CHARACTER')}"
    return None


def cleaned(value: object, limit: int) -> str:
    """A stranger's text for an answer, a log or a screen: at most ``limit`` characters, on one line, without what
    hides; an ellipsis stands where it was cut. Anything but a text or a number is empty."""
    if not isinstance(value, str | int | float):
        return ""
    text = str(value)[: 4 * limit + 1]  # it may be a megabyte
    kept = "".join(
        letter if _fits(text, index) else " " if letter.isspace() else "" for index, letter in enumerate(text)
    )
    return kept if len(kept) <= limit else f"{kept[: limit - 1].rstrip(_JOINER)}…"


def quoted(value: object, limit: int) -> str:
    """As ``cleaned``, between “ and ”, beside words of ours. No quotation mark in it ends the quotation: it is shown as
    an apostrophe."""
    inside = _QUOTATION_MARKS.sub("'", cleaned(value, limit))
    return f"“{inside}”"


def _fits(text: str, index: int) -> bool:
    letter = text[index]
    if letter in _SELECTORS:
        before = text[index - 1 : index]
        return before.strip() != "" and not _hides(before)
    if letter == _JOINER:
        before = text[max(0, index - 2) : index].rstrip("\ufe0f")[-1:]
        return _is_picture(before) and _is_picture(text[index + 1 : index + 2])
    return not _hides(letter)


def _hides(letter: str) -> bool:
    return letter in _BLANK or unicodedata.category(letter) in _HIDING


def _is_picture(letter: str) -> bool:
    return letter != "" and (letter in _SKIN_TONES or unicodedata.category(letter) in ("So", "Cn"))
