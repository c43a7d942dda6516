"""``twitch.start_stream`` and ``twitch.stop_stream``: the order of a start's steps, and what its result says.

Each called on its own thread (jobs/worker.py). A stop asks Twitch nothing: it would wait where Twitch hangs.
"""

from typing import Any, Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.errors import ChannelNotAllowed, ClawcraftError, Interrupted, Stopping
from clawcraft.obs.port import ProgressSink
from clawcraft.telemetry.events import incident
from clawcraft.twitch.live_check import Expected

METADATA_ARGS: Final = frozenset({"title", "game", "game_id"})
CHANNEL_NOT_VERIFIED: Final = "channel_not_verified"
METADATA_NOT_VERIFIED: Final = "metadata_not_verified"
LIVE_NOT_CONFIRMED: Final = "live_not_confirmed"
RECONNECTING: Final = "reconnecting"
"""OBS counts as streaming, and viewers see nothing."""
OBS_FROM, OBS_TO = 15, 79
TOLD, CONNECTING = (OBS_FROM + percent * (OBS_TO - OBS_FROM) // 100 for percent in (30, 60))
"""A start's percent where OBS has been told, and from where OBS connects because of it: 30 and 60 of its own 100
(obs/stream.py)."""


def start_stream(context: ActionContext) -> Result:
    """Gives ``{"status": "started" | "already_running", "scene", …, "metadata"?, "live"?, "channel"?, "warnings"}``.

    A warning is the code of a Twitch step's error; the full error stands where the step's result would.
    """
    args = context.args
    warnings: list[str] = []
    result: Result = {}
    scene = args.get("obs_scene")
    _check_channel(context, result, warnings)
    if METADATA_ARGS & args.keys():
        context.progress(2, "checking the scene")
        # A start that cannot happen must not have changed the title that viewers see.
        context.stream.check_scene(scene)
        context.may()
        context.progress(5, "setting title and game on Twitch")
        result["metadata"] = _apply_metadata(context, warnings)
    try:
        context.may()
        # Before OBS streams: what Twitch lists now is not what this start will show.
        before = context.twitch.listed_stream(args.get("channel")) if args.get("wait_until_live") else ""
        result.update(context.stream.start(scene, _within(context, OBS_FROM, OBS_TO), context.may))
        ours = context.stream.on_air()
    except ClawcraftError as error:
        _tell_of_metadata(error, result.get("metadata", {}))
        raise
    if result["status"] == "already_running" and context.stream.status()["stream"]["reconnecting"]:
        warnings.append(RECONNECTING)
    if args.get("wait_until_live"):
        context.progress(OBS_TO + 1, "connected; waiting for Twitch to show the channel live")
        up_s = context.stream.status()["stream"]["uptime_s"]
        expected = Expected(up_s, before if result["status"] == "started" else "")

        def is_over() -> bool:
            return ours is None or context.stream.on_air() != ours

        result["live"] = context.twitch.wait_until_live(context.progress, args.get("channel"), expected, is_over)
        if not result["live"].get("live"):
            warnings.append(LIVE_NOT_CONFIRMED)
    return {**result, "warnings": warnings}


def stop_stream(context: ActionContext) -> Result:
    """Gives ``{"status": "stopped" | "already_stopped", …, "reason", "warnings"}``."""
    warnings: list[str] = []
    result: Result = {}
    _check_channel(context, result, warnings, ask_twitch=False)
    result.update(context.stream.stop(_within(context, 0, 99)))
    return {**result, "reason": context.args.get("reason"), "warnings": warnings}


def _check_channel(context: ActionContext, result: Result, warnings: list[str], *, ask_twitch: bool = True) -> None:
    """OBS streams to its own key whatever the request says, so what cannot be checked because Twitch does not answer
    is a warning; a channel that is not ours is a misunderstanding, and refused."""
    channel = context.args.get("channel")
    if channel is None:
        return
    context.progress(1, "checking the channel")
    try:
        context.twitch.check_channel(channel, ask=ask_twitch)
    except (Interrupted, Stopping) as error:
        raise Interrupted(error.message) from error
    except ChannelNotAllowed:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with Twitch, streaming works while OBS does
        result["channel"] = {"error": _explained(context, error).to_json()}
        warnings.append(CHANNEL_NOT_VERIFIED)


def _apply_metadata(context: ActionContext, warnings: list[str]) -> dict[str, Any]:
    try:
        applied = context.twitch.apply_metadata(context.args, context.may)
        if applied.get("verified") is False:
            warnings.append(METADATA_NOT_VERIFIED)
        return applied
    except (Interrupted, Stopping) as error:
        raise Interrupted(error.message) from error
    except Exception as error:  # noqa: BLE001 - whatever is wrong with Twitch, streaming works while OBS does
        explained = _explained(context, error)
        warnings.append(explained.code)
        return {"error": explained.to_json()}


def _tell_of_metadata(error: ClawcraftError, metadata: dict[str, Any]) -> None:
    """A start failed, and viewers see its title and game already, or one of them, or perhaps."""
    if not metadata:
        return
    if "error" not in metadata:
        error.message = f"{error.message.rstrip('.')}. Title and game had been set before."
    error.details["metadata"] = metadata


def _explained(context: ActionContext, error: Exception) -> ClawcraftError:
    return error if isinstance(error, ClawcraftError) else incident(context.log, error)


def _within(context: ActionContext, low: int, high: int) -> ProgressSink:
    """A step's own 0 to 100 as a share of the whole job."""

    def progress(percent: int, message: str) -> None:
        context.progress(low + percent * (high - low) // 100, message)

    return progress
