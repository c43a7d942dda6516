"""The service's Twitch side against the local Twitch, over real sockets, with a clock that only tests turn."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.actions.handlers import Handlers, Result, no_progress
from clawcraft.clock import SystemClock
from clawcraft.secrets import Secret, SecretStore
from clawcraft.settings import Settings
from clawcraft.twitch.call import May, no_objection
from clawcraft.twitch.client import Twitch
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import StreamDouble
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S, wait_until
from twitch_sim import TwitchSim
from twitch_sim.world import ALL_SCOPES, CLIENT_ID, CONFIDENTIAL_CLIENT_ID, TOKEN_LIFE_S, Token

EFFECTS: Final[dict[str, dict[str, Any]]] = {
    "set_title": {"title": "x"},
    "set_game": {"game": "Minecraft"},
    "post_chat_message": {"message": "x"},
    "create_clip": {},
}
"""Actions that have one at Twitch, and arguments for each."""


class RealClock(SystemClock):
    """The machine's clock, in the shape the rig wants."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


@dataclass
class Rig:
    """Simulator, clock, store and ``Twitch``. ``settings`` and ``may`` may be replaced at any time, as what is live
    changes."""

    sim: TwitchSim
    clock: ManualClock
    folder: Path
    settings: Settings
    token: Token
    log: RecordedEvents = field(default_factory=RecordedEvents)
    calls: list[tuple[str, str]] = field(default_factory=list)
    may: May = no_objection
    policies: dict[str, Policy] = field(default_factory=lambda: {each.name: each.policy for each in ACTIONS})

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
            policies=lambda: self.policies,
            wait=self.clock.wait,
        )

    def change(self, **settings: Any) -> Self:
        self.settings = replace(self.settings, **settings)
        return self

    def confidential(self, secret: Secret | None = None) -> Self:
        """With a pair of an application that has a secret."""
        self.token = self.sim.world.issue(client_id=CONFIDENTIAL_CLIENT_ID)
        return self.change(
            twitch_client_id=CONFIDENTIAL_CLIENT_ID,
            twitch_client_secret=secret,
            twitch_oauth_token=Secret(self.token.access),
            twitch_refresh_token=Secret(self.token.refresh),
        )

    def stored(self, name: str = "TWITCH_REFRESH_TOKEN") -> str | None:
        """What is on disk."""
        found = SecretStore(self.folder).get(name)
        return found.reveal() if found else None

    def start(self) -> Self:
        self.twitch.start()
        return self

    def expired(self) -> Self:
        """Start, act once, and let the access token's life pass."""
        self.start().run("set_title", {"title": "x"})
        self.clock.advance(TOKEN_LIFE_S)
        return self

    def restart(self) -> None:
        self.twitch.close()
        self.twitch = self.build()
        self.twitch.start()

    def run(self, action: str, args: Mapping[str, Any] | None = None) -> Result:
        """Run one sync action as the dispatcher does."""
        handlers = Handlers(StreamDouble(), self.twitch, self.log)
        return handlers.run(BY_NAME[f"twitch.{action}"], args or {}, None, no_progress, lambda: self.may())

    def heard(self) -> list[dict[str, Any]]:
        """All that was heard and is kept."""
        return self.twitch.hearing.memory.page(None, (), 1_000).events

    def hears(self, count: int) -> list[dict[str, Any]]:
        """The same, once it is that many."""
        wait_until(lambda: len(self.heard()) >= count, f"{count} events are heard: {self.log.names()}")
        return self.heard()

    def listens(self, count: int) -> Self:
        """Until that many subscriptions stand, and the service knows."""
        eventsub = self.sim.world.eventsub
        eventsub.wait_for(lambda: eventsub.subscribed(count), HANG_S)
        wait_until(lambda: self.twitch.hearing.connected, "the service knows that it hears")
        return self

    def close(self) -> None:
        self.twitch.close()


def connected(
    sim: TwitchSim, folder: Path, clock: ManualClock, scopes: Iterable[str] = ALL_SCOPES, **settings: Any
) -> Rig:
    """A rig whose operator gave a pair of tokens that works."""
    token = sim.world.issue(scopes=scopes)
    given = {
        "twitch_client_id": CLIENT_ID,
        "twitch_oauth_token": Secret(token.access),
        "twitch_refresh_token": Secret(token.refresh),
        "twitch_api_url": sim.api_url,
        "twitch_auth_url": sim.auth_url,
        "twitch_eventsub_url": sim.eventsub_url,
    }
    return Rig(sim, clock, folder, make_settings(folder, **{**given, **settings}), token)
