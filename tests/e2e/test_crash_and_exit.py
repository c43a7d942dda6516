"""OBS dying, closing and reloading: nothing accepted is lost, nothing goes live by itself, nothing is left behind."""

import http.client
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.support.show import Show

pytestmark = pytest.mark.real_obs
POLL_S = 30


@pytest.fixture
def own_show(tmp_path: Path) -> Show:
    return Show(tmp_path)


def test_a_start_that_dies_with_obs_is_interrupted_and_never_resumed(own_show: Show) -> None:
    with own_show as show:
        show.gate.silent()
        job_id = show.client.accept("twitch.start_stream", "dies")
        show.gate.wait_accepted(1)
        show.obs.kill()
        show.gate.forward(show.rtmp.port)
        show.start()
        job = show.client.job(job_id)
        assert (job["status"], job["error"]["code"]) == ("failed", "interrupted")
        assert show.client.accept("twitch.start_stream", "dies") == job_id
        assert show.stream_state() == "offline"
        assert show.rtmp.publishers() == []


def test_a_thousand_accepted_jobs_survive_kill_9(own_show: Show) -> None:
    with own_show as show:
        show.gate.silent()
        accepted = [show.client.accept("twitch.start_stream", f"thousand-{number}") for number in range(1000)]
        show.obs.kill()
        show.start()
        assert len(set(accepted)) == 1000
        for number, job_id in enumerate(accepted):
            job = show.client.job(job_id)
            assert job["request_id"] == f"thousand-{number}"
            assert job["error"]["code"] == "interrupted"


@pytest.mark.core
def test_exit_is_quick_and_clean_with_everything_in_flight(own_show: Show) -> None:
    with own_show as show:
        show.gate.silent()
        job_id = show.client.accept("twitch.start_stream", "in-flight")
        show.gate.wait_accepted(1)
        idle = http.client.HTTPConnection("127.0.0.1", show.port)
        idle.request("GET", "/health")
        idle.getresponse().read()
        endings: list[object] = []

        def poll() -> None:
            try:
                endings.append(show.client.get(f"/tools/jobs/{job_id}", wait=POLL_S).json())
            except requests.RequestException as error:
                endings.append(error)

        poller = threading.Thread(target=poll)
        poller.start()
        began = time.monotonic()
        show.obs.click("exit")
        show.obs.process.wait_for_line(r"=+ Shutting down|Freeing OBS context data", 10)
        show.gate.dead()
        show.gate.cut()  # OBS itself joins its connecting thread, whatever the scripts do
        assert show.obs.wait_exit() == 0
        took_s = time.monotonic() - began
        poller.join(5)
        idle.close()
        assert not poller.is_alive()
        assert show.obs.memory_leaks() == 0
        assert took_s < POLL_S, "OBS waited for a poll"
        assert show.obs.warnings() == []


@pytest.mark.core
def test_exit_while_status_is_asked_all_the_time_does_not_crash(own_show: Show) -> None:
    with own_show as show:
        stop = threading.Event()

        def ask(agent_id: str) -> None:
            agent = show.agent(agent_id)
            while not stop.is_set():
                try:
                    agent.get("/status")
                except requests.RequestException:
                    break
            agent.close()

        threads = [threading.Thread(target=ask, args=(f"asker-{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        assert show.obs.quit() == 0
        stop.set()
        for thread in threads:
            thread.join(10)
        assert show.obs.memory_leaks() == 0
