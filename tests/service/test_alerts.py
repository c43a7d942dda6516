"""The webhook of a whole service in the fake OBS: what goes wrong reaches it, and its address reaches nobody."""

from pathlib import Path

import pytest

from obs_mock.scenarios import Timings
from tests.service.conftest import Studio
from tests.support.receiver import Receiver
from tests.support.waiting import wait_until

KEY = "the-key-0123456789"


@pytest.fixture
def receiver(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """The environment of OBS names it."""
    monkeypatch.setenv("TOOL_ALERT_WEBHOOK_URL", receiver.url)
    return receiver


def test_a_failed_start_a_dropped_stream_and_their_ends_are_told(receiver: Receiver, tmp_path: Path) -> None:
    with Studio(tmp_path, Timings().scaled(0.05), "refused_key") as studio:
        client = studio.client()
        assert client.run("twitch.start_stream", "refused")["status"] == "failed"
        (failed,) = receiver.got(1)
        assert (failed["event"], failed["state"]) == ("job_failed", "raised")
        assert failed["untrusted"]["code"] == "stream_key_refused"
        studio.obs.meet("disconnect_gives_up", "good")
        assert client.run("twitch.start_stream", "drops")["status"] == "done"
        assert [body["state"] for body in receiver.got(2)] == ["raised", "recovered"]
        assert receiver.got(3)[2]["event"] == "stream_dropped"
        assert client.status()["alerts"]["open"] == ["stream_dropped"]
        assert client.run("twitch.start_stream", "again")["status"] == "done"
        recovered = receiver.got(4)[3]
        assert (recovered["event"], recovered["state"]) == ("stream_dropped", "recovered")
        assert recovered["summary"] == "The stream has been started again"
        # It is counted once the receiver's answer is there.
        wait_until(lambda: client.status()["alerts"]["sent"] == 4, "all four are counted")
        status = client.get("/status", check=1).json()
        assert status["alerts"]["problem"] is None
        assert {"name": "alerts", "outcome": "ok"}.items() <= status["checks"][-1].items()
        assert 'clawcraft_alerts_total{outcome="sent"} 4.0' in client.get("/metrics").text
        assert KEY not in client.get("/status", check=1).text


def test_a_receiver_that_refuses_shows_in_the_check_and_nowhere_is_its_address(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [(404, {})]
    with Studio(tmp_path, Timings().scaled(0.05), "refused_key") as studio:
        client = studio.client()
        assert client.run("twitch.start_stream", "refused")["status"] == "failed"
        wait_until(lambda: client.status()["alerts"]["given_up"] == 1, "it is given up")
        checks = client.get("/status", check=1).json()["checks"]
        (check,) = [check for check in checks if check["name"] == "alerts"]
        assert check["outcome"] == "warning"
        assert "404" in check["message"]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_the_end_of_obs_is_not_kept_by_a_receiver_that_hangs(receiver: Receiver, tmp_path: Path) -> None:
    receiver.hanging = True
    with Studio(tmp_path, Timings().scaled(0.05), "refused_key") as studio:
        client = studio.client()
        client.run("twitch.start_stream", "refused")
        receiver.got(1)
        studio.obs.stop().check()  # the fake OBS judges how long an unload takes


def test_a_scene_collection_names_no_webhook(tmp_path: Path) -> None:
    with Receiver() as receiver:
        with Studio(tmp_path, tool_alert_webhook_url=receiver.url) as studio:
            client = studio.client()
            assert client.status()["alerts"]["configured"] is False
            assert client.get("/health").ok
            assert "tool_alert_webhook_url" not in studio.obs.settings()
        assert receiver.bodies == []
