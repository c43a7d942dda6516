"""The steps of a start and a stop: in which order they take effect, what each failure means, what the result says."""

from collections.abc import Mapping
from typing import Any

import pytest

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.actions.handlers import ActionContext
from clawcraft.actions.stream import (
    CHANNEL_NOT_VERIFIED,
    LIVE_NOT_CONFIRMED,
    METADATA_NOT_VERIFIED,
    OBS_FROM,
    OBS_TO,
    RECONNECTING,
    start_stream,
    stop_stream,
)
from clawcraft.errors import (
    ChannelNotAllowed,
    ClawcraftError,
    GameNotFound,
    Interrupted,
    SceneNotFound,
    Stopping,
    StreamKeyRefused,
    Superseded,
    TwitchNotConfigured,
    TwitchUnavailable,
)
from clawcraft.twitch.live_check import Expected
from tests.support.events import RecordedEvents
from tests.support.job_rig import StreamDouble, TwitchDouble


class Steps:
    """The doubles with one common list of what took effect, and the job's progress."""

    def __init__(self) -> None:
        self.stream = StreamDouble()
        self.twitch = TwitchDouble()
        self.stream.calls = self.twitch.calls = self.effects = []
        self.log = RecordedEvents()
        self.percents: list[int] = []
        self.messages: list[str] = []
        self.ends_at: tuple[int, Exception] | None = None
        self.forbidden_by: ClawcraftError | None = None

    effects: list[str]

    def progress(self, percent: int, message: str) -> None:
        self.percents.append(percent)
        self.messages.append(message)
        if self.ends_at is not None and len(self.percents) == self.ends_at[0]:
            raise self.ends_at[1]

    def may(self) -> None:
        if self.forbidden_by is not None:
            raise self.forbidden_by

    def start(self, **args: object) -> dict[str, object]:
        return start_stream(self._context("twitch.start_stream", args))

    def stop(self, **args: object) -> dict[str, object]:
        return stop_stream(self._context("twitch.stop_stream", args))

    def _context(self, action: str, args: dict[str, object]) -> ActionContext:
        row = BY_NAME[action]
        return ActionContext(row, args, self.stream, self.twitch, self.log, "job_1", self.progress, self.may)


@pytest.fixture
def steps() -> Steps:
    return Steps()


def test_a_start_takes_effect_in_the_contracts_order(steps: Steps) -> None:
    result = steps.start(channel="streamer", title="t", game="g", obs_scene="Game", wait_until_live=True)
    assert steps.effects == ["check streamer", "check_scene Game", "apply", "start Game", "wait"]
    assert result == {
        "status": "started",
        "scene": "Game",
        "attempts": 1,
        "metadata": {"status": "updated", "verified": True},
        "live": {"live": True, "waited_s": 3.0},
        "warnings": [],
    }


def test_progress_rises_over_all_steps_and_is_said_in_words(steps: Steps) -> None:
    steps.start(title="t", wait_until_live=True)
    assert steps.percents == sorted(set(steps.percents))
    assert OBS_FROM < steps.percents[2] < OBS_TO
    assert steps.percents[-1] < 100
    assert all(steps.messages)


@pytest.mark.parametrize("args", [{}, {"wait_until_live": False}])
def test_a_plain_start_needs_nothing_of_twitch(steps: Steps, args: dict[str, bool]) -> None:
    assert steps.start(**args) == {"status": "started", "scene": None, "attempts": 1, "warnings": []}
    assert steps.effects == ["start None"]


@pytest.mark.parametrize("args", [{"title": "t"}, {"game": "g"}, {"game_id": "1"}])
def test_each_of_title_game_and_game_id_is_metadata(steps: Steps, args: dict[str, str]) -> None:
    assert "metadata" in steps.start(**args)


def test_an_unknown_scene_changes_nothing_not_even_the_title(steps: Steps) -> None:
    with pytest.raises(SceneNotFound) as unknown:
        steps.start(title="t", obs_scene="Nowhere")
    assert unknown.value.details["scenes"] == ["Game", "Chat"]
    assert steps.effects == ["check_scene Nowhere"]


def test_a_strangers_channel_changes_nothing(steps: Steps) -> None:
    for act in (steps.start, steps.stop):
        steps.effects.clear()
        with pytest.raises(ChannelNotAllowed):
            act(channel="stranger")
        assert steps.effects == ["check stranger"]


@pytest.mark.parametrize(
    "error",
    [TwitchNotConfigured("no credentials"), TwitchUnavailable("down"), GameNotFound("?", details={"suggestions": []})],
)
def test_a_metadata_failure_is_a_warning_and_the_stream_starts(steps: Steps, error: TwitchNotConfigured) -> None:
    steps.twitch.fails_with = error
    result = steps.start(title="t")
    assert (result["status"], result["warnings"]) == ("started", [error.code])
    assert result["metadata"] == {"error": error.to_json()}
    assert steps.stream.live


def test_even_a_defect_in_metadata_does_not_keep_the_stream_from_starting(steps: Steps) -> None:
    steps.twitch.fails_with = KeyError("boom")
    result = steps.start(title="t")
    assert (result["status"], result["warnings"]) == ("started", ["internal_error"])
    assert "boom" not in str(result)
    assert "boom" in steps.log.named("incident")[0]["traceback"]


def test_metadata_that_twitch_does_not_show_yet_is_a_warning(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.twitch, "apply_metadata", lambda args, may: {"status": "updated", "verified": False})
    assert steps.start(title="t")["warnings"] == [METADATA_NOT_VERIFIED]


def test_a_channel_that_twitch_cannot_confirm_now_is_a_warning(steps: Steps) -> None:
    error = steps.twitch.check_fails_with = TwitchUnavailable("down")
    for act, status in ((steps.start, "started"), (steps.stop, "stopped")):
        result = act(channel="streamer")
        assert (result["status"], result["warnings"]) == (status, [CHANNEL_NOT_VERIFIED])
        assert result["channel"] == {"error": error.to_json()}


def test_already_live_gets_title_and_scene_and_says_so(steps: Steps) -> None:
    steps.stream.live = True
    result = steps.start(title="t", obs_scene="Chat")
    assert result["status"] == "already_running"
    assert steps.effects == ["check_scene Chat", "apply", "start Chat"]


def test_already_live_and_reconnecting_warns_that_viewers_see_nothing(steps: Steps) -> None:
    steps.stream.live = steps.stream.reconnecting = True
    assert steps.start()["warnings"] == [RECONNECTING]


@pytest.mark.parametrize("args", [{}, {"title": "t"}])
def test_a_start_that_fails_says_whether_title_and_game_are_changed_already(
    steps: Steps, monkeypatch: pytest.MonkeyPatch, args: dict[str, str]
) -> None:
    def refused(*_args: object) -> Mapping[str, Any]:
        raise StreamKeyRefused("The streaming server refused the stream key.")

    monkeypatch.setattr(steps.stream, "start", refused)
    with pytest.raises(StreamKeyRefused) as raised:
        steps.start(**args)
    assert raised.value.message.endswith("Title and game had been set before.") == bool(args)
    assert ("metadata" in raised.value.details) == bool(args)


def test_a_start_waits_for_another_stream_than_the_one_listed_before_it(steps: Steps) -> None:
    steps.twitch.listed = "4001"
    steps.start(wait_until_live=True)
    assert steps.twitch.expected == Expected(5.0, "4001")
    # Already on air, what is listed may well be it.
    steps.start(wait_until_live=True)
    assert steps.twitch.expected == Expected(5.0)


def test_not_shown_live_in_time_is_a_warning(steps: Steps) -> None:
    steps.twitch.shown_live = False
    result = steps.start(wait_until_live=True)
    assert (result["status"], result["warnings"]) == ("started", [LIVE_NOT_CONFIRMED])


@pytest.mark.parametrize("again", [False, True], ids=["ends", "ends, and another begins"])
def test_a_stream_that_ends_in_obs_is_not_waited_for(steps: Steps, again: bool) -> None:
    def streamer_stops() -> None:
        steps.stream.stop(unseen)
        steps.stream.live = again

    steps.twitch.before_return = streamer_stops
    result = steps.start(wait_until_live=True)
    assert (result["status"], result["warnings"]) == ("started", [LIVE_NOT_CONFIRMED])
    assert result["live"] == {"live": False, "waited_s": 3.0, "warning": "it ended"}


def unseen(*_: object) -> None:
    """The progress of a job that nobody looks at."""


@pytest.mark.parametrize("end", [Interrupted("the service stops"), Superseded("a stop came")])
def test_a_job_that_is_to_end_goes_no_further(steps: Steps, end: Exception) -> None:
    for after in range(1, 6):
        steps.effects.clear()
        steps.percents.clear()
        steps.stream.live = False
        steps.ends_at = (after, end)
        with pytest.raises(type(end)):
            steps.start(title="t", wait_until_live=True)
        assert len(steps.percents) == after
    assert steps.effects == ["check_scene None", "apply", "start None", "wait"]


@pytest.mark.parametrize("end", [Stopping("closing"), Interrupted("closing")])
def test_the_end_of_the_service_while_at_twitch_is_no_mere_warning(steps: Steps, end: ClawcraftError) -> None:
    steps.twitch.fails_with = end
    with pytest.raises(Interrupted):
        steps.start(title="t")
    steps.twitch.check_fails_with = end
    for act in (steps.start, steps.stop):
        with pytest.raises(Interrupted):
            act(channel="streamer")
    assert "start None" not in steps.effects
    assert "stop" not in steps.effects


def test_a_stop_carries_its_reason_and_says_whether_anything_ran(steps: Steps) -> None:
    steps.stream.live = True
    assert steps.stop(reason="bedtime") == {"status": "stopped", "reason": "bedtime", "warnings": []}
    assert steps.stop() == {"status": "already_stopped", "reason": None, "warnings": []}
    assert steps.percents == [9, 9]
