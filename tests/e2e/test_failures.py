"""Each way a start or stop fails, provoked for real: the right code in time, HTTP alive, and the next start works."""

import time
from collections.abc import Iterator

import pytest
import requests

from tests.support.show import Show
from tests.support.waiting import HANG_S, insist, wait_until

pytestmark = pytest.mark.real_obs


@pytest.fixture(autouse=True)
def next_start_succeeds(show: Show) -> Iterator[None]:
    yield
    show.gate.forward(show.rtmp.port)
    name = f"after-{time.monotonic_ns()}"
    show.obs.close_error_boxes()
    done = show.client.run("twitch.start_stream", name)
    assert done["status"] == "done", done
    assert show.client.run("twitch.stop_stream", name + "-stop")["result"]["status"] == "stopped"
    wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")


def health_answers(show: Show) -> None:
    answer = requests.get(f"{show.client.url}/health", timeout=HANG_S)
    assert answer.json()["ok"] is True


@pytest.mark.core
def test_a_dead_server_is_tried_again_and_then_named(show: Show) -> None:
    show.gate.dead()
    job_id = show.client.accept("twitch.start_stream", "dead")
    health_answers(show)
    failed = show.client.ended(job_id)
    assert failed["error"]["code"] == "stream_connect_failed"
    assert failed["error"]["details"]["obs_code"] == -2
    assert failed["error"]["details"]["attempts"] == 3
    health_answers(show)


@pytest.mark.core
def test_a_refused_key_is_named_at_once_and_not_tried_again(show: Show) -> None:
    show.gate.forward(show.rtmp.refusing_port)
    failed = show.client.run("twitch.start_stream", "refused")
    assert failed["error"]["code"] == "stream_key_refused"
    assert failed["error"]["details"]["obs_code"] == -3
    assert failed["error"]["details"]["attempts"] == 1


@pytest.mark.core
def test_http_answers_beneath_the_error_box(show: Show) -> None:
    show.gate.forward(show.rtmp.refusing_port)
    show.client.run("twitch.start_stream", "boxed")
    show.obs.wait_error_box()
    health_answers(show)
    assert show.stream_state() == "offline"
    show.gate.forward(show.rtmp.port)
    assert show.client.run("twitch.start_stream", "boxed-again")["status"] == "done"
    assert show.client.run("twitch.stop_stream", "boxed-stop")["status"] == "done"


def test_a_silent_server_times_out_within_the_deadline(show: Show) -> None:
    show.gate.silent()
    failed = show.client.run("twitch.start_stream", "silent")
    assert failed["error"]["code"] == "stream_start_timeout"
    assert failed["error"]["details"]["timeout_s"] == 20
    health_answers(show)
    show.gate.gone()


def test_a_stop_while_connecting_supersedes_the_start(show: Show) -> None:
    show.gate.silent()
    before = show.gate.accepted
    start_id = show.client.accept("twitch.start_stream", "superseded")
    show.gate.wait_accepted(before + 1)
    stop_id = show.client.accept("twitch.stop_stream", "superseding")
    start = show.client.ended(start_id)
    assert start["error"]["code"] == "superseded"
    show.gate.gone()
    stop = show.client.ended(stop_id)
    assert stop["status"] == "done", stop
    assert show.stream_state() == "offline"


def test_a_connection_lost_while_starting_is_named(show: Show) -> None:
    show.gate.silent()
    before = show.gate.accepted
    job_id = show.client.accept("twitch.start_stream", "cut")
    show.gate.wait_accepted(before + 1)
    show.gate.gone()
    failed = show.client.ended(job_id)
    assert failed["error"]["code"] in ("stream_connect_failed", "stream_disconnected")


def test_a_stop_works_while_obs_reconnects(show: Show) -> None:
    assert show.client.run("twitch.start_stream", "reconnect")["status"] == "done"
    show.gate.gone()
    wait_until(lambda: show.stream_state() == "reconnecting", "OBS reconnects")
    again = show.client.run("twitch.start_stream", "reconnect-again")
    assert again["result"]["status"] == "already_running"
    stopped = show.client.run("twitch.stop_stream", "reconnect-stop")
    assert stopped["result"]["status"] == "stopped", stopped


@pytest.mark.core
def test_obs_that_reconnects_is_live_again(show: Show) -> None:
    assert show.client.run("twitch.start_stream", "back")["status"] == "done"
    show.gate.gone()
    wait_until(lambda: show.stream_state() == "reconnecting", "OBS reconnects")
    show.gate.forward(show.rtmp.port)
    wait_until(lambda: show.stream_state() == "live", "OBS is back")
    assert show.client.run("twitch.stop_stream", "back-stop")["result"]["status"] == "stopped"


def test_a_start_the_streamer_has_just_clicked_is_joined(show: Show) -> None:
    show.gate.silent()
    before = show.gate.accepted

    def click() -> None:
        show.obs.close_error_boxes()  # the one of a failure before may open late, and takes every click
        show.obs.wait_clicks_taken()
        if show.stream_state() == "offline":  # a second click would break off what the first began
            show.obs.click("stream")

    insist(click, lambda: show.stream_state() != "offline", "the click begins a stream")
    show.gate.wait_accepted(before + 1)
    job_id = show.client.accept("twitch.start_stream", "joined")
    wait_until(lambda: show.client.job(job_id)["status"] == "running", "the job runs")
    show.gate.forward(show.rtmp.port)
    show.gate.cut()
    joined = show.client.ended(job_id)
    assert joined["status"] == "done", joined
    assert show.rtmp.publishers() == ["testkey"]
    assert show.client.run("twitch.stop_stream", "joined-stop")["result"]["status"] == "stopped"
