"""The table: what goes wrong at Twitch → what the agent sees → what was sent, and how often.

Every row runs over real sockets against the local Twitch. The clock stands still except for what would have been
slept, so that the waits are exact and cost nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from clawcraft.errors import ClawcraftError
from clawcraft.twitch.transport import NOT_KNOWN
from tests.support.clock import ManualClock
from tests.support.twitch_rig import Rig
from twitch_sim.faults import HTML_502

TITLE = ("set_title", {"title": "x"})
GAME = ("set_game", {"game": "Minecraft"})
CHAT = ("post_chat_message", {"message": "x"})
CLIP: tuple[str, dict[str, Any]] = ("create_clip", {})
EFFECT = {
    "set_title": "PATCH /channels",
    "set_game": "PATCH /channels",
    "post_chat_message": "POST /chat/messages",
    "create_clip": "POST /clips",
}
NOW = 1_780_000_000


@dataclass(frozen=True)
class Row:
    """``fault``: how the effect's own endpoint (or ``at``) goes wrong; ``sent``: how often that endpoint was called;
    ``effects``: how many titles, messages or clips there are in the end."""

    id: str
    run: tuple[str, dict[str, Any]]
    fault: dict[str, Any]
    code: str | None
    twitch_status: int | None = None
    retryable: bool = False
    sent: int = 1
    effects: int = 0
    at: str = ""
    told: str = ""
    also: dict[str, int] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return self.at or EFFECT[self.run[0]]


def helix(status: int, message: str) -> dict[str, Any]:
    return {"status": status, "body": {"error": "E", "status": status, "message": message}}


def times(number: int, fault: dict[str, Any]) -> dict[str, Any]:
    return {**fault, "times": number}


HTML = {"status": 502, "body": HTML_502}
EMPTY_500 = {"status": 500, "body": ""}
S503 = helix(503, "Service Unavailable")
S429 = {**helix(429, "Too Many Requests"), "headers": {"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(NOW + 4)}}
S429_LATE = {**S429, "headers": {"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(NOW + 59)}}
S429_AFTER = {**S429, "headers": {"Retry-After": "3"}}
MISMATCH = helix(401, "The ID in broadcaster_id must match the user ID found in the request's OAuth token.")
CLIENT = helix(401, "Client ID and OAuth token do not match")

ROWS = [
    # --- titles and games: repeatable -------------------------------------------------------------------------------
    Row("title too long", TITLE, helix(400, "Title is too long."), "twitch_rejected", 400, told="Title is too long."),
    Row("title: not the token's channel", TITLE, MISMATCH, "twitch_rejected", 401, also={"GET /oauth2/validate": 2}),
    Row("title: client and token differ", TITLE, CLIENT, "twitch_token_invalid", 401, also={"POST /oauth2/token": 0}),
    Row("title: forbidden", TITLE, helix(403, "No."), "twitch_rejected", 403),
    Row("title: 409", TITLE, helix(409, "Too many branded content changes"), "twitch_rejected", 409),
    Row("title: HTML 502 once", TITLE, HTML, None, sent=2, effects=1),
    Row("title: HTML 502 for ever", TITLE, times(9, HTML), "twitch_unavailable", 502, True, sent=3),
    Row("title: empty 500 for ever", TITLE, times(9, EMPTY_500), "twitch_unavailable", 500, True, sent=3),
    Row("title: 503 once", TITLE, S503, None, sent=2, effects=1),
    Row("title: 503 for ever", TITLE, times(9, S503), "twitch_unavailable", 503, True, sent=2),
    Row("title: 429, reset in time", TITLE, S429, None, sent=2, effects=1),
    Row("title: 429, Retry-After", TITLE, S429_AFTER, None, sent=2, effects=1),
    Row("title: 429, reset too late", TITLE, S429_LATE, "twitch_unavailable", 429, True, sent=1),
    Row("title: 429 for ever", TITLE, times(9, S429_AFTER), "twitch_unavailable", 429, True, sent=3),
    Row("title: answer lost once", TITLE, {"drop": True}, None, sent=2, effects=1),
    Row("title: answer lost for ever", TITLE, {"drop": True, "times": 9}, "twitch_unavailable", None, True, sent=3),
    Row("title: answer breaks off once", TITLE, {"breaks": True}, None, sent=2, effects=1),
    Row("title: reading breaks off, before and after", TITLE, times(9, {"breaks": True}), None, sent=6, effects=1,
        at="GET /channels"),
    Row("title: redirected", TITLE, {"status": 302, "headers": {"Location": "https://example.invalid/"}},
        "twitch_unavailable", 302, True),
    Row("title: category unreadable", GAME, {"status": 200, "body": "<html>"}, "twitch_unavailable", 200, True,
        at="GET /games", also={"PATCH /channels": 0}),
    Row("game: search fails", ("set_game", {"game": "minecraft"}), times(9, EMPTY_500), "twitch_unavailable", 500,
        True, sent=3, at="GET /search/categories", also={"PATCH /channels": 0}),
    Row("game: refused", GAME, helix(400, "Invalid game ID"), "twitch_rejected", 400),
    Row("title: reading fails, before and after", TITLE, times(9, HTML), None, sent=6, effects=1, at="GET /channels",
        also={"PATCH /channels": 1}),
    # --- chat: never twice ------------------------------------------------------------------------------------------
    Row("chat: HTML 502", CHAT, HTML, "twitch_unavailable", 502),
    Row("chat: 502 after it was sent", CHAT, {**HTML, "applies": True}, "twitch_unavailable", 502, effects=1),
    Row("chat: 503", CHAT, S503, "twitch_unavailable", 503),
    Row("chat: answer lost", CHAT, {"drop": True}, "twitch_unavailable"),
    Row("chat: answer breaks off after it was sent", CHAT, {"breaks": True, "applies": True}, "twitch_unavailable",
        effects=1),
    Row("chat: answer lost after it was sent", CHAT, {"drop": True, "applies": True}, "twitch_unavailable", effects=1),
    Row("chat: unreadable 200", CHAT, {"status": 200, "body": "<html>"}, "twitch_unavailable", 200),
    Row("chat: empty data", CHAT, {"status": 200, "body": {"data": []}}, "twitch_unavailable", 200),
    Row("chat: 429, reset in time", CHAT, S429, None, sent=2, effects=1),
    Row("chat: 429, reset too late", CHAT, S429_LATE, "twitch_unavailable", 429, True, sent=1),
    Row("chat: banned", CHAT, helix(403, "The sender is banned."), "twitch_rejected", 403, told="banned"),
    Row("chat: bad reply id", CHAT, helix(400, "The reply_parent_message_id is invalid."), "twitch_rejected", 400),
    Row("chat: 422", CHAT, helix(422, "The message is too large."), "twitch_rejected", 422),
    Row("chat: scope withdrawn", CHAT, helix(401, "User access token requires the user:write:chat scope."),
        "twitch_missing_scope", 401, also={"POST /oauth2/token": 0, "GET /oauth2/validate": 1}),
    Row("chat: token expired", CHAT, helix(401, "Invalid OAuth token"), None, sent=2, effects=1,
        also={"POST /oauth2/token": 1}),
    Row("chat: token refused twice", CHAT, times(2, helix(401, "Invalid OAuth token")), "twitch_unavailable", 401,
        True, sent=2, also={"POST /oauth2/token": 1}),
    # --- clips: never twice -----------------------------------------------------------------------------------------
    Row("clip: HTML 502", CLIP, HTML, "twitch_unavailable", 502),
    Row("clip: 503", CLIP, S503, "twitch_unavailable", 503),
    Row("clip: 502 after it was made", CLIP, {**HTML, "applies": True}, "twitch_unavailable", 502, effects=1),
    Row("clip: answer lost", CLIP, {"drop": True}, "twitch_unavailable"),
    Row("clip: 429, reset in time", CLIP, S429, None, sent=2, effects=1),
    Row("clip: offline", CLIP, helix(404, "Clipping is not possible for an offline channel."), "channel_offline", 404),
    Row("clip: restricted", CLIP, helix(403, "restricted"), "twitch_rejected", 403),
    Row("clip: AutoMod", CLIP, helix(400, "The title did not pass AutoMod checks."), "twitch_rejected", 400,
        told="AutoMod"),
    Row("clip: the CLI mock's 200", CLIP, {"status": 200, "body": {"data": [{"id": "Mock", "edit_url": "u"}]}}, None),
]  # fmt: skip


def effects(rig: Rig, action: str) -> int:
    world = rig.sim.world
    return {
        "set_title": int(world.channels["1001"].title == "x"),
        "set_game": int(world.channels["1001"].game_id == "27471"),
        "post_chat_message": len(world.chat),
        "create_clip": len(world.clips),
    }[action]


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_what_the_agent_sees_and_what_was_sent(rig: Rig, row: Row) -> None:
    rig.sim.world.go_live()
    rig.sim.fault(row.endpoint, **row.fault)
    rig.start()
    if row.code is None:
        assert rig.run(*row.run)["status"] in ("updated", "sent", "created")
    else:
        with pytest.raises(ClawcraftError) as raised:
            rig.run(*row.run)
        error = raised.value
        assert error.code == row.code
        assert error.retryable is row.retryable
        assert error.details.get("twitch_status") == row.twitch_status
        assert row.told in error.details.get("twitch_message", "")
        assert error.hint
    sent = rig.sim.world.endpoints()
    assert sent.count(row.endpoint) == row.sent
    assert effects(rig, row.run[0]) == row.effects
    assert {endpoint: sent.count(endpoint) for endpoint in row.also} == row.also


@pytest.mark.parametrize("body", ["<html>", {"data": []}, "[" * 100_000], ids=["no JSON", "no row", "deep"])
@pytest.mark.parametrize("run", [CHAT, CLIP], ids=lambda run: run[0])
def test_what_took_effect_behind_an_answer_that_cannot_be_read_is_not_to_be_sent_again(
    rig: Rig, run: tuple[str, dict[str, Any]], body: Any
) -> None:
    rig.sim.world.go_live()
    rig.sim.fault(EFFECT[run[0]], status=200, body=body, applies=True)
    with pytest.raises(ClawcraftError) as raised:
        rig.start().run(*run)
    assert effects(rig, run[0]) == 1
    assert (raised.value.code, raised.value.retryable, raised.value.hint) == ("twitch_unavailable", False, NOT_KNOWN)


def test_a_429_waits_for_the_reset_that_twitch_names_and_not_much_longer(rig: Rig) -> None:
    rig.start().run(*TITLE)
    rig.sim.fault("PATCH /channels", **S429)
    began = rig.clock.monotonic()
    rig.run(*TITLE)
    assert 4.0 <= rig.clock.monotonic() - began < 4.0 + 3


@pytest.mark.parametrize("fast_s", [-600, 600])
def test_a_clock_of_this_machine_that_is_wrong_changes_no_wait(
    rig: Rig, fast_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.start().run(*TITLE)
    monkeypatch.setattr(rig.sim.world, "clock", ManualClock(rig.clock.time() - fast_s))
    reset = {"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(rig.sim.world.clock.time() + 4)}
    rig.sim.fault("PATCH /channels", **{**S429, "headers": reset})
    began = rig.clock.monotonic()
    rig.run(*TITLE)
    assert 3.0 <= rig.clock.monotonic() - began < 4.0 + 3  # Twitch's date is in whole seconds


def test_the_real_rate_limit_of_800_points_is_waited_out(rig: Rig) -> None:
    rig.start().run(*CHAT)
    rig.sim.world.points_used = 800
    rig.sim.world.points_reset_at = rig.clock.time() + 10
    rig.run(*CHAT)
    assert len(rig.sim.world.chat) == 2
    assert rig.sim.world.count("POST /chat/messages") == 3


def test_retries_are_those_of_the_settings(rig: Rig) -> None:
    rig.change(twitch_retries=0).start()
    rig.sim.fault("PATCH /channels", **HTML)
    with pytest.raises(ClawcraftError):
        rig.run(*TITLE)
    assert rig.sim.world.count("PATCH /channels") == 1
    rig.change(twitch_retries=5)
    rig.sim.fault("PATCH /channels", **times(5, HTML))
    rig.run(*TITLE)
    assert rig.sim.world.count("PATCH /channels") == 1 + 6


def test_waits_between_tries_grow_and_differ(rig: Rig) -> None:
    """Of a change, which has the whole action's time: four of them may take longer than a look is given."""
    rig.change(twitch_retries=4).start().run(*CHAT)
    rig.clock.waits.clear()
    rig.sim.fault("PATCH /channels", **times(4, HTML))
    rig.run(*TITLE)
    first, second, third, fourth = rig.clock.waits
    assert 0.125 <= first <= 0.375
    assert 0.25 <= second <= 0.75
    assert 0.5 <= third <= 1.5
    assert 1.0 <= fourth <= 3.0
    assert len({first / 1, second / 2, third / 4, fourth / 8}) == 4


def test_a_title_goes_through_although_its_game_is_not_found(rig: Rig) -> None:
    rig.start()
    with pytest.raises(ClawcraftError) as raised:
        rig.twitch.apply_metadata({"title": "x", "game": "No Such Game"}, rig.may)
    assert raised.value.code == "game_not_found"
    assert raised.value.details["applied"]["current"]["title"] == "x"
    assert rig.sim.world.channels["1001"].title == "x"


def test_a_title_goes_through_although_twitch_does_not_tell_of_its_game(rig: Rig) -> None:
    rig.sim.fault("GET /games", times=9, status=500)
    rig.start()
    with pytest.raises(ClawcraftError) as raised:
        rig.twitch.apply_metadata({"title": "x", "game": "Minecraft"}, rig.may)
    assert (raised.value.code, raised.value.retryable) == ("twitch_unavailable", True)
    assert raised.value.details["applied"]["current"]["title"] == "x"
    assert rig.sim.world.channels["1001"].title == "x"
