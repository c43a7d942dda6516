"""The one table of actions: what an agent may ask for, one row each.

Settings, the panel's switches, Twitch scopes, limits, ``GET /tools``, OpenAPI, OpenClaw's tools and the tables of the
docs are derived from it. A new action is its row here, its schema ``schemas/actions/<name>.json``, and a function of
the name's last part in ``actions/<module>.py``; ``tools/generate.py`` then writes the generated files.

Imports nothing of the package, so that everything may import it. No state.
"""

from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """SYNC: answered with its result. ASYNC: answered with a job, which the agent polls."""

    SYNC = "sync"
    ASYNC = "async"


class Needs(Flag):
    """What an action cannot do without."""

    OBS = auto()
    TWITCH = auto()


class Policy(StrEnum):
    """What the streamer lets an agent do with an action."""

    ALLOW = "allow"
    ASK = "ask"
    """Nothing is done until the streamer has said yes to this very request."""
    OFF = "off"


def stricter(one: Policy, other: Policy) -> Policy:
    """Off before ask before allow: a second policy can only narrow the first."""
    return max(one, other, key=list(Policy).index)


class Effect(StrEnum):
    """What a call does to the channel: what hosts tell their users before one."""

    READS = "reads"
    """Changes nothing."""
    SETS = "sets"
    """Replaces what was there; the same call once more changes nothing further."""
    ADDS = "adds"
    """Adds something, and with each further call once more."""
    ENDS = "ends"
    """Replaces or ends something, and a further call is another one."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``per_min`` requests a minute, of which ``burst`` may come at once."""

    per_min: float
    burst: int


@dataclass(frozen=True, slots=True)
class Action:
    """One row.

    Parameters: ``module`` of this folder holds the handler; ``label`` completes "The agent may …" in the panel;
    ``scope`` is the Twitch scope that it needs; ``policy`` counts until the streamer says otherwise; ``limit`` bounds
    it where the general limit is more than Twitch takes; ``supersedes`` names the action whose earlier jobs end when
    this one is accepted; ``unkept`` is a field of its result that is answered and never stored; ``effect`` is the
    gravest as long as nobody says otherwise.
    """

    name: str
    kind: Kind
    module: str
    label: str
    needs: Needs
    scope: str | None = None
    policy: Policy = Policy.OFF
    limit: Limit | None = None
    supersedes: str | None = None
    unkept: str | None = None
    effect: Effect = Effect.ENDS

    @property
    def handler(self) -> str:
        """The name of the function in ``module``."""
        return self.name.rpartition(".")[2]

    @property
    def key(self) -> str:
        """The name where ``twitch.`` goes without saying: in settings, and as part of the panel's keys."""
        return self.name.removeprefix("twitch.")


_BROADCAST: Final = "channel:manage:broadcast"
_CHAT: Final = Limit(per_min=40, burst=20)
"""Twitch's own limit for a channel's chat, 20 messages per 30 s."""
_ONE_A_MINUTE: Final = Limit(per_min=1, burst=1)
"""What viewers cannot overlook; Twitch takes 10 raids in 10 minutes, and an ad every 8."""
_PICTURES: Final = Limit(per_min=12, burst=4)
"""OBS draws and codes some frames more for each."""

ACTIONS: Final = (
    # Its scope is for title and game only: a start goes on without.
    Action("twitch.start_stream", Kind.ASYNC, "stream", "start the stream", Needs.OBS, _BROADCAST, Policy.ALLOW,
           effect=Effect.SETS),
    # A start that waits behind must not flash live after the stop was asked for.
    Action("twitch.stop_stream", Kind.ASYNC, "stream", "stop the stream", Needs.OBS, policy=Policy.ALLOW,
           supersedes="twitch.start_stream", effect=Effect.SETS),
    Action("twitch.set_title", Kind.SYNC, "channel", "change the title", Needs.TWITCH, _BROADCAST, Policy.ALLOW,
           effect=Effect.SETS),
    Action("twitch.set_game", Kind.SYNC, "channel", "change the game", Needs.TWITCH, _BROADCAST, Policy.ALLOW,
           effect=Effect.SETS),
    Action("twitch.post_chat_message", Kind.SYNC, "chat", "write in chat", Needs.TWITCH, "user:write:chat",
           Policy.ALLOW, limit=_CHAT, effect=Effect.ADDS),
    Action("twitch.create_clip", Kind.SYNC, "clips", "create clips", Needs.TWITCH, "clips:edit", Policy.ALLOW,
           effect=Effect.ADDS),
    Action("twitch.get_clip", Kind.SYNC, "clips", "look a clip up", Needs.TWITCH, effect=Effect.READS),
    Action("twitch.create_marker", Kind.SYNC, "markers", "set markers in the stream", Needs.TWITCH, _BROADCAST,
           effect=Effect.ADDS),
    Action("twitch.set_tags", Kind.SYNC, "labels", "change the tags", Needs.TWITCH, _BROADCAST, effect=Effect.SETS),
    Action("twitch.set_labels", Kind.SYNC, "labels", "change the content labels", Needs.TWITCH, _BROADCAST,
           effect=Effect.SETS),
    # Twitch takes one every two seconds.
    Action("twitch.announce", Kind.SYNC, "chat", "make announcements in chat", Needs.TWITCH,
           "moderator:manage:announcements", limit=Limit(per_min=30, burst=1), effect=Effect.ADDS),
    # Twitch's own limit, 1 in 2 minutes; the one for each channel is twitch/shoutouts.py's.
    Action("twitch.shoutout", Kind.SYNC, "shoutouts", "give shoutouts", Needs.TWITCH, "moderator:manage:shoutouts",
           limit=Limit(per_min=0.5, burst=1), effect=Effect.ADDS),
    Action("twitch.raid", Kind.SYNC, "raids", "raid a channel", Needs.TWITCH, "channel:manage:raids",
           limit=_ONE_A_MINUTE),
    Action("twitch.cancel_raid", Kind.SYNC, "raids", "cancel a raid", Needs.TWITCH, "channel:manage:raids",
           effect=Effect.SETS),
    Action("twitch.run_ad", Kind.SYNC, "ads", "run ads", Needs.TWITCH, "channel:edit:commercial",
           limit=_ONE_A_MINUTE, effect=Effect.ADDS),
    Action("twitch.snooze_ad", Kind.SYNC, "ads", "put the next ad off", Needs.TWITCH, "channel:manage:ads",
           limit=_ONE_A_MINUTE, effect=Effect.ADDS),
    Action("twitch.create_poll", Kind.SYNC, "polls", "create polls", Needs.TWITCH, "channel:manage:polls",
           limit=_ONE_A_MINUTE, effect=Effect.ADDS),
    Action("twitch.end_poll", Kind.SYNC, "polls", "end a poll", Needs.TWITCH, "channel:manage:polls",
           effect=Effect.SETS),
    Action("obs.switch_scene", Kind.ASYNC, "stage", "switch to the scenes allowed to agents", Needs.OBS,
           effect=Effect.SETS),
    # A picture of the streamer's screen must not lie on a disk for a week.
    Action("obs.screenshot", Kind.SYNC, "stage", "see what viewers see", Needs.OBS, limit=_PICTURES, unkept="data",
           effect=Effect.READS),
)  # fmt: skip

BY_NAME: Final = MappingProxyType({action.name: action for action in ACTIONS})
