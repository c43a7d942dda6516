"""The box "Alerts": the address goes to the secret store, the test is sent, and what became of it shows."""

from tests.panel.conftest import Streamer
from tests.support.receiver import Receiver

KEY = "tool_alert_webhook_url"
NAME = "TOOL_ALERT_WEBHOOK_URL"


def test_an_address_is_stored_tested_and_removed(streamer: Streamer, receiver: Receiver) -> None:
    streamer.start()
    assert not streamer.visible("alerts_test")
    streamer.obs.change(KEY, receiver.url)
    assert streamer.stored(NAME) is None
    streamer.obs.click("alerts_store")
    streamer.stores(NAME, receiver.url)
    assert "the-key" not in streamer.saved()
    streamer.sees("alerts_state", "JSON, 0 sent")
    assert "the-key" not in streamer.texts()
    streamer.obs.click("alerts_test")
    assert receiver.got(1)[0]["state"] == "test"
    streamer.sees("alerts_state", "1 sent")
    receiver.answers = [(404, {})]
    streamer.obs.click("alerts_test")
    streamer.sees("alerts_state", "no such webhook")
    streamer.obs.click(f"{KEY}_remove")
    streamer.stores(NAME, None)
    streamer.sees("alerts_state", "")
    assert not streamer.visible("alerts_test")


def test_what_is_no_address_is_said_and_not_stored(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.change(KEY, "http://alerts.example/plain")
    streamer.sees(f"{KEY}_problem", "must use https")
    streamer.obs.click("alerts_store")
    assert streamer.stored(NAME) is None
