"""The local Twitch itself: as strict as the real one, controllable from outside, on loopback only."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from clawcraft.secrets import SecretStore
from clawcraft.settings import load_settings
from tests.support.clock import ManualClock
from tests.support.paths import TOOLS
from tests.support.tool import python
from twitch_sim import TwitchSim
from twitch_sim.scenarios import SCENARIOS
from twitch_sim.world import CLIENT_ID, Token

ENVIRONMENT = ("TWITCH_CLIENT_ID", "TWITCH_OAUTH_TOKEN", "TWITCH_REFRESH_TOKEN", "TWITCH_BROADCASTER_LOGIN")


class Caller:
    """A plain HTTP client with a token."""

    def __init__(self, sim: TwitchSim) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.trust_env = False
        self.token = sim.world.issue()

    def helix(self, method: str, path: str, token: Token | None = None, **rest: Any) -> requests.Response:
        given = token or self.token
        headers = {"Authorization": f"Bearer {given.access}", "Client-Id": given.client_id}
        return self.session.request(method, f"{self.sim.api_url}/{path}", headers=headers, timeout=10, **rest)

    def refresh(self, token: Token, **more: str) -> requests.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh, "client_id": token.client_id, **more}
        return self.session.post(f"{self.sim.auth_url}/token", data=form, timeout=10)

    def control(self, name: str, **body: Any) -> requests.Response:
        return self.session.post(f"{self.sim.control_url}/{name}", json=body, timeout=10)


@pytest.fixture
def caller(sim: TwitchSim) -> Iterator[Caller]:
    caller = Caller(sim)
    yield caller
    caller.session.close()


def message(response: requests.Response) -> tuple[int, str]:
    return response.status_code, str(response.json()["message"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_it_refuses_to_listen_anywhere_but_on_loopback(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        TwitchSim(host=host)


def test_modify_channel_checks_as_twitch_does(caller: Caller) -> None:
    own = {"broadcaster_id": "1001"}
    assert caller.helix("PATCH", "channels", params=own, json={"title": "x" * 140}).status_code == 204
    long = caller.helix("PATCH", "channels", params=own, json={"title": "x" * 141})
    assert message(long) == (400, "Title is too long.")
    assert caller.helix("PATCH", "channels", params=own, json={"title": " "}).status_code == 400
    assert caller.helix("PATCH", "channels", params=own, json={}).status_code == 400
    assert caller.helix("PATCH", "channels", params={"broadcaster_id": "1002"}, json={"title": "x"}).status_code == 401
    poor = caller.sim.world.issue(scopes=["clips:edit"])
    refused = caller.helix("PATCH", "channels", poor, params=own, json={"title": "x"})
    assert message(refused) == (401, "Missing scope: channel:manage:broadcast")


def test_tokens_clients_and_expiry_are_checked(caller: Caller, clock: ManualClock) -> None:
    foreign = Token("no-such-token", "", "1001", CLIENT_ID, (), None)
    assert message(caller.helix("GET", "users", foreign)) == (401, "Invalid OAuth token")
    mixed = Token(caller.token.access, "", "1001", "another", (), None)
    assert message(caller.helix("GET", "users", mixed)) == (401, "Client ID and OAuth token do not match")
    assert caller.helix("GET", "users").status_code == 200
    clock.advance(4 * 3600)
    assert message(caller.helix("GET", "users")) == (401, "Invalid OAuth token")


def test_each_answer_counts_a_point_until_800_are_used(caller: Caller, clock: ManualClock) -> None:
    first = caller.helix("GET", "users").headers
    assert (first["Ratelimit-Limit"], first["Ratelimit-Remaining"]) == ("800", "799")
    assert float(first["Ratelimit-Reset"]) == clock.time() + 60
    caller.control("rate-limit", reset_in_s=10)
    over = caller.helix("GET", "users")
    assert (over.status_code, over.headers["Ratelimit-Remaining"]) == (429, "0")
    clock.advance(10)
    assert caller.helix("GET", "users").status_code == 200


def test_everything_can_be_controlled_from_another_process(caller: Caller) -> None:
    assert caller.control("live", live=True).json() == {"ok": True}
    assert len(caller.helix("GET", "streams", params={"user_id": "1001"}).json()["data"]) == 1
    caller.control("live", live=False)
    assert caller.helix("GET", "streams", params={"user_id": "1001"}).json()["data"] == []
    caller.control("fault", endpoint="GET /users", status=502, body="<html>")
    assert caller.helix("GET", "users").headers["Content-Type"] == "text/html"
    assert caller.helix("GET", "users").status_code == 200
    caller.control("chat-drop", drop_reason={"code": "c", "message": "m"})
    body = {"broadcaster_id": "1001", "sender_id": "1001", "message": "hello"}
    [said] = caller.helix("POST", "chat/messages", json=body).json()["data"]
    assert (said["is_sent"], said["drop_reason"]) == (False, {"code": "c", "message": "m"})
    caller.control("channel", ignored=["title"])
    caller.helix("PATCH", "channels", params={"broadcaster_id": "1001"}, json={"title": "no"})
    caller.control("clips", clips="restricted")
    caller.control("live", live=True)
    assert caller.helix("POST", "clips", params={"broadcaster_id": "1001"}).status_code == 403
    state = caller.session.get(f"{caller.sim.control_url}/state", timeout=10).json()
    assert state["channels"]["1001"]["title"] == "My first stream"
    calls = caller.session.get(f"{caller.sim.control_url}/calls", timeout=10).json()["calls"]
    assert calls[0] == {"endpoint": "GET /streams", "query": {"user_id": "1001"}, "body": {}, "status": 200}
    caller.control("tokens", do="revoke")
    assert caller.helix("GET", "users").status_code == 401


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_scenario_can_be_played_from_another_process(caller: Caller, name: str) -> None:
    answer = caller.control("scenario", play=name)
    assert answer.status_code == 200
    assert set(answer.json()["environment"]) <= set(ENVIRONMENT)


def test_a_stream_is_listed_late_and_for_a_while_after_its_end(caller: Caller, clock: ManualClock) -> None:
    def listed() -> list[str]:
        rows = caller.helix("GET", "streams", params={"user_id": "1001"}).json()["data"]
        return [row["id"] for row in rows]

    caller.control("scenario", play="realistic")
    caller.control("live", live=True)
    assert listed() == []
    clock.advance(75)
    [first] = listed()
    caller.control("live", live=False)
    clock.advance(60)
    caller.control("live", live=True)
    assert listed() == [first]
    clock.advance(75)
    [second] = listed()
    assert second != first


def test_a_clip_is_listed_late_and_each_fourth_never(caller: Caller, clock: ManualClock) -> None:
    def listed() -> list[str]:
        asked = {"broadcaster_id": "1001", "started_at": "2000-01-01T00:00:00Z"}
        return [row["id"] for row in caller.helix("GET", "clips", params=asked).json()["data"]]

    caller.control("scenario", play="realistic")
    caller.control("live", live=True)
    made = [caller.helix("POST", "clips", params={"broadcaster_id": "1001"}).json()["data"][0]["id"] for _ in range(8)]
    assert listed() == []
    clock.advance(25)
    assert listed() == [*made[:3], *made[4:7]]
    clock.advance(3600)
    [lost] = made[3:4]
    assert caller.helix("GET", "clips", params={"id": lost}).json()["data"] == []


def test_the_next_ad_is_the_one_that_was_put_off(caller: Caller, clock: ManualClock) -> None:
    caller.control("scenario", play="realistic")
    caller.control("live", live=True)
    caller.helix("POST", "channels/ads/schedule/snooze", params={"broadcaster_id": "1001"})
    [row] = caller.helix("GET", "channels/ads", params={"broadcaster_id": "1001"}).json()["data"]
    assert (row["next_ad_at"], row["snooze_count"]) == (int(clock.time() + 600 + 300), 2)


def test_a_public_refresh_token_works_once_and_ends_everything_the_second_time(caller: Caller) -> None:
    old = Token(**vars(caller.token))
    new = caller.refresh(old).json()
    pair = Token(new["access_token"], new["refresh_token"], "1001", CLIENT_ID, (), None)
    assert caller.helix("GET", "users", old).status_code == 401
    assert caller.helix("GET", "users", pair).status_code == 200
    assert message(caller.refresh(old)) == (400, "Invalid refresh token")
    assert caller.helix("GET", "users", pair).status_code == 401
    assert message(caller.refresh(pair)) == (400, "Invalid refresh token")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("live", {}),
        ("fault", {"nonsense": 1}),
        ("tokens", {"do": "nothing"}),
        ("scenario", {"play": "no"}),
        ("no-such", {}),
    ],
)
def test_a_wrong_control_says_so(caller: Caller, name: str, body: dict[str, Any]) -> None:
    answer = caller.control(name, **body)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]


def test_the_list_of_calls_holds_no_secret(caller: Caller) -> None:
    old = Token(**vars(caller.token))
    caller.refresh(old)
    listed = caller.session.get(f"{caller.sim.control_url}/calls", timeout=10).text
    assert "POST /oauth2/token" in listed
    assert old.refresh not in listed
    assert old.access not in listed


def test_a_defect_of_the_simulator_is_not_silent(clock: ManualClock) -> None:
    sim = TwitchSim(clock).start()
    token = sim.world.issue()
    del sim.world.channels["1001"]
    headers = {"Authorization": f"Bearer {token.access}", "Client-Id": token.client_id}
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.ConnectionError):
            session.get(f"{sim.api_url}/channels?broadcaster_id=1001", headers=headers, timeout=10)
    with pytest.raises(RuntimeError, match="the local Twitch failed"):
        sim.close()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_runs_on_its_own_and_prints_what_is_needed_to_connect(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "twitch_sim", "--port", "0", "--live"],
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        settings = load_settings(told["environment"], SecretStore(tmp_path), {}, tmp_path)
        assert settings.twitch_oauth_token is not None
        with requests.Session() as session:
            session.trust_env = False
            headers = {
                "Authorization": f"Bearer {settings.twitch_oauth_token.reveal()}",
                "Client-Id": settings.twitch_client_id,
            }
            found = session.get(
                f"{settings.twitch_api_url}/streams", params={"user_id": "1001"}, headers=headers, timeout=10
            )
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert len(found.json()["data"]) == 1
    assert (process.returncode, out, err) == (0, "", "")


def test_it_refuses_another_host_on_the_command_line() -> None:
    done = python("-m", "twitch_sim", "--host", "0.0.0.0", env={**os.environ, "PYTHONPATH": str(TOOLS)})
    assert done.returncode == 1
    assert "loopback" in done.stderr
