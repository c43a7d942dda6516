"""The one table of errors: each class is one code of the contract, with its HTTP status and its hint.

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
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar


class ClawcraftError(Exception):
    """Base of every error an agent can see.

    Parameters: ``message`` one sentence for a person; ``details`` evidence, JSON-safe; ``hint`` and ``retryable``
    override the class's own where this case differs; ``retry_after_s`` seconds for the ``Retry-After`` header.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    default_retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = ""

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
            "details": self.details,
        }

    def body(self, action: str | None, request_id: str | None) -> dict[str, Any]:
        """The contract's answer to a request that failed."""
        return {"ok": False, "action": action, "request_id": request_id, "error": self.to_json()}

    def headers(self) -> dict[str, str]:
        """The HTTP headers that belong to this error."""
        return {} if self.retry_after_s is None else {"Retry-After": str(max(1, math.ceil(self.retry_after_s)))}


# --- refusals: nothing has happened ------------------------------------------------------------------------------


class InvalidJson(ClawcraftError):
    """The body is not strict JSON: bad syntax, invalid UTF-8, NaN or Infinity, a key twice."""

    code, status = "invalid_json", 400
    default_hint = "Send one JSON object in UTF-8, without NaN or Infinity and without repeating a key."


class InvalidRequest(ClawcraftError):
    """Valid JSON that breaks a schema. ``details.violations`` is a list of ``{path, rule, message}``."""

    code, status = "invalid_request", 400
    default_hint = "Correct the fields named in details; GET /tools shows each action's schema."


class UnknownAction(ClawcraftError):
    """The action is not on the allowlist. ``details.allowed`` lists those that are."""

    code, status = "unknown_action", 400
    default_hint = "Use one of the actions in details.allowed."


class Unauthorized(ClawcraftError):
    """No bearer token, or not the right one."""

    code, status = "unauthorized", 401
    default_hint = "Send 'Authorization: Bearer <TOOL_SERVICE_TOKEN>'; the OBS panel shows where the token is."

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "WWW-Authenticate": 'Bearer realm="twitch-clawcraft"'}


class InvalidSignature(ClawcraftError):
    """The request signature is absent, malformed, wrong or too old."""

    code, status = "invalid_signature", 401
    default_hint = (
        "Send X-Tool-Timestamp: <Unix seconds> and X-Tool-Signature: sha256=<hex HMAC-SHA256 of timestamp + '.' + raw "
        "body>, and keep the clocks within 300 s."
    )


class ReplayedRequest(ClawcraftError):
    """A signed request was seen before inside the window, and no answer to its request_id is kept."""

    code, status = "replayed_request", 401
    default_hint = "Give each request its own request_id, and sign each try anew with the time of sending."


class ClientNotAllowed(ClawcraftError):
    """The client's address, or the Host it asked for, is not allowed."""

    code, status = "client_not_allowed", 403
    default_hint = "Add the address to TOOL_SERVICE_ALLOWED_CLIENTS, or call from an allowed one."


class ActionDisabled(ClawcraftError):
    """The operator switched this action off."""

    code, status = "action_disabled", 403
    default_hint = "The streamer can switch the action on in the OBS script panel. Do not retry until then."


class ChannelNotAllowed(ClawcraftError):
    """The request names a channel that is not the service's own and not allowlisted."""

    code, status = "channel_not_allowed", 403
    default_hint = "Leave 'channel' out to use the streamer's own channel."


class NotFound(ClawcraftError):
    """No such path."""

    code, status = "not_found", 404
    default_hint = "GET /openapi.json lists every path."


class JobNotFound(ClawcraftError):
    """No job with this id: never was, or older than TOOL_JOB_TTL_MS."""

    code, status = "job_not_found", 404
    default_hint = "Check the id; GET /tools/jobs lists the jobs that are kept."


class MethodNotAllowed(ClawcraftError):
    """The path exists, not with this method. ``details.allowed`` lists the methods."""

    code, status = "method_not_allowed", 405
    default_hint = "Use a method named in details.allowed."

    def headers(self) -> dict[str, str]:
        return {**super().headers(), "Allow": ", ".join(self.details["allowed"])}


class IdempotencyConflict(ClawcraftError):
    """The same key was used for something else."""

    code, status = "idempotency_conflict", 409
    default_hint = "Use a new request_id for a different request."


class PayloadTooLarge(ClawcraftError):
    """The body is larger than 64 KiB."""

    code, status = "payload_too_large", 413
    default_hint = "Keep the body within 64 KiB."


class HeadersTooLarge(ClawcraftError):
    """The request line and headers are larger than 16 KiB."""

    code, status = "headers_too_large", 431
    default_hint = "Send fewer or shorter headers; arguments belong in the body."


class UnsupportedMediaType(ClawcraftError):
    """The body is not declared as JSON."""

    code, status = "unsupported_media_type", 415
    default_hint = "Send 'Content-Type: application/json'."


class PausedByOperator(ClawcraftError):
    """The streamer paused the agent."""

    code, status = "paused_by_operator", 423
    default_hint = "Wait until the streamer resumes agent access in OBS; GET /status shows 'paused'."


class RateLimited(ClawcraftError):
    """Too many requests; ``retry_after_s`` is exact."""

    code, status, default_retryable = "rate_limited", 429, True
    default_hint = "Wait for the seconds in Retry-After, then send the same request again."


class InternalError(ClawcraftError):
    """A defect in the service; the log has the traceback under the same request id."""

    code, status = "internal_error", 500
    default_hint = "Report the message with the service log around this time."


# --- Twitch -------------------------------------------------------------------------------------------------------


class TwitchRejected(ClawcraftError):
    """Twitch refused the call; ``details`` has its ``twitch_status`` and ``twitch_message``."""

    code, status = "twitch_rejected", 502
    default_hint = "Read details.twitch_message; change the request accordingly."


class TwitchTokenInvalid(ClawcraftError):
    """The Twitch token is revoked, expired beyond refresh, or of another client."""

    code, status = "twitch_token_invalid", 502
    default_hint = "The streamer has to connect Twitch again (OBS script panel, or tools/twitch_login.py)."


class TwitchMissingScope(ClawcraftError):
    """The token lacks a scope this action needs; ``details`` has ``missing`` and ``action``."""

    code, status = "twitch_missing_scope", 502
    default_hint = "Connect Twitch again and grant the scope named in details.missing."


class TwitchUnavailable(ClawcraftError):
    """Twitch did not answer properly (connection, 5xx, 429 beyond the deadline)."""

    code, status, default_retryable = "twitch_unavailable", 502, True
    default_hint = "Twitch has trouble; try again later with the same request_id."


class GameNotFound(ClawcraftError):
    """No category has exactly this name; ``details.suggestions`` lists near ones."""

    code, status = "game_not_found", 502
    default_hint = "Use one of details.suggestions, exactly as written."


class ChatMessageDropped(ClawcraftError):
    """Twitch accepted the call and dropped the message; ``details.drop_reason`` is Twitch's own."""

    code, status = "chat_message_dropped", 502
    default_hint = "Change the message according to details.drop_reason; the same text would be dropped again."


class ChannelOffline(ClawcraftError):
    """The action needs a live channel and Twitch shows it offline."""

    code, status = "channel_offline", 502
    default_hint = "Start the stream first; Twitch can take up to 3 minutes to show a channel as live."


class Timeout(ClawcraftError):
    """The action's own deadline passed."""

    code, status = "timeout", 504
    default_hint = "It is not known whether the action took effect; check before sending a new request."


# --- service not ready: nothing was attempted ---------------------------------------------------------------------


class ObsUnavailable(ClawcraftError):
    """There is no OBS behind the service, or it cannot do this."""

    code, status, default_retryable = "obs_unavailable", 503, True
    default_hint = "Start OBS with the script loaded, then try again."


class ObsUnresponsive(ClawcraftError):
    """OBS's UI thread did not run our call before its deadline."""

    code, status, default_retryable = "obs_unresponsive", 503, True
    default_hint = "OBS's window is busy or blocked; someone should look at OBS, then try again."


class TwitchNotConfigured(ClawcraftError):
    """There are no Twitch credentials."""

    code, status = "twitch_not_configured", 503
    default_hint = "The streamer has to connect Twitch in the OBS script panel, or set TWITCH_OAUTH_TOKEN."


class QueueFull(ClawcraftError):
    """Too many jobs wait already."""

    code, status, default_retryable = "queue_full", 503, True
    default_hint = "Wait until queued jobs end, then send the same request again."


class Busy(ClawcraftError):
    """A resource is in use that this request needs."""

    code, status, default_retryable = "busy", 503, True
    default_hint = "Try again after the seconds in Retry-After."


class StorageUnavailable(ClawcraftError):
    """The job table cannot be written or read: disk full, read-only, or in use by another OBS."""

    code, status, default_retryable = "storage_unavailable", 503, True
    default_hint = "Free disk space, or make the folder in details.path writable for OBS, then send the request again."


class Stopping(ClawcraftError):
    """The service is shutting down."""

    code, status, default_retryable = "stopping", 503, True
    default_hint = "OBS is closing or the script reloads; try again in a few seconds."


# --- how a job can end --------------------------------------------------------------------------------------------


class SceneNotFound(ClawcraftError):
    """No such scene in the current collection; ``details.scenes`` lists those there are."""

    code, status = "scene_not_found", 400
    default_hint = "Use one of details.scenes, exactly as written."


class StreamStartFailed(ClawcraftError):
    """OBS could not start; ``details`` has ``obs_code``, ``obs_reason`` and, if OBS gave one, ``obs_error``."""

    code, status = "stream_start_failed", 502
    default_hint = "Read details.obs_reason; the OBS log has more."


class StreamKeyRefused(StreamStartFailed):
    """The ingest server refused the stream (OBS_OUTPUT_INVALID_STREAM, -3)."""

    code = "stream_key_refused"
    default_hint = "Check the stream key in OBS, Settings, Stream. Retrying does not help."


class StreamConnectFailed(StreamStartFailed):
    """OBS could not connect to the ingest server (OBS_OUTPUT_CONNECT_FAILED, -2)."""

    code, default_retryable = "stream_connect_failed", False
    default_hint = "Check the network and the server in OBS, Settings, Stream, then start again with a new request_id."


class StreamDisconnected(StreamStartFailed):
    """The connection was lost before the stream was up (OBS_OUTPUT_DISCONNECTED, -5)."""

    code = "stream_disconnected"
    default_hint = "Check the network, then start again with a new request_id."


class EncoderNotStarted(StreamStartFailed):
    """OBS never started the output: an encoder or the service settings failed before connecting."""

    code = "encoder_not_started"
    default_hint = "OBS shows an error box: close it, choose another encoder in Settings, Output, then start again."


class StreamStartTimeout(ClawcraftError):
    """OBS neither connected nor gave up before OBS_STREAM_OPERATION_TIMEOUT_MS."""

    code, status = "stream_start_timeout", 504
    default_hint = "The ingest server accepted the connection but stays silent; check it, then start again."


class StreamStopTimeout(ClawcraftError):
    """OBS did not report the stream stopped before OBS_STREAM_OPERATION_TIMEOUT_MS."""

    code, status = "stream_stop_timeout", 504
    default_hint = "GET /status shows whether the stream still runs; look at OBS."


class Superseded(ClawcraftError):
    """A later stop_stream took this start's place."""

    code, status = "superseded", 409
    default_hint = "A stop was requested after this start; start again with a new request_id if that is wanted."


class Interrupted(ClawcraftError):
    """OBS or the service ended while the job was queued or running; it is not resumed by itself."""

    code, status = "interrupted", 503
    default_hint = "Check GET /status, then send a new request with a new request_id."


def error_classes() -> Iterator[type[ClawcraftError]]:
    """Every class of the table, the base excluded: for the docs, the OpenAPI document and the tests."""
    pending = list(ClawcraftError.__subclasses__())
    while pending:
        cls = pending.pop(0)
        yield cls
        pending.extend(cls.__subclasses__())
