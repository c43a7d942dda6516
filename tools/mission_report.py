"""What ``tools/mission.py`` prints of a show: a line for each claim, and a table at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass

from claims import Claim


@dataclass(frozen=True, slots=True)
class Played:
    """One claim and what became of it. ``otherwise``: what Twitch knows in place of it; None without a witness.
    ``failure``: what is wrong with it, empty for nothing."""

    claim: Claim
    what: str
    otherwise: str | None
    failure: str

    def line(self) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(self.claim.at_s))
        verdict = "" if self.otherwise is None else f"  FALSE: {self.otherwise}" if self.otherwise else "  matches"
        failed = f"  FAIL: {self.failure}" if self.failure and not self.otherwise else ""
        return f"{at}  {self.claim.kind:<19}  {self.what}{verdict}{failed}"


def counted(played: list[Played]) -> str:
    """The table at the end: for each kind how many claims, how many of them say that something was done or not done,
    and how many are true, as a witness says, are not, or end in a failure."""
    kinds: dict[str, list[Played]] = {}
    for one in played:
        kinds.setdefault(one.claim.kind, []).append(one)
    lines = [f"{'claims':<19}  {'all':>5}  {'done':>5}  {'not':>5}  {'true':>5}  {'FALSE':>5}  {'FAIL':>5}"]
    for kind, ones in [*sorted(kinds.items()), ("all", played)]:
        refused = sum(bool(one.claim.refused) for one in ones)
        true = sum(one.otherwise == "" for one in ones)
        false = sum(bool(one.otherwise) for one in ones)
        failed = sum(bool(one.failure) for one in ones)
        row = (len(ones), len(ones) - refused, refused, true, false, failed)
        lines.append(f"{kind:<19}  " + "  ".join(f"{number:>5}" for number in row))
    return "\n".join(lines)
