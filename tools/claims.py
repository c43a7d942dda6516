"""What the service claims, compared with what the local Twitch knows (``/_sim/state``). Standard library only.

A claim is one thing that an agent was told: this title is set, this clip is confirmed, this message was not sent. What
the service says it does not know (``verified: false``, a clip that is not confirmed yet) claims nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

State = dict[str, Any]
EDGE_S: Final = 2.0
"""Within it, a read counts as made before or after: the service notes when the answer came."""
UNKNOWN: Final = frozenset({"interrupted", "timeout", "twitch_unavailable"})
"""With these the service says that it does not know what took effect."""


@dataclass(frozen=True, slots=True)
class Claim:
    """``kind`` is the action, or what was read; ``says`` the result, or the error where ``refused`` has its code.
    ``asked_s`` and ``at_s`` are Unix times: of the request and of its answer."""

    kind: str
    asked_s: float
    at_s: float
    says: Mapping[str, Any]
    args: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


def judged(claim: Claim, before: State, after: State) -> str:
    """What Twitch knew otherwise ``before`` and ``after`` the claim; empty where it knew the same."""
    part = _PARTS.get(claim.kind)
    if claim.refused:
        if claim.refused == "channel_offline" and _on_air(before) and _on_air(after):
            return "the channel is live"
        changed = part is not None and claim.refused not in UNKNOWN and part(before) != part(after)
        return f"something was done: {part(after)!r}" if changed and part is not None else ""
    judge = _JUDGES.get(claim.kind)
    return "" if judge is None else judge(claim, before, after)


def _own(state: State) -> str:
    return str(next(iter(state["users"])))


def _channel(state: State) -> dict[str, Any]:
    found: dict[str, Any] = state["channels"][_own(state)]
    return found


def _on_air(state: State) -> bool:
    return _channel(state)["live_since"] is not None


def _streams(state: State) -> list[dict[str, Any]]:
    return [row for row in state["streams"] if row["broadcaster_id"] == _own(state)]


def _show(name: str) -> Callable[[State], Any]:
    return lambda state: state["show"][name]


def _timestamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unlike(**pairs: tuple[object, object]) -> str:
    """Each (said, known) that is not the same."""
    return "; ".join(f"{name} is {known!r}, not {said!r}" for name, (said, known) in pairs.items() if said != known)


def _last(rows: list[Any], before: list[Any]) -> Any:
    """The row that was added; an empty one where there is none."""
    nothing: dict[str, Any] = {}
    return rows[-1] if len(rows) == len(before) + 1 else nothing


_PARTS: Final[Mapping[str, Callable[[State], Any]]] = {
    "start_stream": lambda state: len(_streams(state)),
    "stop_stream": _on_air,
    "set_title": lambda state: _channel(state)["title"],
    "set_game": lambda state: _channel(state)["game_id"],
    "set_tags": _show("tags"),
    "set_labels": _show("labels"),
    "post_chat_message": lambda state: state["chat"],
    "create_clip": lambda state: state["clips"],
    "create_marker": _show("markers"),
    "announce": _show("announcements"),
    "shoutout": _show("shoutouts"),
    "raid": _show("raids"),
    "cancel_raid": _show("raids"),
    "run_ad": _show("ads"),
    "snooze_ad": lambda state: (state["show"]["snoozes"], state["show"]["next_ad_at"]),
    "create_poll": _show("polls"),
    "end_poll": lambda state: [poll["ended"] for poll in state["show"]["polls"]],
}
"""What an action changes. One that was refused has left it as it was."""


def _started(claim: Claim, before: State, after: State) -> str:
    if not _on_air(after):
        return "nothing is on air"
    live = claim.says.get("live")
    metadata = claim.says.get("metadata")
    found = _metadata(metadata, after) if metadata and "error" not in metadata else ""
    if found or live is None:
        return found
    newest = _streams(after)[-1]
    if "title" in live and newest["listed_from"] > claim.at_s:  # EventSub, which is sooner, tells no title
        return "it is not listed"
    if live["live"]:
        return _unlike(started_at=(live["started_at"], _timestamp(newest["started_at"])))
    shown = newest["listed_from"] < claim.at_s - EDGE_S
    return "it is listed" if shown else ""


def _stopped(_claim: Claim, _before: State, after: State) -> str:
    return "it is on air" if _on_air(after) else ""


def _set_channel(claim: Claim, _before: State, after: State) -> str:
    return _metadata(claim.says, after)


def _metadata(says: Mapping[str, Any], after: State) -> str:
    if not says["verified"]:
        return ""
    known, current = _channel(after), says["current"]
    return _unlike(title=(current["title"], known["title"]), game=(current["game_id"], known["game_id"]))


def _set_list(name: str) -> Callable[[Claim, State, State], str]:
    def judge(claim: Claim, _before: State, after: State) -> str:
        known = after["show"][name].get(_own(after), [])
        return _unlike(**{name: (claim.says[name], known)}) if claim.says["verified"] else ""

    return judge


def _sent(claim: Claim, _before: State, after: State) -> str:
    row = next((row for row in after["chat"] if row["message_id"] == claim.says["message_id"]), None)
    if row is None:
        return "there is no such message"
    sender = after["users"].get(row["sender_id"])
    return _unlike(
        message=(claim.args["message"], row["message"]),
        sender=(claim.says["sender"], sender),
        reply=(claim.args.get("reply_parent_message_id"), row["reply_parent_message_id"]),
    )


def _clip(claim: Claim, _before: State, after: State) -> str:
    clip = next((clip for clip in after["clips"] if clip["id"] == claim.says["clip_id"]), None)
    if clip is None:
        return "there is no such clip"
    if claim.says["confirmed"]:
        known = (clip["title"], clip["duration"], True)
        said = (claim.says["title"], claim.says["duration_s"], clip["listed_from"] <= claim.at_s)
        return _unlike(clip=(said, known))
    looked_only = claim.kind == "get_clip" and clip["listed_from"] < claim.asked_s
    return "it is listed" if looked_only else ""


def _marked(claim: Claim, before: State, after: State) -> str:
    row = _last(after["show"]["markers"], before["show"]["markers"])
    return _unlike(
        id=(claim.says["marker_id"], row.get("id")),
        position=(claim.says["position_s"], row.get("position_seconds")),
        description=(claim.says["description"], row.get("description")),
    )


def _announced(claim: Claim, before: State, after: State) -> str:
    row = _last(after["show"]["announcements"], before["show"]["announcements"])
    return _unlike(message=(claim.args["message"], row.get("message")), colour=(claim.says["colour"], row.get("color")))


def _shouted(claim: Claim, before: State, after: State) -> str:
    _, user_id = _last(after["show"]["shoutouts"], before["show"]["shoutouts"]) or (0, "")
    return _unlike(target=(claim.says["target"], after["users"].get(user_id)))


def _raiding(claim: Claim, before: State, after: State) -> str:
    row = _last(after["show"]["raids"], before["show"]["raids"])
    return _unlike(target=(claim.says["target"], row.get("target")), cancelled=(False, row.get("cancelled")))


def _raid_cancelled(claim: Claim, before: State, after: State) -> str:
    raids, earlier = after["show"]["raids"], before["show"]["raids"]
    if claim.says["status"] == "cancelled":
        return "" if raids and raids[-1]["cancelled"] else "no raid was cancelled"
    # Behind a lost answer the service cannot know what its own first try did, and says so.
    shown = raids if "may have cancelled" in claim.says.get("warning", "") else earlier
    pending = [raid for raid in shown if not raid["cancelled"] and raid["at_s"] + 90 > claim.at_s]
    return "one is pending" if pending else ""


def _ad(claim: Claim, before: State, after: State) -> str:
    _, length = _last(after["show"]["ads"], before["show"]["ads"]) or (0, None)
    return _unlike(length=(claim.says["length_s"], length))


def _snoozed(claim: Claim, before: State, after: State) -> str:
    known = after["show"]
    return _unlike(
        left=(claim.says["snooze_count"], known["snoozes"]),
        next_ad=(claim.says["next_ad_at"], str(int(known["next_ad_at"]))),
        moved=(300, known["next_ad_at"] - before["show"]["next_ad_at"]),
    )


def _poll(claim: Claim, _before: State, after: State) -> str:
    poll = next((poll for poll in after["show"]["polls"] if poll["id"] == claim.says["poll_id"]), None)
    if poll is None:
        return "there is no such poll"
    over = bool(poll["ended"]) or claim.at_s >= poll["started_at"] + poll["duration"]
    said = {choice["title"]: choice["votes"] for choice in claim.says["choices"]}
    # Of a poll that has just begun Twitch counts no votes yet.
    known = dict.fromkeys(poll["choices"], 0) if claim.kind == "create_poll" else poll["choices"]
    running = claim.says["status"] == "running"
    return _unlike(title=(claim.says["title"], poll["title"]), votes=(said, known), running=(running, not over))


def _on_air_said(claim: Claim, _before: State, after: State) -> str:
    return _unlike(on_air=(claim.says["live"], _on_air(after)))


def _shown_channel(claim: Claim, before: State, after: State) -> str:
    """Either state may be the one that was read: nothing but the service's own actions changes it."""
    found = []
    for state in (before, after):
        known, own = _channel(state), _own(state)
        found.append(
            _unlike(
                title=(claim.says["title"], known["title"]),
                game=(claim.says["game_id"], known["game_id"]),
                tags=(claim.says["tags"], state["show"]["tags"].get(own, [])),
            )
        )
    return "" if "" in found else found[-1]


def _shown_stream(claim: Claim, _before: State, after: State) -> str:
    read_s = datetime.fromisoformat(claim.says["as_of"]).timestamp()
    near = [row for row in _streams(after) if row["listed_from"] <= read_s and row["listed_until"] > read_s - EDGE_S]
    sure = [row for row in near if row["listed_from"] <= read_s - EDGE_S and row["listed_until"] > read_s]
    if not claim.says["live"]:
        return f"the stream {sure[-1]['id']} is listed" if sure else ""
    known = {row["id"]: _timestamp(row["started_at"]) for row in near}
    said = claim.says["stream_id"]
    return _unlike(started_at=(claim.says["started_at"], known[said])) if said in known else "it is not listed"


def _shown_clip(claim: Claim, _before: State, after: State) -> str:
    read_s = datetime.fromisoformat(claim.says["as_of"]).timestamp()
    clip = next((clip for clip in after["clips"] if clip["id"] == claim.says["id"]), None)
    if clip is None or clip["listed_from"] > read_s:
        return "there is no such clip"
    newer = [each["id"] for each in after["clips"] if clip["listed_from"] + 1 < each["listed_from"] < read_s - EDGE_S]
    return f"newer ones are listed: {newer}" if newer else _unlike(title=(claim.says["title"], clip["title"]))


def _shown_ad(claim: Claim, _before: State, after: State) -> str:
    known = after["show"]["next_ad_at"]
    return _unlike(next_ad=(claim.says["next_ad_at"], known and _timestamp(known).replace("Z", ".000Z")))


def _heard_chat(claim: Claim, _before: State, after: State) -> str:
    """``args`` has what was written, if it was by a viewer."""
    said = claim.args.get("text")
    if said is None:
        nothing: dict[str, Any] = {}
        row = next((row for row in after["chat"] if row["message_id"] == claim.says["message_id"]), nothing)
        said, sender = row.get("message"), after["users"].get(row.get("sender_id", ""))
    else:
        sender = claim.args["user"]
    return _unlike(text=(claim.says["text"], said), sender=(claim.says["user"]["login"], sender))


def _heard_stream(claim: Claim, _before: State, after: State) -> str:
    known = [(row["id"], _timestamp(row["started_at"])) for row in _streams(after)]
    said = (claim.says["stream_id"], claim.says["started_at"])
    return "" if said in known else f"the streams are {known}"


def _all_heard(claim: Claim, _before: State, _after: State) -> str:
    """``args`` has the ids of what was written, ``says`` the ids that were heard."""
    written = claim.args["written"]
    missed = [each for each in written if each not in claim.says["heard"]]
    return f"{len(missed)} of {len(written)} messages were missed without a gap" if missed else ""


_JUDGES: Final[Mapping[str, Callable[[Claim, State, State], str]]] = {
    "start_stream": _started,
    "stop_stream": _stopped,
    "set_title": _set_channel,
    "set_game": _set_channel,
    "set_tags": _set_list("tags"),
    "set_labels": _set_list("labels"),
    "post_chat_message": _sent,
    "create_clip": _clip,
    "get_clip": _clip,
    "create_marker": _marked,
    "announce": _announced,
    "shoutout": _shouted,
    "raid": _raiding,
    "cancel_raid": _raid_cancelled,
    "run_ad": _ad,
    "snooze_ad": _snoozed,
    "create_poll": _poll,
    "end_poll": _poll,
    "on air": _on_air_said,
    "shown channel": _shown_channel,
    "shown stream": _shown_stream,
    "shown latest_clip": _shown_clip,
    "shown next_ad": _shown_ad,
    "heard chat": _heard_chat,
    "heard stream_online": _heard_stream,
    "nothing missed": _all_heard,
}
KNOWN: Final = frozenset(_JUDGES)
"""The kinds that the local Twitch can judge."""
SETTLING: Final = frozenset({"start_stream", "stop_stream", "on air"})
"""What Twitch knows a moment after OBS: what it is sent has to arrive."""
