"""How Twitch behaves, by name: one row each, for ``tools/run.py --twitch-scenario NAME`` and for tests.

A scenario changes the world once, before or while the service runs. ``play`` gives the settings that belong to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from twitch_sim.chat import ChatRules
from twitch_sim.faults import HTML_502, Fault, Faults
from twitch_sim.world import CONFIDENTIAL_CLIENT_ID, World

NEVER_S: Final = float("inf")
FOR_EVER: Final = 1_000_000
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_TOKEN: Final = "POST /oauth2/token"


@dataclass(frozen=True)
class Scenario:
    """``says`` is its line in ``--help``; ``go`` gives settings of the service, most often none."""

    name: str
    says: str
    go: Callable[[World, Faults], Mapping[str, str]]


def _world(**changes: object) -> Callable[[World, Faults], Mapping[str, str]]:
    def go(world: World, _: Faults) -> Mapping[str, str]:
        for name, value in changes.items():
            setattr(world, name, value)
        return _NONE

    return go


def _faults(*faults: Mapping[str, object]) -> Callable[[World, Faults], Mapping[str, str]]:
    def go(_: World, waiting: Faults) -> Mapping[str, str]:
        for fault in faults:
            waiting.add(Fault(**fault))  # type: ignore[arg-type]
        return _NONE

    return go


def _ended_still_listed(world: World, _: Faults) -> Mapping[str, str]:
    world.offline_delay_s = 150.0
    world.go_live()
    world.go_offline()
    world.live_delay_s = 90.0
    return _NONE


def _realistic(world: World, _: Faults) -> Mapping[str, str]:
    world.live_delay_s, world.offline_delay_s = 75.0, 120.0
    world.clip_delay_s, world.lost_clips = 25.0, 4
    world.stale_reads = 2
    world.chat_rules = ChatRules(repeat_s=30.0, per_window=20, held_words=("held",), blocked_words=("blocked",))
    world.show.votes = (5, 3, 1)
    world.show.next_ad_at = world.clock.time() + 600
    return _NONE


def _timed_out(world: World, _: Faults) -> Mapping[str, str]:
    world.chat_rules = ChatRules(timed_out_until=world.clock.time() + 600)
    return _NONE


def _token_of(user_id: str = "1001", *, refreshes: bool = True, **issued: object) -> Callable[..., Mapping[str, str]]:
    def go(world: World, _: Faults) -> Mapping[str, str]:
        token = world.issue(user_id, **issued)  # type: ignore[arg-type]
        return {
            "TWITCH_CLIENT_ID": token.client_id,
            "TWITCH_OAUTH_TOKEN": token.access,
            "TWITCH_REFRESH_TOKEN": token.refresh if refreshes else "",
            "TWITCH_BROADCASTER_LOGIN": world.users[0].login,
        }

    return go


_ROWS: Final = (
    Scenario("prompt", "everything at once, as no real Twitch is (the default)", _world()),
    Scenario(
        "realistic",
        "a stream is listed 75 s late and for 2 minutes after its end, a clip after 25 s or never; chat drops messages",
        _realistic,
    ),
    Scenario("ended_still_listed", "a stream that is over is listed until the next one is", _ended_still_listed),
    Scenario("late_clips", "a clip is listed after 50 s", _world(clip_delay_s=50.0)),
    Scenario("lost_clips", "a clip is accepted and never made", _world(clip_delay_s=NEVER_S)),
    Scenario("doubtful_login", "a login that waits is told 'invalid device code' six times", _world(device_doubts=6)),
    Scenario("slow_login", "a login is told to poll more slowly", _faults(
        {"endpoint": _TOKEN, "times": 3, "status": 400, "body": {"status": 400, "message": "slow_down"}})),
    Scenario("lost_refresh", "the answer to the next refresh is lost, after it took effect", _faults(
        {"endpoint": _TOKEN, "drop": True, "applies": True})),
    Scenario("unsent_refresh", "the next three refreshes get no answer and have no effect", _faults(
        {"endpoint": _TOKEN, "times": 3, "drop": True})),
    Scenario("broken_refresh", "the token endpoint answers 502, 500, 400 and 403, without JSON", _faults(
        {"endpoint": _TOKEN, "status": 502, "body": HTML_502},
        {"endpoint": _TOKEN, "status": 500, "body": ""},
        {"endpoint": _TOKEN, "status": 400, "body": HTML_502},
        {"endpoint": _TOKEN, "status": 403, "body": HTML_502})),
    Scenario("unreadable_channel", "the channel can be changed and not read", _faults(
        {"endpoint": "GET /channels", "times": FOR_EVER, "status": 500, "body": HTML_502})),
    Scenario("hanging", "every call is accepted and never answered", _faults(
        {"endpoint": "*", "times": FOR_EVER, "hang": True})),
    Scenario("banned_title", "a title with the word 'banned' is refused", _world(banned_words=("banned",))),
    Scenario("ignored_title", "a new title is accepted and not applied", _world(ignored_fields=frozenset({"title"}))),
    Scenario("ignored_game", "a new game is accepted and not applied", _world(ignored_fields=frozenset({"game_id"}))),
    Scenario("strict_chat", "slow mode of 10 s, no repetitions; 'held' waits for a moderator, 'blocked' is refused",
        _world(chat_rules=ChatRules(
            slow_s=10.0, repeat_s=30.0, held_words=("held",), blocked_words=("blocked",)))),
    Scenario("busy_chat", "more than 20 messages in 30 s are dropped", _world(chat_rules=ChatRules(per_window=20))),
    Scenario("timed_out", "the sender may not write for 10 minutes", _timed_out),
    Scenario("too_long_422", "a message that is too long is answered with 422, not 400", _world(too_long_status=422)),
    Scenario("strangers_token", "the token belongs to somebody else than the channel", _token_of("1002")),
    Scenario("dying_token", "the token cannot be renewed and ends in 2 hours", _token_of(
        life_s=7200.0, refreshes=False)),
    Scenario("poor_token", "the token may not make clips", _token_of(
        scopes=("channel:manage:broadcast", "user:write:chat"))),
    Scenario("confidential", "the application has a secret, which the service was not told",
        _token_of(client_id=CONFIDENTIAL_CLIENT_ID)),
)  # fmt: skip

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType({row.name: row for row in _ROWS})
