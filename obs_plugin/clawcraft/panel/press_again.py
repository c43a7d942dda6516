"""A button that acts at its second press. OBS's UI thread."""


class PressAgain:
    """Sure means: the button twice in a row about the same thing, with nothing but its own redraw in between."""

    def __init__(self) -> None:
        self._redraws_left = 0
        self._about = ""

    def asks_again(self) -> bool:
        """Once for each redraw: whether the button was pressed, and waits for the second press."""
        self._redraws_left = max(0, self._redraws_left - 1)
        return bool(self._redraws_left)

    def pressed(self, about: str = "") -> bool:
        """At each press: whether it is the second."""
        sure = bool(self._redraws_left) and about == self._about
        self._redraws_left, self._about = (0, "") if sure else (2, about)
        return sure
