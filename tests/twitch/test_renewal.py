"""No login is lost: through reloads, kills, other processes, and whatever the token endpoint answers."""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clawcraft.errors import ClawcraftError, TwitchTokenInvalid, TwitchUnavailable
from clawcraft.secrets import Secret
from clawcraft.twitch import client, renewal
from clawcraft.twitch.credentials import CredentialStore
from clawcraft.twitch.oauth import Grant
from tests.support.paths import OBS_PLUGIN, ROOT, TOOLS
from tests.support.twitch_rig import Rig
from tests.support.waiting import HANG_S, wait_until
from twitch_sim.faults import HTML_502
from twitch_sim.world import CLIENT_ID, CLIENT_SECRET, TOKEN_LIFE_S

TITLE = {"title": "x"}
CHAT = {"message": "x"}
TOKEN = "POST /oauth2/token"
HOUR_S = 3600.0


def logged_in(rig: Rig) -> Rig:
    """The rig's pair as a login has just stored it, and none from the operator."""
    given = rig.settings
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    assert given.twitch_oauth_token is not None
    stores = CredentialStore(rig.store, lambda: rig.settings)
    stores.write(given.twitch_oauth_token, given.twitch_refresh_token, given.twitch_client_id)
    return rig


class Lives:
    """The lives of the script in one process, one after the other, as reloads make them. At the end every thread of
    every life has to be gone."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._before: list[threading.Thread] = []

    def reload(self) -> None:
        self.rig.twitch.close()
        self._before += self.rig.twitch._tokens.threads
        self.rig.twitch = self.rig.build()
        self.rig.twitch.start()

    def end(self) -> None:
        for thread in self._before:
            thread.join(10)


@pytest.fixture
def lives(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lives]:
    monkeypatch.setattr(client, "JOIN_S", 0.02)
    lives = Lives(rig)
    yield lives
    rig.close()
    lives.end()


OTHER_PROCESS = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from clawcraft.secrets import Secret, SecretStore
from clawcraft.twitch.client import Twitch
from clawcraft.actions.catalogue import ACTIONS
from tests.support.events import RecordedEvents
from tests.support.settings import make_settings
folder, api, auth, client_id, secret, now = sys.argv[1:]
settings = make_settings(Path(folder), twitch_client_id=client_id, twitch_client_secret=Secret(secret),
                         twitch_api_url=api, twitch_auth_url=auth)
clock = SimpleNamespace(time=lambda: float(now), monotonic=lambda: float(now))
twitch = Twitch(lambda: settings, SecretStore(Path(folder)), clock, RecordedEvents(), lambda *_: None, version="test",
                policies=lambda: {action.name: action.policy for action in ACTIONS})
twitch.start()
threading.Event().wait()
"""


@contextlib.contextmanager
def other_process(rig: Rig) -> Iterator[None]:
    """Another process with the same store, which renews the token at once; it is killed at the end of the block."""
    given = rig.settings
    secret = given.twitch_client_secret.reveal() if given.twitch_client_secret else ""
    path = os.pathsep.join(map(str, (OBS_PLUGIN, TOOLS, ROOT)))
    arguments = [str(rig.folder), rig.sim.api_url, rig.sim.auth_url, given.twitch_client_id, secret]
    command = [sys.executable, "-c", OTHER_PROCESS, *arguments, str(rig.clock.time())]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as process:
        try:
            yield
        finally:
            process.kill()


def due(rig: Rig) -> Rig:
    """The pair is stored and proven, and an hour before its end."""
    rig.start().run("set_title", TITLE)
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("set_title", TITLE)
    rig.twitch.close()
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    rig.clock.advance(TOKEN_LIFE_S - HOUR_S + 60)
    rig.sim.world.calls.clear()
    return rig


# --- reload -----------------------------------------------------------------------------------------------------------


def test_a_reload_while_twitch_answers_a_refresh_loses_nothing(lives: Lives) -> None:
    rig = lives.rig.start()
    rig.run("set_title", TITLE)
    rig.sim.world.expire_all()
    rig.sim.fault(TOKEN, delay_s=0.5)
    with ThreadPoolExecutor(1) as pool:
        action = pool.submit(rig.run, "set_title", TITLE)
        rig.sim.world.wait_for(TOKEN, 1)
        lives.reload()
        assert action.exception(timeout=5) is not None
    assert "twitch_refresh_goes_on" in rig.log.names()
    assert rig.run("set_title", {"title": "after the reload"})["verified"] is True
    assert rig.sim.world.count(TOKEN) == 1


def test_a_refresh_that_was_not_sent_yet_is_cut_at_once_and_leaves_no_doubt(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "JOIN_S", HANG_S)  # it is cut, and need not be left behind
    rig = due(lives.rig)
    rig.sim.fault(TOKEN, status=429, headers={"Retry-After": "20"})
    waits = threading.Event()

    def wait(event: threading.Event, seconds: float) -> bool:
        if seconds >= 20:
            waits.set()
        return event.wait(HANG_S)

    rig.clock.wait = wait  # type: ignore[method-assign]
    rig.twitch = rig.build()
    rig.twitch.start()
    rig.sim.world.wait_for(TOKEN, 1)
    assert waits.wait(HANG_S)  # the answer has come, too: this is the wait that it asks for
    lives.reload()
    assert "twitch_refresh_goes_on" not in rig.log.names()
    assert rig.stored("TWITCH_REFRESH_ASKED") is None


# --- kill -9 ----------------------------------------------------------------------------------------------------------


def test_killed_before_twitch_did_anything_the_refresh_token_is_still_good_and_known_to_be(rig: Rig) -> None:
    due(rig).sim.fault(TOKEN, hang=True)
    with other_process(rig):
        rig.sim.world.wait_for(TOKEN, 1, 30)
    rig.sim.world.calls.clear()
    rig.restart()
    assert rig.run("set_title", TITLE)["verified"] is True
    rig.log.wait_for("twitch_token_refreshed", 2)
    # Asked before it is used again: a second use of a used up one would have cut the application off.
    assert rig.sim.world.endpoints().index("GET /oauth2/validate") < rig.sim.world.endpoints().index(TOKEN)


def test_killed_after_twitch_used_the_token_up_a_public_login_is_over_and_says_why(rig: Rig) -> None:
    due(rig).sim.fault(TOKEN, hang=True, applies=True)
    with other_process(rig):
        rig.sim.world.wait_for(TOKEN, 1, 30)
    rig.restart()
    with pytest.raises(TwitchTokenInvalid, match=r"answer to the refresh before was lost \(OBS ended"):
        rig.run("set_title", TITLE)
    assert rig.twitch.status()["state"] == "revoked"


def test_killed_after_twitch_renewed_a_confidential_login_it_is_renewed_again(rig: Rig) -> None:
    due(rig.confidential(Secret(CLIENT_SECRET))).sim.fault(TOKEN, hang=True, applies=True)
    with other_process(rig):
        rig.sim.world.wait_for(TOKEN, 1, 30)
    rig.restart()
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.twitch.status()["renewal"] == "proven"


def test_two_processes_that_renew_at_once_send_the_token_once(rig: Rig) -> None:
    due(rig).sim.fault(TOKEN, delay_s=0.5)
    with other_process(rig):
        rig.sim.world.wait_for(TOKEN, 1, 30)
        rig.restart()
        wait_until(lambda: rig.run("set_title", TITLE)["verified"] is True, "the title is set")
        wait_until(lambda: rig.stored() == rig.sim.world.tokens[-1].refresh, "the pair is stored")
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.sim.world.count(TOKEN) == 1


def pair_of(rig: Rig) -> Grant:
    token = rig.sim.world.issue("1002")
    return Grant(Secret(token.access), Secret(token.refresh), TOKEN_LIFE_S, None)


def test_a_login_waits_for_a_refresh_under_way_which_would_store_its_own_pair_over_it(rig: Rig) -> None:
    pair, stores = pair_of(rig), CredentialStore(rig.store, lambda: rig.settings)
    with ThreadPoolExecutor(1) as pool:
        with stores.alone() as mine:
            assert mine
            login = pool.submit(rig.twitch._tokens.adopt, pair, CLIENT_ID)
            with contextlib.suppress(TimeoutError):
                login.result(0.3)
            stores.write(Secret(rig.token.access), Secret(rig.token.refresh), CLIENT_ID, proved=True)
        login.result(HANG_S)
    assert pair.refresh is not None
    assert rig.stored() == pair.refresh.reveal()


def test_a_login_is_stored_although_the_service_stops_meanwhile(rig: Rig) -> None:
    pair, stores = pair_of(rig), CredentialStore(rig.store, lambda: rig.settings)
    with stores.alone() as mine:
        assert mine
        rig.twitch._tokens.stop()
        rig.twitch._tokens.adopt(pair, CLIENT_ID)
    assert pair.refresh is not None
    assert rig.stored() == pair.refresh.reveal()


def test_a_login_is_stored_although_another_program_does_not_end_its_renewal(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_TURNS", 2)
    pair, stores = pair_of(rig), CredentialStore(rig.store, lambda: rig.settings)
    with stores.alone() as mine:
        assert mine
        rig.twitch._tokens.adopt(pair, CLIENT_ID)
    assert pair.refresh is not None
    assert rig.stored() == pair.refresh.reveal()


# --- what the token endpoint answers ----------------------------------------------------------------------------------


def test_a_page_in_place_of_json_ends_no_login_whatever_its_status(rig: Rig) -> None:
    rig.expired()
    rig.sim.play("broken_refresh")
    codes = []
    for _ in range(4):
        with pytest.raises(ClawcraftError) as raised:
            rig.run("set_title", TITLE)
        codes.append((raised.value.code, raised.value.retryable, raised.value.details["twitch_status"]))
    assert codes == [("twitch_unavailable", True, status) for status in (502, 500, 400, 403)]
    assert rig.run("set_title", TITLE)["verified"] is True


def test_a_page_with_which_twitch_used_the_token_up_is_an_answer_that_was_lost(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault(TOKEN, status=200, body="<html>", applies=True)
    with pytest.raises(TwitchUnavailable, match="cannot be read"):
        rig.run("set_title", TITLE)
    with pytest.raises(TwitchTokenInvalid, match="answer to the refresh before was lost"):
        rig.run("set_title", TITLE)


def test_a_refusal_in_words_nobody_knows_is_tried_again_half_a_minute_later(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault(TOKEN, status=400, body={"status": 400, "message": "try harder"})
    with pytest.raises(TwitchUnavailable, match="try harder"):
        rig.run("set_title", TITLE)
    assert rig.run("set_title", TITLE)["verified"] is True


def test_a_refresh_without_an_answer_is_repeated_only_once_the_old_token_says_that_it_is_unused(rig: Rig) -> None:
    due(rig).sim.play("unsent_refresh")
    rig.restart()
    for _ in range(3):
        rig.run("set_title", TITLE)
        rig.log.wait_for("twitch_token_check_failed", 1)
        rig.log.entries.clear()
        rig.clock.advance(31)
    rig.run("set_title", TITLE)
    rig.log.wait_for("twitch_token_refreshed", 1)
    calls = [name for name in rig.sim.world.endpoints() if "oauth2" in name]
    assert all(before != TOKEN for before, call in itertools.pairwise(calls) if call == TOKEN)


def test_a_token_that_twitch_says_is_over_is_not_one_that_never_ends(rig: Rig) -> None:
    rig.sim.fault(
        "GET /oauth2/validate",
        status=200,
        body={"client_id": CLIENT_ID, "login": "clawstreamer", "user_id": "1001", "scopes": [], "expires_in": -5},
    )
    rig.start()
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.sim.world.count(TOKEN) == 1


# --- the first refresh right after a login ----------------------------------------------------------------------------


def test_a_login_is_renewed_once_at_once_so_that_renewal_is_known_to_work(rig: Rig) -> None:
    logged_in(rig).start().run("set_title", TITLE)
    assert rig.sim.world.endpoints()[:2] == [TOKEN, "GET /oauth2/validate"]
    assert rig.twitch.status()["renewal"] == "proven"
    rig.restart()
    rig.run("set_title", TITLE)
    assert rig.sim.world.count(TOKEN) == 1


def test_an_application_whose_secret_is_missing_shows_it_right_after_the_login(rig: Rig) -> None:
    logged_in(rig.confidential()).start()
    assert rig.run("set_title", TITLE)["verified"] is True
    status = rig.twitch.status()
    assert (status["state"], status["renewal"], status["refreshable"]) == ("ok", "refused", False)
    assert "missing client secret" in status["last_error"]["message"]
    assert "Public" in status["last_error"]["hint"]
    rig.clock.advance(HOUR_S)
    rig.run("set_title", TITLE)
    rig.log.wait_for("twitch_validated", 1)
    assert rig.twitch.status()["renewal"] == "refused"
    rig.change(twitch_client_secret=Secret(CLIENT_SECRET))
    rig.run("set_title", TITLE)
    rig.log.wait_for("twitch_token_refreshed", 1)
    assert rig.twitch.status()["renewal"] == "proven"


def test_a_login_works_although_the_token_endpoint_fails_right_after_it(rig: Rig) -> None:
    rig.sim.fault(TOKEN, status=503, body=HTML_502)
    logged_in(rig).start()
    assert rig.run("set_title", TITLE)["verified"] is True
    assert rig.twitch.status()["renewal"] == "untried"


# --- a week -----------------------------------------------------------------------------------------------------------

STEP_S = HOUR_S / 2


def let_time_pass(rig: Rig, seconds: float) -> None:
    """Turn the clock once nothing is under way: a call that meets a jump of half an hour has had no time."""
    keeper = rig.twitch._tokens

    def idle() -> bool:
        with keeper._changed:
            keeper._changed.notify_all()
            return keeper._begun == keeper._done and not keeper._wanted and not keeper._due()

    wait_until(idle, "the token's thread has nothing to do")
    rig.clock.advance(seconds)


def nothing(lives: Lives) -> None:
    let_time_pass(lives.rig, STEP_S)


def a_reload(lives: Lives) -> None:
    """The script is reloaded while Twitch answers a refresh."""
    rig = lives.rig
    calls = rig.sim.world.count(TOKEN)
    rig.sim.fault(TOKEN, delay_s=0.2)
    nothing(lives)
    rig.run("post_chat_message", CHAT)
    rig.sim.world.wait_for(TOKEN, calls + 1)
    lives.reload()


def a_kill_before(lives: Lives) -> None:
    """OBS is killed in the middle of a refresh, before Twitch did anything."""
    rig = lives.rig
    nothing(lives)
    rig.twitch.close()
    calls = rig.sim.world.count(TOKEN)
    rig.sim.fault(TOKEN, hang=True)
    with other_process(rig):
        rig.sim.world.wait_for(TOKEN, calls + 1, 30)
    rig.restart()


def a_kill_after(lives: Lives) -> None:
    """OBS is killed as soon as the new pair is stored."""
    rig = lives.rig
    nothing(lives)
    rig.twitch.close()
    old = rig.stored("TWITCH_OAUTH_TOKEN")
    with other_process(rig):
        wait_until(lambda: rig.stored("TWITCH_OAUTH_TOKEN") != old, "the new pair is stored")
    rig.restart()


def a_page(lives: Lives) -> None:
    lives.rig.sim.fault(TOKEN, status=400, body=HTML_502)
    nothing(lives)


def a_break(lives: Lives) -> None:
    lives.rig.sim.fault(TOKEN, drop=True)
    nothing(lives)


TROUBLES = (nothing, a_reload, a_page, a_kill_before, a_break, a_kill_after)


@pytest.mark.parametrize("app", ["public", "confidential"])
def test_a_week_with_reloads_kills_and_broken_answers_loses_no_login(lives: Lives, app: str) -> None:
    rig = lives.rig if app == "public" else lives.rig.confidential(Secret(CLIENT_SECRET))
    logged_in(rig).start().run("set_title", TITLE)
    began, troubles, met = rig.clock.time(), itertools.cycle(TROUBLES), 0
    while rig.clock.time() < began + 7 * 24 * HOUR_S:
        left_s = rig.twitch._tokens.expires_in_s
        if left_s is not None and HOUR_S < left_s <= HOUR_S + STEP_S:
            met += 1
            next(troubles)(lives)
        else:
            let_time_pass(rig, STEP_S)
        # Raises if the login is lost.
        assert rig.run("post_chat_message", CHAT)["status"] == "sent"
    let_time_pass(rig, 0)
    assert rig.twitch.status()["state"] == "ok"
    assert met >= 40
    assert "twitch_refresh_refused" not in rig.log.names()


def test_nothing_of_a_refresh_is_in_an_answer_of_an_action(rig: Rig) -> None:
    rig.expired()
    rig.sim.fault(TOKEN, drop=True)
    with pytest.raises(ClawcraftError) as raised:
        rig.run("set_title", TITLE)
    said: dict[str, Any] = raised.value.to_json()
    assert rig.token.refresh not in str(said)
    assert said["retryable"] is True
