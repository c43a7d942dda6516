"""Hearing: EventSub against the local Twitch over real sockets, on a clock that stands still between tests' turns."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.errors import TwitchUnavailable
from clawcraft.heard import KINDS_BY_NAME, event_scopes
from clawcraft.secrets import Secret
from clawcraft.twitch.bot import BOT_SCOPES
from clawcraft.twitch.channel_sections import ADS_SCOPE
from clawcraft.twitch.event_socket import MAX_MESSAGE_BYTES
from clawcraft.twitch.eventsub import FIRST_BACKOFF_S, LOCAL_RETRY_S, MAX_BACKOFF_S
from clawcraft.twitch.tokens import Lease
from tests.support.clock import ManualClock
from tests.support.responses import fits
from tests.support.twitch_rig import Rig, connected
from tests.support.waiting import HANG_S, wait_until
from tests.twitch.conftest import Silent
from twitch_sim import TwitchSim
from twitch_sim.eventsub import EventSub, Session
from twitch_sim.frames import CLOSE, PING, TEXT, frame
from twitch_sim.world import ACTION_SCOPES

ALL = tuple(KINDS_BY_NAME)
TOPICS = 8
POST = "POST /eventsub/subscriptions"


class Paced(ManualClock):
    """One that lets time go by like the other, but holds who waits once it has waited ``free`` times."""

    free = 1_000

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if len(self.waits) >= self.free:
            return event.wait(HANG_S)
        return super().wait(event, seconds)


@pytest.fixture
def clock() -> Paced:
    return Paced()


@pytest.fixture
def rig(sim: TwitchSim, clock: ManualClock, tmp_path: Path) -> Iterator[Rig]:
    # Long enough for tests that let minutes go by at once.
    sim.world.eventsub.keepalive_s = 600
    rig = connected(sim, tmp_path, clock, twitch_events=ALL)
    yield rig
    rig.close()


@pytest.fixture
def listening(rig: Rig) -> Rig:
    """It hears all that there is."""
    return rig.start().listens(TOPICS)


@pytest.fixture
def eventsub(sim: TwitchSim) -> EventSub:
    return sim.world.eventsub


@pytest.fixture
def session(listening: Rig, eventsub: EventSub) -> Session:
    """The one that it hears by."""
    (session,) = eventsub.sessions.values()
    return session


def kinds_of(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["type"] for entry in entries]


def gaps(rig: Rig) -> list[dict[str, Any]]:
    return [entry for entry in rig.heard() if entry["type"] == "gap"]


def texts(rig: Rig) -> list[str]:
    return [entry["text"] for entry in rig.heard() if entry["type"] == "chat"]


def events_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "twitch-events"]


# --- what is heard --------------------------------------------------------------------------------------------------


def test_nothing_is_heard_until_the_streamer_chooses_something(rig: Rig, eventsub: EventSub) -> None:
    rig.change(twitch_events=()).start().run("set_title", {"title": "x"})
    assert events_threads() == []
    assert eventsub.connections == 0
    status = rig.twitch.hearing.status()
    assert status == {"enabled": False, "connected": False, "since": None, "subscriptions": [], "problem": None}
    assert rig.twitch.status()["scopes_missing"] == []


def test_every_kind_is_heard_in_few_fields_as_its_schema_says(
    listening: Rig, sim: TwitchSim, eventsub: EventSub
) -> None:
    user = {"user_id": "7", "user_login": "fan", "user_name": "Fän"}
    raider = {"from_broadcaster_user_id": "8", "from_broadcaster_user_login": "neighbour"}
    eventsub.chat("hello", "viewer", badges=[{"set_id": "moderator", "id": "1"}, {"set_id": "glitter"}])
    sim.world.go_live()
    sim.world.go_offline()
    eventsub.notify("channel.follow", user)
    eventsub.notify("channel.subscribe", {**user, "tier": "1000", "is_gift": True})
    eventsub.notify("channel.subscription.gift", {**user, "tier": "2000", "total": 5, "is_anonymous": True})
    again = {**user, "tier": "1000", "cumulative_months": 12, "message": {"text": "a year!"}}
    eventsub.notify("channel.subscription.message", again)
    eventsub.notify("channel.raid", {**raider, "from_broadcaster_user_name": "Neighbour", "viewers": 42})
    heard = listening.hears(8)
    chat, online, offline, follow, gifted, gift, message, raid = heard
    assert (chat["text"], chat["user"]["login"], chat["roles"], chat["own"]) == (
        "hello",
        "viewer",
        ["moderator"],
        False,
    )
    assert (online["type"], online["stream_id"], offline["type"]) == (
        "stream_online",
        listening.sim.world.streams[-1].id,
        "stream_offline",
    )
    assert follow["user"] == {"id": "7", "login": "fan", "name": "Fän"}
    assert [gifted["how"], gift["how"], message["how"]] == ["gifted", "gift", "again"]
    assert (gift["user"], gift["count"], message["months"], message["text"]) == (None, 5, 12, "a year!")
    assert (raid["user"]["login"], raid["viewers"]) == ("neighbour", 42)
    answer = {"ok": True, "enabled": True, "connected": True, "problem": None, "next_cursor": "x", "gap": False}
    assert fits("events", {**answer, "events": heard})


def test_only_what_was_chosen_is_subscribed_to(rig: Rig, eventsub: EventSub) -> None:
    rig.change(twitch_events=("stream", "raids")).start().listens(3)
    (session,) = eventsub.sessions.values()
    assert {row["type"] for row in session.subscriptions} == {"stream.online", "stream.offline", "channel.raid"}
    shown = [(each["kind"], each["active"]) for each in rig.twitch.hearing.status()["subscriptions"]]
    assert shown == [("stream", True), ("raids", True)]


def test_a_heard_message_can_be_answered(listening: Rig, sim: TwitchSim, eventsub: EventSub) -> None:
    eventsub.chat("when do you play?", "curious")
    (question,) = listening.hears(1)
    listening.run("post_chat_message", {"message": "soon", "reply_parent_message_id": question["message_id"]})
    assert sim.world.chat[-1]["reply_parent_message_id"] == question["message_id"]
    answer = listening.hears(2)[1]
    assert (answer["own"], answer["text"], answer["reply_to"]) == (True, "soon", question["message_id"])


def test_what_the_bot_says_is_the_services_own(rig: Rig, sim: TwitchSim, eventsub: EventSub) -> None:
    bot = sim.world.issue("1002", scopes=BOT_SCOPES)
    rig.change(twitch_bot_oauth_token=Secret(bot.access), twitch_bot_refresh_token=Secret(bot.refresh))
    rig.start().listens(TOPICS).run("post_chat_message", {"message": "hello"})
    for user_id in ("1001", "1002", "2001", ""):
        eventsub.chat("hello", user_id=user_id)
    assert [entry["own"] for entry in rig.hears(5)] == [True, True, True, False, False]


def test_what_twitch_delivers_twice_is_heard_once(listening: Rig, eventsub: EventSub) -> None:
    eventsub.repeat = 3
    for number in range(20):
        eventsub.chat(str(number))
    eventsub.repeat = 1
    eventsub.chat("end")
    listening.hears(21)
    assert texts(listening) == [*map(str, range(20)), "end"]


def test_stream_online_confirms_a_start_before_helix_lists_it(listening: Rig, sim: TwitchSim) -> None:
    sim.world.live_delay_s = 10_000
    sim.world.go_live()
    listening.hears(1)
    for channel in (None, "ClawStreamer"):
        live = listening.twitch.wait_until_live(lambda *_: None, channel)
        assert (live["live"], live["waited_s"]) == (True, 0.0)
        assert "title" not in live


def test_the_own_stream_confirms_no_other_channel(rig: Rig, sim: TwitchSim) -> None:
    rig.change(allowed_channels=("friendlyneighbour",)).start().listens(TOPICS)
    sim.world.go_live()
    rig.hears(1)
    assert rig.twitch.wait_until_live(lambda *_: None, "friendlyneighbour")["live"] is False


def test_who_waits_for_live_is_told_within_half_a_second_of_its_being_heard(listening: Rig, sim: TwitchSim) -> None:
    sim.world.live_delay_s = 10_000
    began_s = listening.clock.monotonic()

    def go_live_once(*_: object) -> None:
        if listening.clock.monotonic() - began_s > 30 and not listening.heard():
            sim.world.go_live()
            listening.hears(1)

    live = listening.twitch.wait_until_live(go_live_once)
    assert live["live"] is True
    assert 30 < live["waited_s"] < 34


def test_a_stream_that_was_heard_to_end_confirms_nothing(listening: Rig, sim: TwitchSim) -> None:
    sim.world.go_live()
    sim.world.go_offline()
    listening.hears(2)
    assert listening.twitch.wait_until_live(lambda *_: None)["live"] is False


# --- moves and losses -----------------------------------------------------------------------------------------------


def test_a_session_moves_to_another_connection_without_losing_a_message(
    listening: Rig, sim: TwitchSim, eventsub: EventSub
) -> None:
    for number in range(600):
        eventsub.chat(str(number))
        if number % 100 == 50:
            moved = number // 100
            listening.log.wait_for("events_moved", moved)
            eventsub.wait_for(lambda: len(eventsub.closed_with) == moved, HANG_S)  # noqa: B023 - it is over by then
            eventsub.reconnect(sim.eventsub_url)
    listening.hears(600)
    listening.log.wait_for("events_moved", 6)
    assert texts(listening) == [str(number) for number in range(600)]
    assert sim.world.count(POST) == TOPICS
    assert eventsub.closed_with == [1000] * 6


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/ws", "ws://192.168.1.5/ws", "http://127.0.0.1:9/", "", "x" * 5_000])
def test_a_move_to_nowhere_leaves_the_old_connection_in_use(listening: Rig, eventsub: EventSub, url: str) -> None:
    eventsub.reconnect(url)
    listening.log.wait_for("events_move_failed", 2)
    eventsub.chat("still here")
    assert listening.hears(1)[0]["text"] == "still here"
    eventsub.close(4004)
    listening.listens(TOPICS).hears(2)
    assert gaps(listening)[0]["message"] == "the move to another connection took too long"


def test_silence_longer_than_twitch_promised_is_a_loss_and_a_gap(
    rig: Rig, eventsub: EventSub, clock: ManualClock
) -> None:
    eventsub.keepalive_s = 30
    rig.start().listens(TOPICS)
    eventsub.silence()
    clock.advance(36)
    rig.hears(1)
    (gap,) = gaps(rig)
    assert gap["reason"] == "connection_lost"
    assert "nothing came" in gap["message"]
    assert gap["kinds"] == list(ALL)
    assert gap["from"] < gap["to"]


def test_keep_alives_keep_it(rig: Rig, eventsub: EventSub, clock: ManualClock) -> None:
    eventsub.keepalive_s = 30
    rig.start().listens(TOPICS)
    for number in range(5):
        clock.advance(30)
        eventsub.keepalive()
        eventsub.chat(str(number))
        rig.hears(number + 1)
    assert gaps(rig) == []
    assert eventsub.connections == 1


@pytest.mark.parametrize("code", [1001, 1006, *range(4000, 4008), 4999])
def test_whatever_code_twitch_closes_with_is_said_and_heard_again_after(
    listening: Rig, eventsub: EventSub, code: int
) -> None:
    eventsub.close(code)
    listening.hears(1)
    listening.listens(TOPICS)
    (lost,) = listening.log.named("events_lost")
    assert lost["reason"] == gaps(listening)[0]["message"]
    eventsub.chat("again")
    assert listening.hears(2)[1]["text"] == "again"


def test_a_connection_cut_200_times_at_random_says_every_gap_and_loses_nothing_else(
    rig: Rig, eventsub: EventSub, clock: ManualClock
) -> None:
    rig.change(twitch_events=("chat",)).start()
    chance = random.Random(200)
    sent: list[str] = []
    heard: list[dict[str, Any]] = []
    place = None
    for number in range(200):
        rig.listens(1)
        for each in range(chance.randrange(4)):
            sent.append(eventsub.chat(f"{number}.{each}"))
        if chance.random() < 0.1:
            clock.advance(40)
        eventsub.cut(within_a_frame=chance.random() < 0.5)
        wanted = number + 1

        def closed(wanted: int = wanted) -> bool:
            nonlocal place
            page = rig.twitch.hearing.memory.page(place, (), 200)
            place = page.next
            heard.extend(page.events)
            return kinds_of(heard).count("gap") == wanted

        wait_until(closed, f"gap {wanted} is told")
    assert kinds_of(heard).count("gap") == 200
    assert all(entry["reason"] == "connection_lost" for entry in heard if entry["type"] == "gap")
    # What had arrived before a cut may be read or be lost with the connection: never twice, never out of order.
    ids = [entry["message_id"] for entry in heard if entry["type"] == "chat"]
    assert ids == [message_id for message_id in sent if message_id in set(ids)]
    assert len(events_threads()) == 1


def test_an_old_connection_that_breaks_during_a_move_is_a_gap(
    listening: Rig, sim: TwitchSim, eventsub: EventSub, session: Session
) -> None:
    old = session.connection
    send = old.send

    def send_but_no_goodbye(data: bytes) -> bool:
        if data[0] & 0x0F != CLOSE:
            return send(data)
        old.cut()
        return False

    old.send = send_but_no_goodbye  # type: ignore[method-assign]
    eventsub.reconnect(sim.eventsub_url)
    assert listening.hears(1)[0]["reason"] == "unreadable"
    eventsub.chat("after")
    assert listening.hears(2)[1]["text"] == "after"


def test_what_cannot_be_read_is_a_gap_too(listening: Rig, eventsub: EventSub, session: Session) -> None:
    for nonsense in (b"{", b"[1]", b"\xff\xfe", b'"x"', b"[" * 100_000, b"{}"):
        session.connection.send(frame(TEXT, nonsense))
    session.connection.send(frame(PING, b"hello"))
    eventsub.chat("after")
    heard = listening.hears(7)
    assert kinds_of(heard) == ["gap"] * 6 + ["chat"]
    assert {gap["reason"] for gap in gaps(listening)} == {"unreadable"}
    assert eventsub.connections == 1


def test_a_message_without_end_ends_the_connection_instead_of_the_memory(listening: Rig, session: Session) -> None:
    session.connection.send(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))
    session.connection.send(b"x" * (MAX_MESSAGE_BYTES + 20_000))
    listening.hears(1)
    assert gaps(listening)[0]["message"] == "Twitch sent what cannot be read"


def test_a_message_that_trickles_is_silence(rig: Rig, eventsub: EventSub, clock: ManualClock) -> None:
    eventsub.keepalive_s = 10
    rig.start().listens(TOPICS)
    (session,) = eventsub.sessions.values()
    session.silent = True
    session.connection.send(b"\x81\x7e\xff\xff")
    clock.advance(20)
    done = threading.Event()

    def trickle() -> None:
        while not done.wait(0.05) and session.connection.send(b"x"):
            pass

    trickler = threading.Thread(target=trickle)
    trickler.start()
    rig.hears(1)
    done.set()
    trickler.join()
    assert "nothing came" in gaps(rig)[0]["message"]


# --- Twitch refuses -------------------------------------------------------------------------------------------------


def test_a_server_that_refuses_is_asked_again_after_a_while_that_grows_and_is_bounded(
    rig: Rig, eventsub: EventSub, clock: Paced
) -> None:
    clock.free = 12
    eventsub.refuse_status = 503
    rig.start()
    wait_until(lambda: len(clock.waits) == 12, "it has waited so often")
    for number, waited_s in enumerate(clock.waits):
        middle_s = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0**number)
        assert 0.5 * middle_s <= waited_s <= 1.5 * middle_s
    assert len({round(waited_s, 6) for waited_s in clock.waits}) == 12
    status = rig.twitch.hearing.status()
    assert status["connected"] is False
    assert status["problem"] == "the server answered 503 instead of opening a WebSocket"
    assert len(rig.log.named("events_lost")) == 1


def test_without_a_token_nothing_is_connected_and_the_status_says_why(
    rig: Rig, eventsub: EventSub, clock: Paced
) -> None:
    clock.free = 5
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    wait_until(lambda: len(clock.waits) == 5, "it has waited so often")
    assert clock.waits == [LOCAL_RETRY_S] * 5
    assert eventsub.connections == 0
    assert "Twitch is not connected" in rig.twitch.hearing.status()["problem"]


def test_a_missing_scope_is_said_and_keeps_only_its_own_kind_from_being_heard(rig: Rig) -> None:
    rig.token.scopes = (*ACTION_SCOPES, "user:read:chat")
    rig.start().listens(4)
    status = rig.twitch.hearing.status()
    assert {each["kind"]: each["active"] for each in status["subscriptions"]} == {
        "chat": True, "stream": True, "follows": False, "subscriptions": False, "raids": True
    }  # fmt: skip
    assert "follows: the Twitch token lacks the scope moderator:read:followers" in status["problem"]
    missing = rig.twitch.status()["scopes_missing"]
    assert missing == [
        {"scope": "moderator:read:followers", "blocks": ["hearing follows"]},
        {"scope": "channel:read:subscriptions", "blocks": ["hearing subscriptions"]},
    ]
    rig.close()
    assert rig.sim.world.count(POST) == 4


def test_without_any_scope_nothing_is_connected_and_the_next_login_asks_for_it(
    rig: Rig, sim: TwitchSim, clock: Paced, eventsub: EventSub
) -> None:
    clock.free = 4
    rig.token.scopes = ACTION_SCOPES
    rig.change(twitch_events=("chat", "follows")).start()
    wait_until(lambda: len(clock.waits) == 4, "it has waited so often")
    assert clock.waits == [LOCAL_RETRY_S] * 4
    assert eventsub.connections == 0
    rig.twitch.login.start()
    sim.world.wait_for("POST /oauth2/device", 1)
    rig.close()
    (asked,) = [call.body["scopes"] for call in sim.world.calls if call.endpoint == "POST /oauth2/device"]
    assert set(asked.split()) == {*ACTION_SCOPES, *event_scopes(("chat", "follows")), ADS_SCOPE}


def test_another_login_is_heard_as_itself(listening: Rig, sim: TwitchSim, eventsub: EventSub) -> None:
    (before,) = eventsub.sessions
    other = sim.world.issue("1002")
    listening.change(twitch_oauth_token=Secret(other.access), twitch_refresh_token=Secret(other.refresh))
    listening.run("set_title", {"title": "x"})
    eventsub.wait_for(lambda: before not in eventsub.sessions and eventsub.subscribed(TOPICS), HANG_S)
    (session,) = eventsub.sessions.values()
    assert session.user_id == "1002"
    assert listening.hears(1)[0]["message"] == "the Twitch login changed"


def test_who_disconnects_is_not_heard_any_more_even_if_twitch_does_not_take_the_token_back(
    sim: TwitchSim, eventsub: EventSub, clock: ManualClock, tmp_path: Path
) -> None:
    sim.world.eventsub.keepalive_s = 600
    rig = connected(sim, tmp_path, clock, twitch_events=ALL, twitch_oauth_token=None, twitch_refresh_token=None)
    pair = sim.world.issue()
    rig.store.update({"TWITCH_OAUTH_TOKEN": Secret(pair.access), "TWITCH_REFRESH_TOKEN": Secret(pair.refresh)})
    try:
        rig.start().listens(TOPICS)
        sim.fault("POST /oauth2/revoke", times=9, status=500)
        rig.twitch.login.disconnect()
        eventsub.wait_for(lambda: not eventsub.sessions, HANG_S)
        wait_until(lambda: not rig.twitch.hearing.connected, "the service knows that it does not hear")
    finally:
        rig.close()


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (400, "invalid condition", "400"),
        (403, "subscription missing proper authorization", "403"),
        (429, "number of websocket transports limit exceeded", "429"),
        (500, "", "500"),
    ],
)
def test_a_refused_subscription_is_said_and_asked_for_again_later(
    rig: Rig, sim: TwitchSim, eventsub: EventSub, clock: ManualClock, status: int, message: str, said: str
) -> None:
    rig.change(twitch_events=("chat", "stream"), twitch_retries=0)
    sim.fault(POST, status=status, body={"status": status, "message": message})
    rig.start().listens(2)
    hearing = rig.twitch.hearing.status()
    assert said in hearing["problem"]
    assert [each["active"] for each in hearing["subscriptions"]] == [False, True]
    asked = sim.world.count(POST)
    clock.advance(601)
    rig.listens(3)
    assert sim.world.count(POST) == asked + 1
    wait_until(lambda: rig.twitch.hearing.status()["problem"] is None, "nothing is missing any more")
    (gap,) = gaps(rig)
    assert (gap["reason"], gap["kinds"]) == ("not_subscribed", ["chat"])


def test_a_token_that_cannot_be_looked_at_keeps_only_what_is_missing_from_being_heard(
    rig: Rig, sim: TwitchSim, eventsub: EventSub, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.change(twitch_events=("chat", "stream"), twitch_retries=0)
    sim.fault(POST, status=500, body={"status": 500, "message": ""})
    rig.start().listens(2)
    looked = threading.Event()

    def unavailable(*_: object) -> Lease:
        looked.set()
        raise TwitchUnavailable("the token could not be checked")

    with monkeypatch.context() as patch:
        patch.setattr(rig.twitch._tokens, "lease", unavailable)
        clock.advance(11)
        assert looked.wait(HANG_S)
        wait_until(lambda: "could not be checked" in str(rig.twitch.hearing.status()["problem"]), "it is said")
    clock.advance(31)
    rig.listens(3)
    assert eventsub.connections == 1
    assert rig.log.named("events_lost") == []


def test_a_subscription_that_exists_already_counts(rig: Rig, sim: TwitchSim) -> None:
    sim.fault(POST, status=409, body={"status": 409, "message": "subscription already exists"})
    rig.start().listens(TOPICS - 1)
    assert rig.twitch.hearing.status()["problem"] is None


def test_if_no_subscription_is_possible_the_connection_is_given_up_and_tried_anew(
    rig: Rig, sim: TwitchSim, eventsub: EventSub
) -> None:
    sim.fault(POST, times=TOPICS, status=403, body={"status": 403, "message": "no"})
    rig.start().listens(TOPICS)
    assert eventsub.connections == 2
    assert "403" in rig.log.named("events_lost")[0]["reason"]


def test_a_revoked_subscription_is_said_at_once_and_the_others_go_on(listening: Rig, eventsub: EventSub) -> None:
    eventsub.revoke("channel.chat.message")
    eventsub.notify("channel.follow", {"user_id": "7", "user_login": "fan", "user_name": "Fan"})
    gap, follow = listening.hears(2)
    assert (gap["reason"], gap["kinds"], gap["to"]) == ("revoked", ["chat"], None)
    assert "authorization_revoked" in gap["message"]
    assert follow["type"] == "follow"
    status = listening.twitch.hearing.status()
    assert "authorization_revoked" in status["problem"]
    assert [each["active"] for each in status["subscriptions"]] == [False, True, True, True, True]


def test_a_login_whose_permission_was_taken_back_is_heard_again_once_it_is_given(
    listening: Rig, eventsub: EventSub
) -> None:
    (before,) = eventsub.sessions
    for topic in {topic.type for kind in KINDS_BY_NAME.values() for topic in kind.topics}:
        eventsub.revoke(topic)
    eventsub.wait_for(lambda: before not in eventsub.sessions and eventsub.subscribed(TOPICS), HANG_S)
    eventsub.chat("hello", "viewer")
    wait_until(lambda: texts(listening) == ["hello"], "the message is heard")


# --- the streamer's choice, and the end -----------------------------------------------------------------------------


def test_another_choice_counts_at_once_and_what_was_off_meanwhile_is_a_gap(
    listening: Rig, eventsub: EventSub, clock: ManualClock
) -> None:
    listening.change(twitch_events=("raids",)).twitch.hearing.apply()
    listening.listens(1)
    clock.advance(3)
    listening.change(twitch_events=()).twitch.hearing.apply()
    assert events_threads() == []
    assert listening.twitch.hearing.status()["enabled"] is False
    listening.change(twitch_events=("chat", "raids")).twitch.hearing.apply()
    listening.listens(2)
    assert {gap["reason"] for gap in gaps(listening)} == {"switched_off"}
    assert {kind for gap in gaps(listening) for kind in gap["kinds"]} == {"chat", "raids"}
    listening.twitch.hearing.apply()
    assert len(events_threads()) == 1


def test_what_ends_late_loses_nothing_of_what_is_heard_in_its_place(
    rig: Rig, sim: TwitchSim, eventsub: EventSub, clock: ManualClock
) -> None:
    rig.change(twitch_events=("chat", "stream"), twitch_retries=0, twitch_timeout_s=3.0)
    sim.fault(POST, status=500, body={"status": 500, "message": ""})
    rig.start().listens(2)
    asked = sim.world.count(POST)
    sim.fault(POST, hang=True)
    clock.advance(601)
    sim.world.wait_for(POST, asked + 1)
    rig.change(twitch_events=("stream",)).twitch.hearing.apply()
    rig.listens(2)
    wait_until(lambda: len(events_threads()) == 1, "the one before has ended")
    assert [gap["reason"] for gap in gaps(rig)] == ["switched_off"]
    eventsub.cut()
    wait_until(lambda: len(gaps(rig)) == 2, "the loss is told")
    assert [gap["reason"] for gap in gaps(rig)] == ["switched_off", "connection_lost"]


def hang_in_the_connection(rig: Rig, silent: Silent, scheme: str = "ws") -> Callable[[], object]:
    rig.change(twitch_eventsub_url=f"{scheme}://{silent.address}/ws")
    return silent.first_byte


def hang_in_tls(rig: Rig, silent: Silent) -> Callable[[], object]:
    return hang_in_the_connection(rig, silent, "wss")


def hang_before_the_welcome(rig: Rig, _silent: Silent) -> Callable[[], object]:
    eventsub = rig.sim.world.eventsub
    eventsub.welcome = False
    return lambda: eventsub.wait_for(lambda: eventsub.connections == 1)


def hang_in_a_subscription(rig: Rig, _silent: Silent) -> Callable[[], object]:
    rig.sim.fault(POST, hang=True)
    return lambda: rig.sim.world.wait_for(POST, 1, HANG_S)


def hang_in_a_message(rig: Rig, _silent: Silent) -> Callable[[], object]:
    def sent() -> object:
        rig.listens(TOPICS)
        (session,) = rig.sim.world.eventsub.sessions.values()
        return session.connection.send(b"\x81\x7e\xff\xffxxx")

    return sent


def hang_in_the_back_off(rig: Rig, _silent: Silent) -> Callable[[], object]:
    rig.sim.world.eventsub.refuse_status = 500
    return lambda: rig.log.wait_for("events_lost")


@pytest.mark.parametrize(
    "hang",
    [
        hang_in_the_connection,
        hang_in_tls,
        hang_before_the_welcome,
        hang_in_a_subscription,
        hang_in_a_message,
        hang_in_the_back_off,
    ],
)
def test_the_end_waits_for_nothing(
    plain: Rig, silent: Silent, hang: Callable[[Rig, Silent], Callable[[], object]]
) -> None:
    hangs = hang(plain.change(twitch_events=ALL), silent)
    plain.start()
    hangs()
    began_s = time.monotonic()
    plain.close()
    assert time.monotonic() - began_s < 2
    assert events_threads() == []
    assert "threads_left" not in plain.log.names()


def test_it_is_heard_over_tls_with_a_certificate_that_counts_and_no_other(
    secure: Rig, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.change(twitch_events=ALL, twitch_eventsub_url=secure.sim.eventsub_url.replace("ws:", "wss:"))
    secure.twitch._transport._session.verify = str(certificate)
    secure.start()
    secure.log.wait_for("events_lost")
    assert secure.log.named("events_lost")[0]["reason"] == "TLS failed"
    assert secure.sim.world.eventsub.connections == 0
    monkeypatch.setattr("certifi.where", lambda: str(certificate))
    secure.listens(TOPICS)
    secure.sim.world.eventsub.chat("hello")
    assert secure.hears(1)[0]["text"] == "hello"
