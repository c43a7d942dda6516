"""What the streamer lets agents do with each action: allow, ask first, or off.

The environment's word counts first (``TOOL_ACTION_POLICY``, ``TOOL_DISABLED_ACTIONS``), then what the streamer chose on
this machine, kept in a file beside the job table, then the catalogue's default. Never the scene collection: it is a
file that people share, and could let an agent do what its owner wants to be asked about. Any thread.
"""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.authority.agents import Agents
from clawcraft.files import private_folder, write_atomically
from clawcraft.settings import Settings


class ChosenPolicies:
    """The streamer's own choices, in memory at once and in a file once ``save`` ran. One that cannot be read switches
    everything off but what supersedes (a stop is the safe direction), until the streamer chooses anew."""

    FILE_NAME: Final = "policies.json"

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.FILE_NAME
        self._told: Callable[[], None] = lambda: None
        self.problem = ""
        """Why the file could not be read or written; a sentence for the streamer."""
        self._choosing = threading.Lock()
        self._saving = threading.Lock()  # a lock of its own: who chooses on OBS's UI thread must not wait for the disk
        self._chosen: Mapping[str, Policy] = self._read()
        self._saved = self._chosen

    def get(self, action: str) -> Policy | None:
        """What the streamer chose for ``action``; None where nobody did."""
        return self._chosen.get(action)

    def tell(self, changed: Callable[[], None]) -> None:
        """``changed`` is called after each choice, on the thread that makes it: it must return at once."""
        self._told = changed

    def choose(self, policies: Mapping[str, Policy]) -> None:
        """From now on these count; does not touch the disk."""
        with self._choosing:
            self._chosen = {**self._chosen, **policies}
        self._told()

    def save(self) -> None:
        """Not on OBS's UI thread. What the disk refuses is told in ``problem``, and counts until OBS ends."""
        with self._saving:
            chosen = self._chosen  # taken in here: of two threads, the one that writes last writes the later choice
            if chosen is self._saved:
                return
            try:
                private_folder(self._path.parent)
                write_atomically(self._path, json.dumps(dict(chosen)).encode())
                self._saved = chosen
                self.problem = ""
            except OSError as error:
                self.problem = f"{self._path} cannot be written ({error.strerror or error}): choices end with OBS"

    def _read(self) -> Mapping[str, Policy]:
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            known = {action.name for action in ACTIONS}
            return {name: Policy(text) for name, text in kept.items() if name in known}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            self.problem = f"{self._path} cannot be read ({type(error).__name__}): choose in Actions what is allowed"
            return {action.name: Policy.OFF for action in ACTIONS if not action.supersedes}


def in_force(given: Mapping[str, Policy], chosen: ChosenPolicies) -> dict[str, Policy]:
    """What counts for every agent, by the name of the action; ``given`` is the environment's word."""
    return {action.name: given.get(action.name) or chosen.get(action.name) or action.policy for action in ACTIONS}


class Policies:
    """What counts now, of every place."""

    def __init__(self, chosen: ChosenPolicies, settings: Callable[[], Settings], agents: Agents) -> None:
        self._chosen = chosen
        self._settings = settings
        self._agents = agents

    def of(self, action: str, holder: str) -> Policy:
        """What the agent that holds a token may do with ``action``. Raises ActionDisabled for one that is revoked."""
        return self._agents.policy(self.all()[action], action, holder)

    def all(self) -> dict[str, Policy]:
        """By the name of the action, for every agent; a named one's own policy can only narrow it."""
        return in_force(self._settings().given_policies, self._chosen)
