"""The service's Twitch side against the local Twitch, over real sockets, with a clock that only tests turn."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.actions.handlers import Handlers, Result
from clawcraft.secrets import Secret, SecretStore
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.client import Twitch
from tests.support.job_rig import StreamDouble
from tests.support.settings import make_settings
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID, TOKEN_LIFE_S, Token


class TurnedClock:
    """Stands still until ``turn``; ``wait`` turns it by what would have been slept. Any thread."""

    def __init__(self, unix_s: float = 1_780_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = unix_s
        self.waits: list[float] = []

    def time(self) -> float:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def turn(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.turn(seconds)
        return event.is_set()


class EventList(EventLog):
    """A log in memory. Any thread."""

    def __init__(self) -> None:
        self._added = threading.Condition()
        self.entries: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, /, **fields: Any) -> None:
        with self._added:
            self.entries.append((name, fields))
            self._added.notify_all()

    def names(self) -> list[str]:
        return [name for name, _ in self.entries]

    def wait_for(self, name: str, number: int, timeout_s: float = 10.0) -> None:
        """Until ``name`` was logged that often. Raises TimeoutError with what was logged instead."""
        with self._added:
            if not self._added.wait_for(lambda: self.names().count(name) >= number, timeout_s):
                raise TimeoutError(f"{name} was not logged {number} times: {self.entries}")


@dataclass
class Rig:
    """Simulator, clock, store and ``Twitch``. ``settings`` may be replaced at any time, as live settings are."""

    sim: TwitchSim
    clock: TurnedClock
    folder: Path
    settings: Settings
    token: Token
    log: EventList = field(default_factory=EventList)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SecretStore(self.folder)
        self.twitch = self.build()

    def build(self) -> Twitch:
        """Another service process over the same folder."""
        return Twitch(
            lambda: self.settings,
            self.store,
            self.clock,
            self.log,
            lambda endpoint, outcome, _: self.calls.append((endpoint, outcome)),
            version="test",
            wait=self.clock.wait,
        )

    def change(self, **settings: Any) -> Self:
        self.settings = replace(self.settings, **settings)
        return self

    def start(self) -> Self:
        self.twitch.start()
        return self

    def expired(self) -> Self:
        """Start, act once, and let the access token's life pass."""
        self.start().run("set_title", {"title": "x"})
        self.clock.turn(TOKEN_LIFE_S)
        return self

    def restart(self) -> None:
        self.twitch.close()
        self.twitch = self.build()
        self.twitch.start()

    def run(self, action: str, args: Mapping[str, Any] | None = None) -> Result:
        """Run one sync action as the dispatcher does."""
        return Handlers(StreamDouble(), self.twitch, self.log).run(BY_NAME[f"twitch.{action}"], args or {})

    def close(self) -> None:
        self.twitch.close()


def connected(sim: TwitchSim, folder: Path, clock: TurnedClock, **settings: Any) -> Rig:
    """A rig whose operator gave a pair of tokens that works."""
    token = sim.world.issue()
    given = {
        "twitch_client_id": CLIENT_ID,
        "twitch_oauth_token": Secret(token.access),
        "twitch_refresh_token": Secret(token.refresh),
        "twitch_api_url": sim.api_url,
        "twitch_auth_url": sim.auth_url,
    }
    return Rig(sim, clock, folder, make_settings(folder, **{**given, **settings}), token)
