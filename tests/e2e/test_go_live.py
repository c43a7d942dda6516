"""From an HTTP call to a stream that a viewer's player can open, and back."""

import threading
from itertools import pairwise
from typing import Any

import pytest

from tests.support.show import Show
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real_obs, pytest.mark.core]


def test_a_start_puts_h264_and_aac_on_air_and_a_stop_takes_it_off(show: Show) -> None:
    started = show.client.run("twitch.start_stream", "go-live-1")
    assert started["status"] == "done", started
    assert started["result"]["status"] == "started"
    assert show.rtmp.probe() == {"video": "h264", "audio": "aac"}
    assert show.stream_state() == "live"
    stopped = show.client.run("twitch.stop_stream", "go-off-1", reason="end of the test")
    assert stopped["status"] == "done", stopped
    assert stopped["result"]["status"] == "stopped"
    wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")
    assert show.stream_state() == "offline"


def test_starting_twice_and_stopping_twice_is_safe(show: Show) -> None:
    assert show.client.run("twitch.start_stream", "twice-1")["result"]["status"] == "started"
    assert show.client.run("twitch.start_stream", "twice-2")["result"]["status"] == "already_running"
    assert show.client.run("twitch.stop_stream", "twice-3")["result"]["status"] == "stopped"
    assert show.client.run("twitch.stop_stream", "twice-4")["result"]["status"] == "already_stopped"


def test_a_start_with_a_scene_switches_first_and_an_unknown_scene_starts_nothing(show: Show) -> None:
    failed = show.client.run("twitch.start_stream", "scene-1", obs_scene="No such scene")
    assert failed["error"]["code"] == "scene_not_found"
    assert failed["error"]["details"]["scenes"] == ["Main", "BRB"]
    assert show.stream_state() == "offline"
    done = show.client.run("twitch.start_stream", "scene-2", obs_scene="BRB")
    assert done["status"] == "done", done
    assert show.client.status()["obs"]["current_scene"] == "BRB"
    show.client.run("twitch.stop_stream", "scene-3")


def test_a_start_with_a_title_but_no_twitch_goes_live_and_says_so(show: Show) -> None:
    done = show.client.run("twitch.start_stream", "title-1", title="Hello")
    assert done["status"] == "done"
    assert done["result"]["metadata"]["error"]["code"] == "twitch_not_configured"
    assert any("twitch_not_configured" in str(warning) for warning in done["result"]["warnings"])
    show.client.run("twitch.stop_stream", "title-2")


@pytest.mark.parametrize(
    ("action", "args"),
    [
        ("twitch.set_title", {"title": "Hello"}),
        ("twitch.set_game", {"game_id": "509658"}),
        ("twitch.post_chat_message", {"message": "hi"}),
        ("twitch.create_clip", {}),
    ],
)
def test_without_twitch_every_sync_action_says_so_every_time(show: Show, action: str, args: dict[str, Any]) -> None:
    for _ in range(2):
        answer = show.client.post(action, f"none-{action}", **args)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "twitch_not_configured")


def test_sixteen_agents_starting_at_once_start_obs_once(show: Show) -> None:
    show.client.run("twitch.stop_stream", "sixteen-before")
    marks = show.obs.process.mark()
    agents = [show.agent(f"agent-{number}") for number in range(16)]
    barrier = threading.Barrier(len(agents))
    ends: list[dict[str, Any]] = []

    def start(number: int) -> None:
        barrier.wait()
        ends.append(agents[number].run("twitch.start_stream", f"sixteen-{number}"))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(len(agents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for agent in agents:
        agent.close()
    assert [end["status"] for end in ends] == ["done"] * 16
    assert sorted(end["result"]["status"] for end in ends) == ["already_running"] * 15 + ["started"]
    starts = [line for line in show.obs.process.lines()[marks:] if "==== Streaming Start" in line]
    assert len(starts) == 1
    assert show.rtmp.publishers() == ["testkey"]
    show.client.run("twitch.stop_stream", "sixteen-after")


def test_progress_never_falls_and_times_are_in_order(show: Show) -> None:
    job_id = show.client.accept("twitch.start_stream", "progress-1")
    seen = [show.client.job(job_id)]
    while seen[-1]["status"] not in ("done", "failed"):
        seen.append(show.client.job(job_id))
    percents = [job["progress"]["percent"] for job in seen]
    assert all(before <= after for before, after in pairwise(percents))
    assert percents[-1] == 100
    assert seen[-1]["created_at"] <= seen[-1]["started_at"] <= seen[-1]["finished_at"]
    show.client.run("twitch.stop_stream", "progress-2")


def test_nothing_reaches_obs_at_warning_or_above(show: Show) -> None:
    assert show.obs.warnings() == []
