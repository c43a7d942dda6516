"""``/_sim/…``: what a person or a test in another process can do to the local Twitch. JSON in, JSON out.

| path                  | body                                      | effect                                  |
| --------------------- | ----------------------------------------- | --------------------------------------- |
| POST /_sim/scenario   | {"play": "realistic"}                     | behave so from now on; gives settings   |
| POST /_sim/live       | {"live": true, "user_id": "1001"}         | the channel streams, or not             |
| POST /_sim/lag        | {"live_s": 75, "offline_s": 120}          | how late both edges are listed          |
| POST /_sim/chat-drop  | {"drop_reason": {…}, [] or null}          | chat messages are dropped, or no longer |
| POST /_sim/chat-rules | {"slow_s": 10, "repeat_s": 30, …} or {}   | those that break one are; see ChatRules |
| POST /_sim/clips      | {"clips": "allowed", "delay_s": 5}        | allowed, restricted, refused, category  |
| POST /_sim/channel    | {"ignored": ["title"], "stale_reads": 0,  | 204 without effect; n reads of old data |
|                       |  "banned_words": []}                      | titles with one of them are refused     |
| POST /_sim/fault      | a Fault: {"endpoint", "times", "status"…} | the next calls go wrong                 |
| POST /_sim/rate-limit | {"reset_in_s": 10}                        | no points left until then               |
| POST /_sim/tokens     | {"do": "expire"} or {"do": "revoke"}      | all access tokens, or all, are over     |
| POST /_sim/device     | {"do": "approve", "user_id": "1001"}      | answer the pending device codes, as     |
|                       | or {"do": "deny"}                         | this user                               |
| POST /_sim/eventsub   | {"do": "chat", "text": "hi", "user": "x"} | somebody writes; see ``_EVENTSUB``      |
| GET  /_sim/calls      |                                           | every call received, secrets masked     |
| GET  /_sim/state      |                                           | channels, streams, chat, clips, show    |
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from twitch_sim.answers import Answer, Asked
from twitch_sim.chat import ChatRules
from twitch_sim.eventsub import EventSub
from twitch_sim.faults import Fault, Faults
from twitch_sim.scenarios import SCENARIOS
from twitch_sim.world import POINTS_PER_MIN, Received, World


def answer(world: World, faults: Faults, asked: Asked) -> Answer:
    """Run one control request. A wrong one is answered with 400 and what is wrong."""
    body = dict(asked.body)
    try:
        found = _run(world, faults, asked.method, asked.path.removeprefix("/_sim/"), body)
    except (KeyError, TypeError, ValueError) as error:
        return Answer(400, {"error": f"{type(error).__name__}: {error}"})
    return Answer(404, {"error": "no such control"}) if found is None else Answer(200, found)


def _run(world: World, faults: Faults, method: str, name: str, body: dict[str, Any]) -> dict[str, Any] | None:
    if method == "GET":
        if name == "calls":
            return {"calls": [_masked(call) for call in world.calls]}
        if name == "state":
            channels = {key: asdict(channel) for key, channel in world.channels.items()}
            return {
                "now": world.clock.time(),
                "users": {user.id: user.login for user in world.users},
                "channels": channels,
                "streams": [asdict(stream) for stream in world.streams],
                "chat": world.chat,
                "clips": [asdict(clip) for clip in world.clips],
                "show": asdict(world.show),
            }
        return None
    if name == "scenario":
        return {"ok": True, "environment": dict(SCENARIOS[body["play"]].go(world, faults))}
    if name == "live":
        change = world.go_live if body["live"] else world.go_offline
        change(str(body.get("user_id", "1001")))
    elif name == "lag":
        world.live_delay_s, world.offline_delay_s = float(body["live_s"]), float(body["offline_s"])
    elif name == "chat-drop":
        world.chat_drop = body["drop_reason"]
    elif name == "chat-rules":
        world.chat_rules = ChatRules(**body) if body else None
    elif name == "clips":
        world.channels[str(body.get("user_id", "1001"))].clips = str(body.get("clips", "allowed"))
        world.clip_delay_s = float(body.get("delay_s", world.clip_delay_s))
    elif name == "channel":
        world.ignored_fields = frozenset(body.get("ignored", ()))
        world.banned_words = tuple(body.get("banned_words", ()))
        world.stale_reads = int(body.get("stale_reads", 0))
    elif name == "fault":
        faults.add(Fault(**body))
    elif name == "rate-limit":
        world.points_used = POINTS_PER_MIN
        world.points_reset_at = world.clock.time() + float(body["reset_in_s"])
    elif name == "tokens":
        {"expire": world.expire_all, "revoke": world.revoke_all}[body["do"]]()
    elif name == "device":
        state = {"approve": "approved", "deny": "denied"}[body["do"]]
        for device in world.devices:
            if device.state == "pending":
                device.user_id, device.state = str(body.get("user_id", device.user_id)), state
    elif name == "eventsub":
        return {"ok": True, "result": _EVENTSUB[body.pop("do")](world.eventsub, **body)}
    else:
        return None
    return {"ok": True}


_EVENTSUB: Final[Mapping[str, Callable[..., Any]]] = {
    "chat": EventSub.chat,
    "notify": EventSub.notify,
    "reconnect": EventSub.reconnect,
    "revoke": EventSub.revoke,
    "cut": EventSub.cut,
    "close": EventSub.close,
    "silence": EventSub.silence,
    "keepalive": EventSub.keepalive,
}
"""What can happen to everybody who hears: the methods of ``EventSub``, which tell what the rest of the body may be."""


def _masked(call: Received) -> dict[str, Any]:
    secret = ("refresh_token", "client_secret", "device_code", "token")
    body = {name: "***" if name in secret else value for name, value in call.body.items()}
    return {"endpoint": call.endpoint, "query": dict(call.query), "body": body, "status": call.status}
