"""What a handler is given, and where its row finds it. Handlers run on an HTTP worker (sync) or the stream worker."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from clawcraft.actions.catalogue import ACTIONS, Action
from clawcraft.obs.port import ProgressSink
from clawcraft.obs.stream import StreamController
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.call import May
from clawcraft.twitch.client import ChatSession, HelixSession, Twitch

Result = dict[str, Any]


def no_progress(percent: int, message: str) -> None:
    """A sync action has nobody to tell."""


@dataclass(frozen=True, slots=True)
class ActionContext:
    """One run of an action: its row and arguments, and what it may use.

    ``progress`` (percent 0 to 99, and words) stores how far a job is, and raises Interrupted or Superseded once the
    job is to end; for a sync action, which has no ``job_id``, it does nothing.
    """

    action: Action
    args: Mapping[str, Any]
    stream: StreamController
    twitch: Twitch
    log: EventLog
    job_id: str | None
    progress: ProgressSink
    may: May
    """Raises what forbids the action by now, or why its job is to end. Asked before each call that changes something
    at Twitch (the sessions see to that), and in the moment in which OBS is told."""

    def session(self) -> AbstractContextManager[HelixSession]:
        """See ``Twitch.session``: Helix, and the channel that the arguments name."""
        return self.twitch.session(self.action.name, self.args.get("channel"), self.may)

    def chat_session(self) -> AbstractContextManager[ChatSession]:
        """See ``Twitch.chat_session``: who speaks, and in the chat of which channel."""
        return self.twitch.chat_session(self.action.name, self.args.get("channel"), self.may)


Handler = Callable[[ActionContext], Result]
"""Gives the ``result`` object without ``request_id``; raises ClawcraftError, which becomes the answer's ``error``."""


def find_handler(action: Action) -> Handler:
    """The function that ``action``'s row names. Raises LookupError, which says what is missing."""
    place = f"{__package__}.{action.module}"
    try:
        handler: Handler = getattr(importlib.import_module(place), action.handler)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{action.name}: no function {action.handler} in actions/{action.module}.py") from error
    return handler


class Handlers:
    """Every action's handler, with what all of them use. Raises LookupError for a row without one."""

    def __init__(self, stream: StreamController, twitch: Twitch, log: EventLog) -> None:
        self._stream = stream
        self._twitch = twitch
        self._log = log
        self._by_name = {action.name: find_handler(action) for action in ACTIONS}

    def run(
        self, action: Action, args: Mapping[str, Any], job_id: str | None, progress: ProgressSink, may: May
    ) -> Result:
        """Run ``action``; ``job_id`` and ``progress`` are a job's, ``may`` is what can forbid it by now. Raises
        ClawcraftError."""
        context = ActionContext(action, args, self._stream, self._twitch, self._log, job_id, progress, may)
        return self._by_name[action.name](context)
