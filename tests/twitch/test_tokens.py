"""Keeping the token valid: through its expiry, through crashes and refusals, with as few calls as possible."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from clawcraft.errors import ClawcraftError, TwitchNotConfigured, TwitchRejected, TwitchTokenInvalid
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.twitch import tokens
from clawcraft.twitch.credentials import CredentialStore
from tests.support.twitch_rig import EFFECTS, Rig
from tests.support.waiting import wait_until
from twitch_sim.world import ALL_SCOPES, CLIENT_ID, CLIENT_SECRET, TOKEN_LIFE_S

TITLE = {"title": "x"}


def checked(rig: Rig) -> str:
    """Wait until the token has been checked; the state it is in then."""
    with contextlib.suppress(ClawcraftError):
        rig.twitch.helix("").ready()
    return str(rig.twitch.status()["state"])


def test_identity_scopes_and_expiry_are_in_the_status(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    status = rig.twitch.status()
    assert status["state"] == "ok"
    assert status["identity"] == {"login": "clawstreamer", "user_id": "1001"}
    assert status["scopes"] == sorted(ALL_SCOPES)
    assert status["scopes_missing"] == []
    assert status["expires_at"] == "2026-05-29T00:26:40.000Z"
    assert status["refreshable"] is True
    assert status["last_error"] is None


def test_validated_at_start_and_then_hourly(rig: Rig) -> None:
    rig.start()
    assert checked(rig) == "ok"
    assert rig.sim.world.endpoints() == ["GET /oauth2/validate"]
    for hour, checked_at in ((1, "2026-05-28T21:26:40.000Z"), (2, "2026-05-28T22:26:40.000Z")):
        rig.clock.advance(3599)
        rig.run("post_chat_message", {"message": "x"})
        rig.clock.advance(1)
        rig.run("post_chat_message", {"message": "x"})
        rig.sim.world.wait_for("GET /oauth2/validate", hour + 1)
        rig.log.wait_for("twitch_validated", hour)
        assert checked(rig) == "ok"
        assert rig.twitch.status()["checked_at"] == checked_at


def test_a_session_longer_than_the_tokens_life_needs_one_refresh_for_each_life(rig: Rig) -> None:
    rig.start()
    for life in range(1, 5):
        rig.run("set_title", {"title": f"Part {life}"})
        assert rig.sim.world.channels["1001"].title == f"Part {life}"
        assert rig.sim.world.count("POST /oauth2/token") == life - 1
        rig.clock.advance(TOKEN_LIFE_S + 1)
    assert rig.twitch.status()["identity"]["login"] == "clawstreamer"


@pytest.mark.parametrize("known", [True, False], ids=["expiry known", "expiry noticed by the 401"])
def test_50_calls_at_the_moment_of_expiry_cause_exactly_one_refresh(rig: Rig, known: bool) -> None:
    world = rig.sim.world
    rig.start().run("set_title", TITLE)
    world.calls.clear()
    if known:
        rig.clock.advance(TOKEN_LIFE_S)
    else:
        world.expire_all()
    together = threading.Barrier(50)

    def one(number: int) -> str:
        together.wait()
        return str(rig.run("post_chat_message", {"message": f"message {number}"})["status"])

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(one, range(50))) == ["sent"] * 50
    rig.close()
    assert world.count("POST /oauth2/token") == 1
    assert sorted(said["message"] for said in world.chat) == sorted(f"message {number}" for number in range(50))


def test_refreshed_shortly_before_expiry_without_an_action_waiting_for_it(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    rig.clock.advance(TOKEN_LIFE_S - 299)
    rig.run("set_title", TITLE)
    rig.log.wait_for("twitch_token_refreshed", 1)
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.sim.world.count("POST /oauth2/token") == 1


def test_a_crash_between_refresh_and_use_loses_no_token(rig: Rig) -> None:
    rig.expired()
    # The process dies right after the refresh: its next call never comes through.
    rig.sim.fault("PATCH /channels", drop=True, times=9)
    with pytest.raises(ClawcraftError):
        rig.run("set_title", TITLE)
    rig.sim.faults.clear()
    rig.restart()
    assert rig.run("set_title", {"title": "after the crash"})["verified"] is True
    assert rig.sim.world.count("POST /oauth2/token") == 1


def test_a_new_pair_in_the_environment_wins_over_what_is_stored(rig: Rig) -> None:
    rig.expired()
    rig.run("set_title", TITLE)
    other = rig.sim.world.issue(user_id="1002")
    rig.change(twitch_oauth_token=Secret(other.access), twitch_refresh_token=Secret(other.refresh))
    assert rig.run("set_title", TITLE)["channel"] == "friendlyneighbour"
    rig.restart()
    assert rig.run("set_title", TITLE)["channel"] == "friendlyneighbour"


def test_a_refresh_token_alone_is_enough(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None).start()
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.sim.world.endpoints()[:2] == ["POST /oauth2/token", "GET /oauth2/validate"]


def test_an_access_token_alone_is_enough_and_tells_its_client_id(rig: Rig) -> None:
    rig.change(twitch_client_id="", twitch_refresh_token=None).start()
    assert rig.run("set_title", TITLE)["verified"] is True


def test_a_static_token_that_expired_is_one_clear_state_without_a_storm_of_calls(rig: Rig) -> None:
    rig.change(twitch_refresh_token=None).start().run("set_title", TITLE)
    rig.sim.world.calls.clear()
    rig.clock.advance(TOKEN_LIFE_S)
    for _ in range(20):
        with pytest.raises(TwitchTokenInvalid) as raised:
            rig.run("set_title", TITLE)
    assert "no refresh token" in raised.value.message
    assert "connect Twitch again" in raised.value.hint
    assert rig.twitch.status()["state"] == "revoked"
    assert rig.sim.world.endpoints() == []


def test_a_revoked_token_is_one_clear_state_without_a_storm_of_calls(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    rig.sim.world.revoke_all()
    rig.sim.world.calls.clear()
    for _ in range(20):
        with pytest.raises(TwitchTokenInvalid) as raised:
            rig.run("post_chat_message", {"message": "x"})
    assert raised.value.details == {
        "endpoint": "POST /oauth2/token",
        "twitch_status": 400,
        "twitch_message": "Invalid refresh token",
    }
    assert rig.twitch.status()["state"] == "revoked"
    assert rig.twitch.status()["last_error"]["code"] == "twitch_token_invalid"
    assert rig.sim.world.endpoints() == ["POST /chat/messages", "POST /oauth2/token"]


def test_a_token_revoked_before_the_start_is_noticed_at_the_start(rig: Rig) -> None:
    rig.sim.world.revoke_all()
    rig.start()
    assert checked(rig) == "revoked"
    assert rig.sim.world.endpoints() == ["GET /oauth2/validate", "POST /oauth2/token"]


def test_a_revoked_token_is_looked_at_again_each_hour_and_no_oftener(rig: Rig) -> None:
    rig.change(twitch_refresh_token=None)
    rig.token.revoked = True
    rig.start()
    assert checked(rig) == "revoked"
    rig.token.revoked = False
    rig.clock.advance(3599)
    assert checked(rig) == "revoked"
    assert rig.sim.world.count("GET /oauth2/validate") == 1
    rig.clock.advance(1)
    assert checked(rig) == "revoked"
    rig.log.wait_for("twitch_connected", 1)
    assert checked(rig) == "ok"


def test_a_static_token_that_expires_shows_in_the_status_without_an_action(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LOOK_EVERY_S", 0.01)
    rig.change(twitch_refresh_token=None).start()
    assert checked(rig) == "ok"
    rig.clock.advance(TOKEN_LIFE_S)
    rig.log.wait_for("twitch_token_invalid", 1)
    assert checked(rig) == "revoked"


def test_a_token_that_twitch_does_not_accept_although_it_just_gave_it_is_no_reason_for_a_storm(rig: Rig) -> None:
    rig.sim.fault("GET /oauth2/validate", status=401, times=99)
    rig.start()
    assert checked(rig) == "revoked"
    assert rig.sim.world.count("POST /oauth2/token") == 1
    assert rig.sim.world.count("GET /oauth2/validate") == 2


def test_an_app_token_is_refused_with_the_reason(rig: Rig) -> None:
    rig.sim.fault("GET /oauth2/validate", status=200, body={"client_id": CLIENT_ID, "scopes": [], "expires_in": 99})
    rig.start()
    with pytest.raises(TwitchTokenInvalid, match="app token"):
        rig.run("set_title", TITLE)


def test_a_login_made_while_a_refresh_is_under_way_counts(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault("POST /oauth2/token", delay_s=0.3)
    other = rig.sim.world.issue(user_id="1002")
    with ThreadPoolExecutor(1) as pool:
        action = pool.submit(rig.run, "set_title", TITLE)
        rig.sim.world.wait_for("POST /oauth2/token", 1)
        stores = CredentialStore(rig.store, lambda: rig.settings)
        stores.write(Secret(other.access), Secret(other.refresh), CLIENT_ID, proved=True)
        assert rig.run("post_chat_message", {"message": "x"})["sender"] == "friendlyneighbour"
        assert action.result(timeout=5)["channel"] == "friendlyneighbour"
    assert rig.stored() == other.refresh


def test_a_401_that_validation_does_not_confirm_is_no_reason_to_refresh(rig: Rig) -> None:
    rig.start()
    rig.sim.fault("POST /chat/messages", status=401, body={"status": 401, "message": "Something new in Twitch's words"})
    with pytest.raises(TwitchRejected):
        rig.run("post_chat_message", {"message": "x"})
    assert rig.sim.world.count("POST /oauth2/token") == 0
    assert rig.twitch.status()["state"] == "ok"


def test_a_401_in_unknown_words_is_refreshed_when_validation_confirms_it(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    rig.sim.world.expire_all()
    rig.sim.fault("POST /chat/messages", status=401, body={"status": 401, "message": "token: nope"})
    assert rig.run("post_chat_message", {"message": "x"})["status"] == "sent"
    assert rig.sim.world.count("POST /oauth2/token") == 1


def test_a_check_that_was_asked_for_in_vain_is_made_again_soon(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    rig.change(twitch_retries=0)
    checks = rig.sim.world.count("GET /oauth2/validate")
    rig.sim.fault("POST /chat/messages", status=401, body={"status": 401, "message": "Something new in Twitch's words"})
    rig.sim.fault("GET /oauth2/validate", status=503)
    with pytest.raises(TwitchRejected):
        rig.run("post_chat_message", {"message": "x"})
    assert [each["code"] for each in rig.twitch.status()["troubles"]] == ["twitch_unreachable"]
    rig.run("set_title", TITLE)
    assert rig.sim.world.count("GET /oauth2/validate") == checks + 1
    rig.clock.advance(tokens.RETRY_AFTER_S)
    rig.run("set_title", TITLE)
    wait_until(lambda: rig.twitch.status()["troubles"] == [], "Twitch is reached again")
    assert rig.sim.world.count("GET /oauth2/validate") == checks + 2


def test_a_check_that_twitch_puts_off_is_made_as_late_as_it_asks_for(rig: Rig) -> None:
    rig.change(twitch_retries=0)
    rig.sim.fault("GET /oauth2/validate", status=429, headers={"Retry-After": "300"})
    rig.start()
    rig.log.wait_for("twitch_token_check_failed", 1)
    assert rig.twitch._tokens._next_try_at - rig.clock.monotonic() == pytest.approx(300)


def test_a_refresh_whose_answer_is_lost_is_tried_again_later_not_at_once(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault("POST /oauth2/token", status=503, body="<html>")
    with pytest.raises(ClawcraftError) as raised:
        rig.run("set_title", TITLE)
    assert (raised.value.code, raised.value.retryable) == ("twitch_unavailable", True)
    assert rig.sim.world.count("POST /oauth2/token") == 1
    assert rig.twitch.status()["state"] == "unreachable"
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.sim.world.count("POST /oauth2/token") == 2


def test_an_answer_lost_after_twitch_used_the_one_time_token_up_ends_in_the_clear_state(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault("POST /oauth2/token", drop=True, applies=True)
    with pytest.raises(ClawcraftError):
        rig.run("set_title", TITLE)
    with pytest.raises(TwitchTokenInvalid):
        rig.run("set_title", TITLE)
    assert rig.twitch.status()["state"] == "revoked"


def test_of_two_processes_with_one_store_the_second_takes_over_what_the_first_refreshed(rig: Rig) -> None:
    rig.start().run("set_title", TITLE)
    other = rig.build()
    other.start()
    first, rig.twitch = rig.twitch, other
    rig.run("set_title", TITLE)
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("set_title", TITLE)
    rig.twitch = first
    assert rig.run("set_title", TITLE)["verified"] is True
    other.close()
    assert rig.sim.world.count("POST /oauth2/token") == 1


def test_tokens_that_another_process_stores_are_taken_up_without_a_restart(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    with pytest.raises(TwitchNotConfigured):
        rig.run("set_title", TITLE)
    SecretStore(rig.folder).update(
        {"TWITCH_OAUTH_TOKEN": Secret(rig.token.access), "TWITCH_REFRESH_TOKEN": Secret(rig.token.refresh)}
    )
    assert rig.run("set_title", TITLE)["verified"] is True


def test_a_pair_that_cannot_be_stored_is_used_and_stored_as_soon_as_possible(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.expired()
    with monkeypatch.context() as full:

        def refuse(*_: object) -> None:
            raise SecretStoreError("no space left")

        full.setattr(rig.store, "update", refuse)
        for _ in range(20):
            assert rig.run("set_title", TITLE)["verified"] is True
        assert rig.log.names().count("twitch_token_not_stored") <= 2
        assert "could not be stored" in rig.twitch.status()["last_error"]["message"]
        assert [each["code"] for each in rig.twitch.status()["troubles"]] == ["token_not_stored"]
        assert rig.stored() is None
    rig.clock.advance(tokens.RETRY_AFTER_S)
    rig.run("set_title", TITLE)
    rig.log.wait_for("twitch_token_stored", 1)
    wait_until(lambda: rig.twitch.status()["troubles"] == [], "nothing is wrong any more")
    assert rig.stored() == rig.sim.world.tokens[-1].refresh


def test_a_confidential_client_sends_its_secret_and_keeps_its_refresh_token(rig: Rig) -> None:
    kept = rig.confidential(Secret(CLIENT_SECRET)).start().token.refresh
    assert checked(rig) == "ok"
    for _ in range(3):
        rig.clock.advance(TOKEN_LIFE_S)
        rig.run("set_title", TITLE)
    assert rig.stored() == kept
    assert rig.sim.world.count("POST /oauth2/token") == 3


@pytest.mark.parametrize("secret", [None, Secret("wrong")], ids=["missing", "wrong"])
def test_a_client_secret_that_is_missing_or_wrong_is_named(rig: Rig, secret: Secret | None) -> None:
    rig.confidential(secret).start()
    assert checked(rig) == "ok"
    rig.clock.advance(TOKEN_LIFE_S)
    with pytest.raises(TwitchTokenInvalid, match="client secret"):
        rig.run("set_title", TITLE)
    rig.change(twitch_client_secret=Secret(CLIENT_SECRET))
    assert rig.run("set_title", TITLE)["verified"] is True


def test_without_credentials_every_action_says_the_same_and_nothing_is_sent(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    seen = []
    for action, args in EFFECTS.items():
        with pytest.raises(TwitchNotConfigured) as raised:
            rig.run(action, args)
        seen.append(raised.value.to_json())
    assert all(error == seen[0] for error in seen)
    assert rig.twitch.status()["state"] == "not_configured"
    assert rig.sim.world.endpoints() == []
    assert CLIENT_ID not in str(seen)


@pytest.mark.parametrize("days", [-1, 1])
def test_a_wall_clock_that_is_set_neither_ends_a_token_nor_keeps_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    right = rig.clock.time
    monkeypatch.setattr(rig.sim.world, "clock", SimpleNamespace(time=right))
    rig.start().run("set_title", TITLE)
    monkeypatch.setattr(rig.clock, "time", lambda: right() + days * 86_400)
    rig.run("set_title", TITLE)
    assert (rig.sim.world.count("POST /oauth2/token"), rig.sim.world.count("GET /oauth2/validate")) == (0, 1)
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("set_title", TITLE)
    assert rig.sim.world.count("POST /oauth2/token") == 1
    assert "401" not in {outcome for _, outcome in rig.calls}
