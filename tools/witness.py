"""Asks the local Twitch whether it is as the service says, right after it was said. Standard library only."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from claims import KNOWN, SETTLING, Claim, State, judged

TIMEOUT_S: Final = 30.0
SETTLE_S: Final = 5.0


class Witness:
    """Asks the local Twitch at ``control_url``, which ``tools/run.py --twitch-sim`` prints. Raises OSError."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._before = self.look()

    def look(self) -> State:
        return self._call("state")

    def viewer_writes(self, text: str, user: str) -> str:
        """The id of the message."""
        return str(self._call("eventsub", {"do": "chat", "text": text, "user": user})["result"])

    def judge(self, claim: Claim) -> str | None:
        """What Twitch knows otherwise; empty where it knows the same, None where it knows nothing of it."""
        if claim.kind not in KNOWN:
            return None
        until = time.monotonic() + (SETTLE_S if claim.kind in SETTLING else 0.0)
        while True:
            after = self.look()
            otherwise = judged(claim, self._before, after)
            if not otherwise or time.monotonic() >= until:
                break
            time.sleep(0.1)
        self._before = after
        return otherwise

    def _call(self, name: str, body: Mapping[str, Any] | None = None) -> State:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/{name}", data, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            found: State = json.loads(answer.read())
        return found
