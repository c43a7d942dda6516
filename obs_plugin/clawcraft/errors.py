"""The one table of errors: each class is one code of the contract, its name in snake case, with its status and hint.

Raise the class; nobody else chooses a status. ``message`` says what happened to this request, ``details`` holds
the evidence (JSON-safe), ``hint`` says what to do next. ``retryable`` tells an agent that the very same request,
with the same request_id, may succeed if sent again: nothing that could take effect twice has happened.

    ClawcraftError
    ├── refusals of a request     InvalidJson, InvalidRequest, UnknownAction, Unauthorized, …
    ├── service not ready (503)   ObsUnavailable, ObsUnresponsive, TwitchNotConfigured, QueueFull, Busy, …
    ├── Twitch (502 and 504)      TwitchRejected, TwitchTokenInvalid, TwitchMissingScope, TwitchUnavailable, Timeout
    └── a job's end               SceneNotFound, StreamStartFailed (and its kinds), StreamStartTimeout, …
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class ClawcraftError(Exception):
    """Base of every error an agent can see.

    Parameters: ``message`` one sentence for a person; ``details`` evidence, JSON-safe; ``hint`` and ``retryable``
    override the class's own where this case differs; ``retry_after_s`` seconds for the ``Retry-After`` header.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    default_retryable: ClassVar[bool]
    default_hint: ClassVar[str]

    def __init_subclass__(cls, *, status: int, retryable: bool = False) -> None:
        cls.code = re.sub("(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        cls.status = status
        cls.default_retryable = retryable

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        self.hint = self.default_hint if hint is None else hint
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after_s = retry_after_s

    def to_json(self) -> dict[str, Any]:
        """``{"code", "message", "retryable", "hint", "details"}``, the contract's ``error`` object."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "hint": self.hint,
            "details": dict(self.details),
        }

    def body(self, action: str | None, request_id: str | None) -> dict[str, Any]:
        """The contract's answer to a request that failed."""
        return {"ok": False, "action": action, "request_id": request_id, "error": self.to_json()}

    def headers(self) -> dict[str, str]:
        """The HTTP headers that belong to this error."""
        return {} if self.retry_after_s is None else {"Retry-After": str(max(1, math.ceil(self.retry_after_s)))}


# --- refusals: nothing has happened ------------------------------------------------------------------------------


class InvalidJson(ClawcraftError, status=400):
    """The body is not strict JSON: bad syntax, invalid UTF-8, NaN or Infinity, a key twice."""

    default_hint = "Send one JSON object in UTF-8, without NaN or Infinity and without repeating a key."


class InvalidRequest(ClawcraftError, status=400):
    """Valid JSON that breaks a schema. ``details.violations`` is a list of ``{path, rule, message}``."""

    default_hint = "Correct the fields named in details; GET /tools shows each action's schema."


class UnknownAction(ClawcraftError, status=400):
    """The action is not on the allowlist. ``details.allowed`` lists those that are."""

    default_hint = "Use one of the actions in details.allowed."


class Unauthorized(ClawcraftError, status=401):
    """No bearer token, or not the right one."""

    default_hint = (
        "Send 'Authorization: Bearer <token>': TOOL_SERVICE_TOKEN, which the OBS panel shows, or the token that the "
        "streamer made for you. One that was replaced or revoked is over: ask the streamer for another."
    )

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": 'Bearer realm="twitch-clawcraft"'}


class InvalidSignature(ClawcraftError, status=401):
    """The request signature is absent, malformed, wrong or too old."""

    default_hint = (
        "Send X-Tool-Timestamp: <Unix seconds> and X-Tool-Signature: sha256=<hex HMAC-SHA256 of timestamp + '.' + raw "
        "body>, and keep the clocks within 300 s."
    )


class ReplayedRequest(ClawcraftError, status=401):
    """A signed request was seen before inside the window, and no answer to its request_id is kept."""

    default_hint = "Give each request its own request_id, and sign each try anew with the time of sending."


class ClientNotAllowed(ClawcraftError, status=403):
    """The client's address, or the Host it asked for, is not allowed."""

    default_hint = "Add the address to TOOL_SERVICE_ALLOWED_CLIENTS, or call from an allowed one."


class ActionDisabled(ClawcraftError, status=403):
    """The operator switched this action off."""

    default_hint = "The streamer can switch the action on in the OBS script panel. Do not retry until then."


class ChannelNotAllowed(ClawcraftError, status=403):
    """The request names a channel that is not the service's own and not allowlisted."""

    default_hint = (
        "Leave 'channel' out: only the streamer's own is allowed. Do not do there what was meant for another channel."
    )


class AgentMismatch(ClawcraftError, status=403):
    """The request's agent_id is not the name of the agent whose token it carries."""

    default_hint = "Send the name of your own token as agent_id: details.agent_id."


class RefusedByGuardRail(ClawcraftError, status=403):
    """The streamer set a bound, and this is beyond it; ``details`` has the ``rail``, its ``setting`` and why."""

    default_hint = "The streamer set this bound on purpose. Stay within it, and do not look for another way."


class NotFound(ClawcraftError, status=404):
    """No such path."""

    default_hint = "GET /openapi.json lists every path."


class JobNotFound(ClawcraftError, status=404):
    """No job with this id: never was, or older than TOOL_JOB_TTL_MS."""

    default_hint = "Check the id; GET /tools/jobs lists the jobs that are kept."


class MethodNotAllowed(ClawcraftError, status=405):
    """The path exists, not with this method. ``details.allowed`` lists the methods."""

    default_hint = "Use a method named in details.allowed."

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "Allow": ", ".join(self.details["allowed"])}


class IdempotencyConflict(ClawcraftError, status=409):
    """The same key was used for something else."""

    default_hint = "Use a new request_id for a different request."


class PayloadTooLarge(ClawcraftError, status=413):
    """The body is larger than 64 KiB."""

    default_hint = "Keep the body within 64 KiB."


class HeadersTooLarge(ClawcraftError, status=431):
    """The request line and headers are larger than 16 KiB."""

    default_hint = "Send fewer or shorter headers; arguments belong in the body."


class UnsupportedMediaType(ClawcraftError, status=415):
    """The body is not declared as JSON."""

    default_hint = "Send 'Content-Type: application/json'."


class PausedByOperator(ClawcraftError, status=423):
    """The streamer paused the agent."""

    default_hint = "Tell the streamer, and do not poll: only they can let the agent go on, in OBS."


class RateLimited(ClawcraftError, status=429, retryable=True):
    """Too many requests; ``retry_after_s`` is exact."""

    default_hint = "Wait for the seconds in Retry-After, then send the same request again."


class InternalError(ClawcraftError, status=500):
    """A defect in the service; the log has the traceback under the same request id."""

    default_hint = "Report the message with the service log around this time."


# --- Twitch -------------------------------------------------------------------------------------------------------


class TwitchRejected(ClawcraftError, status=502):
    """Twitch refused the call; ``details`` has its ``twitch_status`` and ``twitch_message``."""

    default_hint = "Read details.twitch_message; change the request accordingly."


class TwitchTokenInvalid(ClawcraftError, status=502):
    """The Twitch token is revoked, expired beyond refresh, or of another client."""

    default_hint = "The streamer has to connect Twitch again (OBS script panel, or tools/twitch_login.py)."


class TwitchMissingScope(ClawcraftError, status=502):
    """The token lacks a scope this action needs; ``details`` has ``missing`` and ``action``."""

    default_hint = (
        "The streamer has to connect Twitch again in the OBS script panel, which grants details.missing; an "
        "agent cannot."
    )


class TwitchUnavailable(ClawcraftError, status=502, retryable=True):
    """Twitch did not answer properly (connection, 5xx, 429 beyond the deadline)."""

    default_hint = "Twitch has trouble; try again in some minutes."


class GameNotFound(ClawcraftError, status=502):
    """No category has exactly this name; ``details.suggestions`` lists near ones."""

    default_hint = "Use one of details.suggestions, exactly as written."


class ChatMessageDropped(ClawcraftError, status=502):
    """Twitch accepted the call and dropped the message; ``details.drop_reason`` is Twitch's own."""

    default_hint = "Change the message according to details.drop_reason; the same text would be dropped again."


class ChannelOffline(ClawcraftError, status=502):
    """The action needs a live channel and Twitch shows it offline."""

    default_hint = (
        "Do not start a stream for this. If it has only just started, try once more in 3 minutes: Twitch shows it late."
    )


class Timeout(ClawcraftError, status=504):
    """The action's own deadline passed."""

    default_hint = "It is not known whether the action took effect; check before anything else."


# --- service not ready: nothing was attempted ---------------------------------------------------------------------


class ObsUnavailable(ClawcraftError, status=503, retryable=True):
    """There is no OBS behind the service, or it cannot do this."""

    default_hint = "OBS runs but cannot do this, or is not there: tell the streamer what the message says."


class ObsUnresponsive(ClawcraftError, status=503, retryable=True):
    """OBS's UI thread did not run our call before its deadline."""

    default_hint = "OBS's window is busy or blocked; someone should look at OBS, then try again."


class TwitchNotConfigured(ClawcraftError, status=503):
    """There are no Twitch credentials."""

    default_hint = "The streamer has to connect Twitch in the OBS script panel, or set TWITCH_OAUTH_TOKEN."


class QueueFull(ClawcraftError, status=503, retryable=True):
    """Too many jobs wait already."""

    default_hint = "Wait until queued jobs end, then send the same request again."


class Busy(ClawcraftError, status=503, retryable=True):
    """A resource is in use that this request needs."""

    default_hint = "Try again after the seconds in Retry-After."


class ObsBusy(ClawcraftError, status=503, retryable=True):
    """OBS asks the streamer something, or whether it is connecting is not known: a start could be a second one."""

    default_hint = "Ask the streamer to close the box in OBS; then send the same request again."


class StorageUnavailable(ClawcraftError, status=503, retryable=True):
    """The job table cannot be written or read: disk full, read-only, or in use by another OBS."""

    default_hint = "Free disk space, or make the folder in details.path writable for OBS, then send the request again."


class Stopping(ClawcraftError, status=503, retryable=True):
    """The service is shutting down."""

    default_hint = "OBS is closing or the script reloads; try again in a few seconds."


# --- how a job can end --------------------------------------------------------------------------------------------


class SceneNotFound(ClawcraftError, status=400):
    """No such scene in the current collection; ``details.scenes`` lists those there are."""

    default_hint = "Use one of details.scenes, exactly as written."


class StreamStartFailed(ClawcraftError, status=502):
    """OBS could not start; ``details`` has ``obs_code``, ``obs_reason`` and, if OBS gave one, ``obs_error``."""

    default_hint = (
        "Tell the streamer details.obs_reason. Start again only after something was changed, or if they ask for it."
    )


class StreamKeyRefused(StreamStartFailed, status=502):
    """The ingest server refused the stream (OBS_OUTPUT_INVALID_STREAM, -3)."""

    default_hint = "Check the stream key in OBS, Settings, Stream. Retrying does not help."


class StreamConnectFailed(StreamStartFailed, status=502):
    """OBS could not connect to the ingest server (OBS_OUTPUT_CONNECT_FAILED, -2)."""

    default_hint = "Check the network and the server in OBS, Settings, Stream, then start again with a new request_id."


class StreamDisconnected(StreamStartFailed, status=502):
    """The connection was lost before the stream was up (OBS_OUTPUT_DISCONNECTED, -5)."""

    default_hint = "Check the network, then start again with a new request_id."


class EncoderNotStarted(StreamStartFailed, status=502):
    """OBS never started the output: an encoder or the service settings failed before connecting."""

    default_hint = (
        "OBS shows an error box: ask the streamer to close it and to choose another encoder in Settings, Output."
    )


class StreamStartTimeout(ClawcraftError, status=504):
    """OBS neither connected nor gave up before OBS_STREAM_OPERATION_TIMEOUT_MS."""

    default_hint = (
        "OBS may still be connecting, and another start does not help: ask the streamer to press Stop Streaming in OBS."
    )


class StreamStopTimeout(ClawcraftError, status=504):
    """OBS did not report the stream stopped before OBS_STREAM_OPERATION_TIMEOUT_MS."""

    default_hint = "The stream may still be live: ask the streamer at once to stop it in OBS."


class DeniedByOperator(ClawcraftError, status=403):
    """The streamer was asked, and said no; or wants to be asked by now about what was about to act unasked."""

    default_hint = "The streamer does not want this now. Do not ask again unless the streamer tells you to."


class ApprovalExpired(ClawcraftError, status=504):
    """The streamer was asked, and did not answer in time: silence is a no."""

    default_hint = "Nothing was done. Tell the streamer that it waits for their answer in OBS before you ask again."


class Superseded(ClawcraftError, status=409):
    """A later stop took this start's place: an agent's ``stop_stream``, or the streamer's own in OBS."""

    default_hint = (
        "A stop was asked for after this start. Start again, with a new request_id, only if the streamer asks for it."
    )


class Interrupted(ClawcraftError, status=503):
    """OBS or the service ended while the job was queued or running, or the action ran; nothing is resumed by itself."""

    default_hint = (
        "Check the state of the stream. Do it again, with a new request_id, only if the streamer still wants it."
    )


def error_classes() -> Iterator[type[ClawcraftError]]:
    """Every class of the table, the base excluded: for the docs, the OpenAPI document and the tests."""
    pending = list(ClawcraftError.__subclasses__())
    while pending:
        cls = pending.pop(0)
        yield cls
        pending.extend(cls.__subclasses__())
