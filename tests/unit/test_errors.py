"""The one table of errors: complete, unique, and helpful."""

import json

import pytest

from clawcraft.errors import ClawcraftError, RateLimited, TwitchRejected, error_classes

CONTRACT = {
    "invalid_json": 400, "invalid_request": 400, "unknown_action": 400,
    "unauthorized": 401, "invalid_signature": 401, "replayed_request": 401,
    "client_not_allowed": 403, "action_disabled": 403, "channel_not_allowed": 403,
    "not_found": 404, "job_not_found": 404, "method_not_allowed": 405, "idempotency_conflict": 409,
    "payload_too_large": 413, "unsupported_media_type": 415, "paused_by_operator": 423, "rate_limited": 429,
    "internal_error": 500,
    "twitch_rejected": 502, "twitch_token_invalid": 502, "twitch_missing_scope": 502, "twitch_unavailable": 502,
    "obs_unavailable": 503, "obs_unresponsive": 503, "twitch_not_configured": 503, "queue_full": 503, "busy": 503,
    "obs_busy": 503,
    "stopping": 503, "timeout": 504,
}  # fmt: skip
JOB_CODES = {
    "scene_not_found", "stream_start_failed", "stream_start_timeout", "stream_stop_timeout", "superseded",
    "interrupted", "game_not_found", "chat_message_dropped", "channel_offline",
}  # fmt: skip


def test_every_code_of_the_contract_has_its_status() -> None:
    table = {cls.code: cls.status for cls in error_classes()}
    assert CONTRACT.items() <= table.items()
    assert table.keys() >= JOB_CODES


def test_no_code_stands_for_two_errors() -> None:
    codes = [cls.code for cls in error_classes()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("cls", list(error_classes()), ids=lambda cls: cls.code)
def test_each_error_says_what_to_do_and_goes_into_json(cls: type[ClawcraftError]) -> None:
    error = cls("what happened", details={"evidence": 1})
    assert error.hint
    assert cls.__doc__
    assert json.loads(json.dumps(error.to_json())) == {
        "code": cls.code, "message": "what happened", "retryable": cls.default_retryable, "hint": cls.default_hint,
        "details": {"evidence": 1},
    }  # fmt: skip


def test_a_case_can_say_that_it_differs_from_its_class() -> None:
    error = TwitchRejected("x", retryable=True, hint="wait", retry_after_s=2.5)
    assert (error.retryable, error.hint, error.retry_after_s) == (True, "wait", 2.5)
    assert RateLimited("x").retryable
