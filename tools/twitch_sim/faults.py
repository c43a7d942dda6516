"""What the local Twitch does wrong on purpose, and how often."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass
class Fault:
    """One misbehaviour of ``endpoint`` (``"POST /chat/messages"``; ``"*"`` for all), the next ``times`` times.

    ``status`` with ``body`` (a mapping becomes JSON, text is sent as HTML) and ``headers`` answers instead of the
    real handler; ``applies`` runs the handler first, so that the effect is there and only the answer is lost.
    ``hang`` accepts and never answers; ``drop`` closes the connection without a word; ``trickle`` sends the head of
    the answer byte by byte, for ever; ``breaks`` sends a whole head and breaks off inside the body; ``delay_s`` answers
    properly, late, in real time.
    """

    endpoint: str
    times: int = 1
    status: int = 0
    body: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    applies: bool = False
    hang: bool = False
    drop: bool = False
    trickle: bool = False
    breaks: bool = False
    delay_s: float = 0.0


class Faults:
    """The faults waiting for their requests. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, endpoint: str) -> Fault | None:
        """The fault this request meets, used up once."""
        with self._lock:
            for fault in self._waiting:
                if fault.endpoint in (endpoint, "*"):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
            return None
