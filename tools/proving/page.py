"""A page whose figures a tool writes, and whose words people do: the figures stand between two marks."""

from pathlib import Path
from typing import Final

BEGIN: Final = "<!-- figures -->\n"
END: Final = "<!-- end of figures -->\n"


def put_figures(page: Path, figures: str) -> None:
    """Put ``figures`` in the place of those on ``page``, and leave the rest. Raises ValueError if it has no marks."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for figures: {BEGIN.strip()} and {END.strip()}")
    page.write_text(before + BEGIN + figures + END + after, "utf-8")
