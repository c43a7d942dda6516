"""One case: a start and mostly a stop under one fault, and the evidence of what came of them."""

import random
import time
from collections.abc import Callable
from typing import Any, Final

from proving.campaign.agent import Agent, Asking
from proving.campaign.peer import Peer
from proving.campaign.stage import QUIET_AFTER_CLICK_S, QUIET_S, Stage
from tests.support.obs_home import COLLECTION

LOOKS_ON_S: Final = 8.0
"""After the agent was told, to see what OBS does all the same."""


class Turn:
    """Drives a ``Stage`` for one case. ``dice`` decide all that is left to chance."""

    def __init__(self, stage: Stage, asker: Agent | Peer, name: str, dice: random.Random) -> None:
        self.stage = stage
        self.dice = dice
        self._asker = asker
        self._name = name
        self._asked: list[Asking] = []
        self._again: list[dict[str, Any]] = []
        self._streamer: list[float] = []
        self._sent_bytes = stage.link.sent_bytes
        self.began_s = time.time()

    @property
    def is_peer(self) -> bool:
        return isinstance(self._asker, Peer)

    # --- the agent --------------------------------------------------------------------------------------------

    def ask(self, what: str, **args: Any) -> Asking:
        """Ask, and do not wait."""
        asking = self._asker.ask(what, f"{self._name}-{what}-{len(self._asked)}", **args)
        self._asked.append(asking)
        return asking

    def start(self, **args: Any) -> Asking:
        """Ask for a start until it is told; at times the same is asked again, as by an agent that forgot."""
        asking = self.ask("start", **args).join()
        if isinstance(self._asker, Agent) and self.dice.random() < 0.3:
            self._again.append(self._asker.ask_again(asking, **args))
        return asking

    def stop(self) -> Asking:
        return self.ask("stop").join()

    def while_starting(self, disturb: Callable[[], object], within_s: float = 0.5, **args: Any) -> Asking:
        """Ask for a start, and let ``disturb`` come at some moment of it."""
        asking = self.ask("start", **args)
        time.sleep(self.dice.uniform(0.0, within_s))
        disturb()
        return asking.join()

    def while_stopping(self, disturb: Callable[[], object]) -> Asking:
        asking = self.ask("stop")
        time.sleep(self.dice.uniform(0.0, 0.25))
        disturb()
        return asking.join()

    def hold(self, most_s: float = 0.4) -> None:
        """The show goes on for a while."""
        time.sleep(self.dice.uniform(0.0, most_s))

    # --- what goes wrong --------------------------------------------------------------------------------------

    def click(self) -> None:
        self._streamer.append(time.time())
        self.stage.click()  # taken when it returns
        self._streamer.append(time.time())

    def switch_away_and_back(self) -> None:
        self.stage.switch("Elsewhere")
        self.hold(0.5)
        self.stage.switch(COLLECTION)

    def kill(self) -> None:
        self.stage.kill()
        self.stage.open()

    # --- the evidence -----------------------------------------------------------------------------------------

    def evidence(self) -> dict[str, Any]:
        """Look on until OBS has come to rest by itself, then: what was asked and told, what the streamer did, what was
        cut, and what the RTMP server saw."""
        for asking in self._asked:
            asking.join()
        if self.stage.is_open:
            self.stage.wait_quiet(LOOKS_ON_S, QUIET_AFTER_CLICK_S if self._streamer else QUIET_S)
        return {
            "began_s": self.began_s,
            "asked": [asking.to_json() for asking in self._asked],
            "again": self._again,
            "clicks": self._streamer[::2],
            "cuts": [at for at in self.stage.link.cuts if at >= self.began_s],
            "kills": [at for at in self.stage.kills if at >= self.began_s],
            "publishes": self.stage.publishes(self.began_s),
            "sent_bytes": self.stage.link.sent_bytes - self._sent_bytes,
            "until_s": time.time(),
        }
