"""``twitch.start_stream`` and ``twitch.stop_stream``: the order of a start's steps, and what its result says.

Called on the stream worker.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from clawcraft.actions.registry import JobContext, Result
from clawcraft.errors import ChannelNotAllowed, ClawcraftError, Interrupted, Stopping
from clawcraft.obs.port import ProgressSink
from clawcraft.obs.stream import StreamController
from clawcraft.telemetry.events import EventLog, incident

METADATA_ARGS: Final = frozenset({"title", "game", "game_id"})
CHANNEL_NOT_VERIFIED: Final = "channel_not_verified"
METADATA_NOT_VERIFIED: Final = "metadata_not_verified"
LIVE_NOT_CONFIRMED: Final = "live_not_confirmed"
OBS_FROM, OBS_TO = 15, 79


class MetadataPort(Protocol):
    """What a start needs of Twitch."""

    def check_channel(self, channel: str) -> None:
        """Raises ChannelNotAllowed for a channel that is not the service's own, nor allowlisted, nor known to be;
        another ClawcraftError if only Twitch could tell and did not."""
        ...

    def apply(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Set the title and game of ``args``. Raises ClawcraftError."""
        ...

    def wait_until_live(self, progress: Callable[[int, str], None], channel: str | None = None) -> dict[str, Any]:
        """``{"live": bool, …}``; raises only what ``progress`` raises, and Interrupted."""
        ...


class StreamActions:
    """The two async actions."""

    def __init__(self, stream: StreamController, metadata: MetadataPort, log: EventLog) -> None:
        self._stream = stream
        self._metadata = metadata
        self._log = log

    def start(self, context: JobContext, args: Mapping[str, Any]) -> Result:
        """Gives ``{"status": "started" | "already_running", "scene", …, "metadata"?, "live"?, "channel"?,
        "warnings": […]}``. A warning of a Twitch step is its error's code, and the full error stands where the step's
        result would."""
        warnings: list[str] = []
        result: Result = {}
        scene = args.get("obs_scene")
        context.progress(2, "checking channel and scene")
        self._check_channel(args, result, warnings)
        # Before the metadata: a start that cannot happen must not have changed the title that viewers see.
        self._stream.check_scene(scene)
        if METADATA_ARGS & args.keys():
            context.progress(5, "setting title and game on Twitch")
            result["metadata"] = self._apply_metadata(args, warnings)
        context.progress(OBS_FROM, "starting the stream in OBS")
        result.update(self._stream.start(scene, _within(context, OBS_FROM, OBS_TO)))
        if args.get("wait_until_live"):
            context.progress(OBS_TO + 1, "connected; waiting for Twitch to show the channel live")
            live = self._metadata.wait_until_live(context.progress, args.get("channel"))
            result["live"] = live
            if not live.get("live"):
                warnings.append(LIVE_NOT_CONFIRMED)
        return {**result, "warnings": warnings}

    def stop(self, context: JobContext, args: Mapping[str, Any]) -> Result:
        """Gives ``{"status": "stopped" | "already_stopped", …, "reason", "warnings"}``."""
        warnings: list[str] = []
        result: Result = {}
        context.progress(2, "checking the channel")
        self._check_channel(args, result, warnings)
        context.progress(5, "stopping the stream in OBS")
        result.update(self._stream.stop(_within(context, 5, 99)))
        return {**result, "reason": args.get("reason"), "warnings": warnings}

    def _check_channel(self, args: Mapping[str, Any], result: Result, warnings: list[str]) -> None:
        """OBS streams to its own key whatever the request says, so what cannot be checked because Twitch does not
        answer is a warning; a channel that is not ours is a misunderstanding, and refused."""
        channel = args.get("channel")
        if channel is None:
            return
        try:
            self._metadata.check_channel(channel)
        except (Interrupted, Stopping) as error:
            raise Interrupted(error.message) from error
        except ChannelNotAllowed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Twitch, streaming works while OBS does
            result["channel"] = {"error": self._explained(error).to_json()}
            warnings.append(CHANNEL_NOT_VERIFIED)

    def _apply_metadata(self, args: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
        try:
            applied = self._metadata.apply(args)
            if applied.get("verified") is False:
                warnings.append(METADATA_NOT_VERIFIED)
            return applied
        except (Interrupted, Stopping) as error:
            raise Interrupted(error.message) from error
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Twitch, streaming works while OBS does
            explained = self._explained(error)
            warnings.append(explained.code)
            return {"error": explained.to_json()}

    def _explained(self, error: Exception) -> ClawcraftError:
        return error if isinstance(error, ClawcraftError) else incident(self._log, error)


def _within(context: JobContext, low: int, high: int) -> ProgressSink:
    """A step's own 0 to 100 as a share of the whole job."""

    def progress(percent: int, message: str) -> None:
        context.progress(low + percent * (high - low) // 100, message)

    return progress
