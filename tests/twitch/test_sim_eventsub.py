"""The local Twitch's EventSub: as strict as the real one, and driven from outside."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket

from twitch_sim import TwitchSim
from twitch_sim.world import ACTION_SCOPES, CLIENT_ID, Token

OWN = {"broadcaster_user_id": "1001", "user_id": "1001"}


class Listener:
    """A client as simple as can be."""

    def __init__(self, sim: TwitchSim) -> None:
        self.sim = sim
        self.socket = websocket.create_connection(sim.eventsub_url, timeout=10, http_no_proxy=["*"])
        self.id = self.next("session_welcome")["session"]["id"]

    def next(self, kind: str) -> Any:
        """The payload of the next message, which is of this kind."""
        found = json.loads(self.socket.recv())
        assert found["metadata"]["message_type"] == kind
        return found["payload"]

    def subscribe(self, token: Token, topic: str = "channel.chat.message", **changes: Any) -> requests.Response:
        transport = {"method": "websocket", "session_id": self.id}
        body = {"type": topic, "version": "1", "condition": OWN, "transport": transport, **changes}
        headers = {"Authorization": f"Bearer {token.access}", "Client-Id": CLIENT_ID}
        url = f"{self.sim.api_url}/eventsub/subscriptions"
        with requests.Session() as session:
            session.trust_env = False
            return session.post(url, json=body, headers=headers, timeout=10)


@pytest.fixture
def listener(sim: TwitchSim) -> Iterator[Listener]:
    listener = Listener(sim)
    yield listener
    listener.socket.shutdown()


def control(sim: TwitchSim, **body: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{sim.control_url}/eventsub", json=body, timeout=10)
    assert answer.status_code == 200
    return answer.json()["result"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 202),
        ({"type": "channel.whisper"}, 400),
        ({"version": "3"}, 400),
        ({"condition": {}}, 400),
        ({"transport": {"method": "webhook"}}, 400),
        ({"transport": {"method": "websocket", "session_id": "gone"}}, 400),
        ({"condition": {**OWN, "user_id": "1002"}}, 403),
    ],
)
def test_a_subscription_is_checked_as_twitch_does(
    sim: TwitchSim, listener: Listener, changes: dict[str, Any], status: int
) -> None:
    assert listener.subscribe(sim.world.issue(), **changes).status_code == status


def test_scopes_repeats_other_users_and_the_number_of_sessions_are_looked_at(
    sim: TwitchSim, listener: Listener
) -> None:
    token = sim.world.issue()
    assert listener.subscribe(sim.world.issue(scopes=ACTION_SCOPES)).status_code == 403
    assert listener.subscribe(token).status_code == 202
    assert listener.subscribe(token).status_code == 409
    condition = {"broadcaster_user_id": "1001"}
    assert listener.subscribe(sim.world.issue("1002"), "stream.online", condition=condition).status_code == 400
    others = [Listener(sim) for _ in range(3)]
    assert [other.subscribe(token).status_code for other in others] == [202, 202, 429]
    for other in others:
        other.socket.shutdown()


def test_it_is_driven_from_outside(sim: TwitchSim, listener: Listener) -> None:
    listener.subscribe(sim.world.issue())
    message_id = control(sim, do="chat", text="hello", user="viewer")
    assert listener.next("notification")["event"]["message_id"] == message_id
    control(sim, do="keepalive")
    listener.next("session_keepalive")
    control(sim, do="reconnect", url=sim.eventsub_url)
    assert listener.id in listener.next("session_reconnect")["session"]["reconnect_url"]
    control(sim, do="revoke", topic="channel.chat.message")
    assert listener.next("revocation")["subscription"]["status"] == "authorization_revoked"
    assert control(sim, do="cut") == 1
    with pytest.raises(websocket.WebSocketConnectionClosedException):
        listener.socket.recv()


def test_a_client_that_talks_is_sent_away(sim: TwitchSim, listener: Listener) -> None:
    listener.socket.send("hello")
    opcode, data = listener.socket.recv_data()
    assert (opcode, int.from_bytes(data[:2], "big")) == (8, 4001)
