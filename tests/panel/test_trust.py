"""What a shared scene collection may say: nothing that opens the service, and no secret; and that the panel tells."""

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from clawcraft.confirmed import Confirmed
from clawcraft.secrets import Secret
from tests.panel.conftest import Streamer
from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.paths import SCRIPT, data_folder
from tests.support.tool_client import ToolClient, wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim

STRANGERS = "the-token-of-whoever-shared-the-collection"
OPEN: dict[str, Any] = {"tool_service_bind": "0.0.0.0", "tool_service_allowed_clients": "0.0.0.0/0"}
SECRET = {
    "tool_service_token": STRANGERS,
    "tool_service_signature_secret": STRANGERS,
    "twitch_oauth_token": STRANGERS,
    "twitch_refresh_token": STRANGERS,
    "twitch_client_secret": STRANGERS,
}
UNDRAWN = {
    "twitch_api_base_url": "https://stranger.example/helix",
    "twitch_auth_base_url": "https://stranger.example/oauth2",
    "tool_service_allowed_hosts": "stranger.example",
    "twitch_broadcaster_id": "666",
    "tool_action_rate_limits": "post_chat_message=100000",
    "tool_job_ttl_ms": "60000",
}
HOSTILE: dict[str, Any] = {**OPEN, **SECRET, **UNDRAWN}


def listens_on(address: str, port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex((address, port)) == 0


def is_let_in(port: int, token: str) -> bool:
    client = ToolClient(port, token)
    with contextlib.closing(client):
        return client.get("/status").status_code == 200


def test_a_hostile_collection_changes_nothing_and_the_panel_says_what_was_ignored(streamer: Streamer) -> None:
    own = {"TOOL_SERVICE_TOKEN": "the-streamers-own-token", "TWITCH_CLIENT_SECRET": "the-streamers-client-secret"}
    streamer.store.update({name: Secret(text) for name, text in own.items()})
    streamer.start(**HOSTILE)
    assert is_let_in(streamer.port, own["TOOL_SERVICE_TOKEN"])
    assert not is_let_in(streamer.port, STRANGERS)
    assert not listens_on("127.0.0.2", streamer.port)
    status = streamer.agent().status()["twitch"]
    assert (status["state"], status["identity"]) == ("not_configured", None)
    assert {name: streamer.stored(name) for name in own} == own
    assert [streamer.stored(name.upper()) for name in SECRET if name.upper() not in own] == [None, None, None]
    ignored = streamer.text("trust_ignored")
    assert [name for name in (*SECRET, *UNDRAWN) if name.upper() not in ignored] == []
    assert all(value in streamer.text("trust_asked") for value in OPEN.values())
    assert STRANGERS not in streamer.texts() + streamer.saved()


def test_a_collection_cannot_bring_the_first_token(streamer: Streamer) -> None:
    streamer.start(tool_service_token=STRANGERS)
    assert not is_let_in(streamer.port, STRANGERS)
    assert streamer.stored("TOOL_SERVICE_TOKEN") not in (None, STRANGERS)


def test_what_opens_the_service_counts_once_it_is_confirmed_on_this_machine_and_until_it_is_withdrawn(
    streamer: Streamer,
) -> None:
    streamer.start(**OPEN)
    streamer.obs.click("trust_confirm")
    streamer.sees("status_service", f"http://0.0.0.0:{streamer.port}")
    assert listens_on("127.0.0.2", streamer.port)
    streamer.refresh()
    assert streamer.text("trust_asked") == ""
    assert not any(text in streamer.saved() for text in ("confirmed", "trust"))
    streamer.stop()
    streamer.start(answers=False, **OPEN)
    streamer.sees("status_service", f"http://0.0.0.0:{streamer.port}")
    streamer.obs.click("trust_withdraw")
    streamer.sees("status_service", f"http://127.0.0.1:{streamer.port}")
    streamer.sees("trust_asked", "0.0.0.0")


def test_only_what_was_shown_is_confirmed(streamer: Streamer) -> None:
    streamer.start(tool_service_allowed_clients="192.168.1.5")
    streamer.obs.change("tool_service_allowed_clients", "0.0.0.0/0")
    streamer.obs.click("trust_confirm")
    streamer.sees("trust_asked", "0.0.0.0/0")
    streamer.sees("trust_confirmed", "192.168.1.5")


def test_a_harmless_collection_has_no_such_box(streamer: Streamer) -> None:
    streamer.start(tool_service_bind="::1", tool_service_allowed_clients="127.0.0.1, ::1", answers=False)
    streamer.sees("status_service", "http://[::1]:")
    assert not streamer.visible("group_trust")


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"TOOL_SERVICE_BIND": "10.0.0.1"}', '{"TOOL_SERVICE_BIND": 7}'])
def test_what_is_kept_confirms_its_own_values_only(tmp_path: Path, kept: str) -> None:
    (tmp_path / "confirmed.json").write_text(kept)
    counts, waiting = Confirmed(tmp_path).sift({"tool_service_bind": "10.0.0.2", "port": 4000})
    assert counts == {"port": 4000}
    assert waiting == {"TOOL_SERVICE_BIND": "10.0.0.2"}


def test_a_confirmed_value_counts_in_whatever_spelling_and_a_wrong_one_is_left_to_the_loader(tmp_path: Path) -> None:
    confirmed = Confirmed(tmp_path)
    confirmed.confirm({"TOOL_SERVICE_ALLOWED_CLIENTS": "192.168.1.0/24,loopback"})
    for text in ("192.168.1.0/24  loopback", "nonsense", " "):
        panel = {"tool_service_allowed_clients": text}
        assert confirmed.sift(panel) == (panel, {})


@pytest.mark.real_obs
def test_a_hostile_collection_changes_nothing_in_a_real_obs(
    display: Display, twitch: TwitchSim, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, display, twitch, SCRIPT, HOSTILE)
    own = Secret("the-streamers-own-token")
    desk.secrets.update({"TOOL_SERVICE_TOKEN": own})
    with desk.obs:
        wait_for_service(desk.port)
        assert is_let_in(desk.port, own.reveal())
        assert not is_let_in(desk.port, STRANGERS)
        assert not listens_on("127.0.0.2", desk.port)
        said = desk.obs.process.wait_for_line("a scene collection may not set it")
        assert [name for name in (*SECRET, *UNDRAWN) if name.upper() not in said] == []
        desk.obs.process.wait_for_line("TOOL_SERVICE_BIND=0.0.0.0.*not confirmed")
        desk.exits_clean()
    assert desk.secrets.get_all(name.upper() for name in SECRET) == {"TOOL_SERVICE_TOKEN": own}
    assert STRANGERS not in desk.collection.read_text()
    assert not (data_folder(desk.config) / "confirmed.json").exists()
    wait_until(lambda: not desk.obs.process.running, "OBS is gone")
