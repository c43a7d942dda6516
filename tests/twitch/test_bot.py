"""A second account that speaks in chat: its token says things, and does nothing else."""

import threading
from pathlib import Path

import pytest

from clawcraft.authority.known_secrets import KnownSecrets
from clawcraft.errors import ClawcraftError, PausedByOperator, TwitchMissingScope, TwitchRejected, TwitchTokenInvalid
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.twitch.bot import BOT_SCOPES, BotSecrets, bot_settings
from clawcraft.twitch.credentials import CredentialStore
from tests.support.clock import ManualClock
from tests.support.studio import TOKEN, Studio
from tests.support.twitch_rig import EFFECTS, Rig, connected
from tests.support.waiting import HANG_S, wait_until
from tests.twitch.test_login import Tool
from tests.twitch.test_service import FAULTS, searched, secrets_of
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID, TOKEN_LIFE_S, Token

HELLO = {"message": "hello"}
BOT = "1002"


def with_bot(rig: Rig, scopes: tuple[str, ...] = BOT_SCOPES) -> Token:
    """The operator gave a bot's pair, too."""
    token = rig.sim.world.issue(BOT, scopes=scopes)
    rig.change(twitch_bot_oauth_token=Secret(token.access), twitch_bot_refresh_token=Secret(token.refresh))
    return token


def callers(sim: TwitchSim, access: str) -> set[str]:
    """The endpoints that were called with this access token."""
    return {call.endpoint for call in sim.world.calls if access in call.headers.get("authorization", "")}


def test_chat_messages_and_replies_are_the_bots(rig: Rig) -> None:
    with_bot(rig)
    result = rig.start().run("post_chat_message", HELLO)
    assert (result["sender"], result["channel"]) == ("friendlyneighbour", "clawstreamer")
    parent = str(result["message_id"])
    rig.run("post_chat_message", {"message": "and again", "reply_parent_message_id": parent})
    said = [(row["broadcaster_id"], row["sender_id"], row["reply_parent_message_id"]) for row in rig.sim.world.chat]
    assert said == [("1001", BOT, None), ("1001", BOT, parent)]


def test_the_bots_token_does_nothing_but_speak(rig: Rig) -> None:
    bot = with_bot(rig)
    rig.change(allowed_channels=("stranger",))
    rig.sim.world.go_live()
    rig.start()
    for action, args in EFFECTS.items():
        rig.run(action, args)
    rig.run("post_chat_message", {**HELLO, "channel": "stranger"})
    assert callers(rig.sim, bot.access) == {"GET /oauth2/validate", "POST /chat/messages"}
    assert "POST /chat/messages" not in callers(rig.sim, rig.token.access)


def test_the_bot_is_checked_hourly_and_renewed_beside_the_streamer(rig: Rig) -> None:
    bot = with_bot(rig)
    rig.start().run("post_chat_message", HELLO)
    rig.clock.advance(3600)
    rig.run("post_chat_message", HELLO)
    wait_until(lambda: len([1 for call in rig.sim.world.calls if bot.access in str(call.headers)]) >= 4, "both checks")
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("post_chat_message", HELLO)
    assert {row["sender_id"] for row in rig.sim.world.chat} == {BOT}
    newest = [token for token in rig.sim.world.tokens if token.user_id == BOT][-1]
    assert rig.stored("TWITCH_BOT_REFRESH_TOKEN") == newest.refresh != bot.refresh
    rig.restart()
    assert rig.run("post_chat_message", HELLO)["sender"] == "friendlyneighbour"
    assert rig.run("set_title", {"title": "still the streamer's"})["channel"] == "clawstreamer"


def test_the_bot_is_renewed_while_the_streamers_pair_is(rig: Rig) -> None:
    streamers = CredentialStore(rig.store, lambda: rig.settings)
    bots = CredentialStore(BotSecrets(rig.store), lambda: bot_settings(rig.settings))
    with streamers.alone() as first, bots.alone() as second:
        assert (first, second) == (True, True)
        with streamers.alone() as again, bots.alone() as also_again:
            assert (again, also_again) == (False, False)


def test_a_bots_pair_that_cannot_be_stored_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SecretStoreError("no space left")

    with_bot(rig)
    rig.start().run("post_chat_message", HELLO)
    rig.clock.advance(TOKEN_LIFE_S)
    monkeypatch.setattr(rig.store, "update", refuse)
    rig.run("post_chat_message", HELLO)
    found = wait_until(lambda: rig.twitch.status()["bot"]["troubles"], "it is told")
    assert [each["code"] for each in found] == ["token_not_stored"]


def test_nobody_speaks_in_the_place_of_a_bot_that_was_cut_off(rig: Rig) -> None:
    bot = with_bot(rig)
    bot.revoked, bot.refresh = True, ""
    rig.start()
    with pytest.raises(TwitchTokenInvalid, match="the bot's account") as raised:
        rig.run("post_chat_message", HELLO)
    assert raised.value.details["account"] == "bot"
    assert "--bot" in raised.value.hint
    assert rig.sim.world.chat == []
    assert rig.twitch.status()["bot"]["state"] == "revoked"
    assert rig.run("set_title", {"title": "goes on"})["verified"] is True
    assert rig.twitch.status()["state"] == "ok"


def test_each_account_needs_the_scopes_of_its_own_part(rig: Rig) -> None:
    bot = with_bot(rig)
    rig.token.scopes = ("channel:manage:broadcast",)
    assert rig.start().run("post_chat_message", HELLO)["sender"] == "friendlyneighbour"
    assert rig.twitch.status()["bot"]["scopes_missing"] == []
    bot.scopes = ("clips:edit",)
    rig.restart()
    with pytest.raises(TwitchMissingScope, match="the bot's account"):
        rig.run("post_chat_message", HELLO)
    [missing] = rig.twitch.status()["bot"]["scopes_missing"]
    assert missing == {"scope": "user:write:chat", "blocks": ["twitch.post_chat_message"]}


def test_what_twitch_holds_against_the_bot_is_told_of_the_bot(rig: Rig) -> None:
    with_bot(rig)
    rig.start()
    rig.sim.fault("POST /chat/messages", status=403, body={"message": "The sender is banned from this chat."})
    with pytest.raises(TwitchRejected, match="the bot's account: Twitch answered") as raised:
        rig.run("post_chat_message", HELLO)
    assert (raised.value.details["twitch_status"], raised.value.details["account"]) == (403, "bot")


def test_what_the_streamer_paused_is_not_told_of_the_bot(rig: Rig) -> None:
    def paused() -> None:
        raise PausedByOperator("the streamer has paused agent access")

    with_bot(rig)
    rig.may = paused
    with pytest.raises(PausedByOperator, match=r"^the streamer has paused") as refused:
        rig.start().run("post_chat_message", HELLO)
    assert refused.value.hint == PausedByOperator.default_hint
    assert rig.sim.world.chat == []


def test_the_panel_connects_the_bot_and_disconnect_gives_the_word_back(rig: Rig) -> None:
    go_on = threading.Event()
    rig.clock.wait = lambda event, seconds: go_on.wait(HANG_S) and event.is_set()  # type: ignore[method-assign]
    rig.twitch = rig.build()
    rig.start()
    assert rig.run("post_chat_message", HELLO)["sender"] == "clawstreamer"
    rig.twitch.bot_login.start()
    rig.log.wait_for("twitch_login_code")
    with rig.sim.world.lock:
        [device] = rig.sim.world.devices
        assert device.scopes == BOT_SCOPES
        device.user_id, device.state = BOT, "approved"
    go_on.set()
    rig.log.wait_for("twitch_login")
    assert rig.twitch.status()["login"]["state"] == "idle"
    assert rig.twitch.status()["bot"]["login"]["state"] == "done"
    assert rig.log.named("twitch_login")[0]["account"] == "bot"
    assert rig.run("post_chat_message", HELLO)["sender"] == "friendlyneighbour"
    bot = rig.sim.world.tokens[-1]
    rig.twitch.bot_login.disconnect()
    rig.sim.world.wait_for("POST /oauth2/revoke", 1)
    assert bot.revoked
    assert not rig.token.revoked
    assert rig.run("post_chat_message", HELLO)["sender"] == "clawstreamer"
    assert "TWITCH_BOT" not in rig.store.path.read_text()


def test_no_thread_of_the_bot_outlives_the_service_even_while_twitch_hangs(rig: Rig) -> None:
    with_bot(rig)
    rig.sim.fault("GET /oauth2/validate", hang=True, times=9)
    rig.start()
    rig.sim.world.wait_for("GET /oauth2/validate", 2)
    rig.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("twitch-bot")] == []


def test_the_tool_connects_the_bot_beside_the_streamer(tmp_path: Path, clock: ManualClock) -> None:
    with TwitchSim() as sim:
        sim.world.device_interval_s = 1
        tool = Tool(tmp_path / "data", "--bot", "--client-id", CLIENT_ID, "--auth-url", sim.auth_url)
        status, out, err = tool.approved(sim, BOT)
        assert (status, err) == (0, "")
        assert "The account is friendlyneighbour." in out
        assert sim.world.devices[0].scopes == BOT_SCOPES
    with TwitchSim(clock) as sim:
        store = SecretStore(tmp_path / "data")
        stored = store.get_all(("TWITCH_BOT_OAUTH_TOKEN", "TWITCH_BOT_REFRESH_TOKEN", "TWITCH_OAUTH_TOKEN"))
        assert sorted(stored) == ["TWITCH_BOT_OAUTH_TOKEN", "TWITCH_BOT_REFRESH_TOKEN"]
        token = sim.world.issue(BOT, scopes=BOT_SCOPES)
        token.access = stored["TWITCH_BOT_OAUTH_TOKEN"].reveal()
        rig = connected(sim, tmp_path / "data", clock)
        assert rig.start().run("post_chat_message", HELLO)["sender"] == "friendlyneighbour"
        rig.close()


def test_a_message_may_not_hold_the_bots_tokens_also_once_they_are_renewed(rig: Rig) -> None:
    bot = with_bot(rig)
    known = KnownSecrets(lambda: rig.settings, rig.store, lambda _text: False)
    rig.start().run("post_chat_message", HELLO)
    assert known.one_in(f"my token is {bot.access}")
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("post_chat_message", HELLO)
    newest = [token for token in rig.sim.world.tokens if token.user_id == BOT][-1]
    assert newest.access != bot.access
    assert known.one_in(newest.access)
    assert known.one_in(newest.refresh)


def test_no_secret_of_the_bot_in_any_file_or_answer(tmp_path: Path) -> None:
    studio = Studio(tmp_path, {"TOOL_SERVICE_TIMEOUT_MS": "1500"})
    bot = studio.sim.world.issue(BOT, scopes=BOT_SCOPES)
    studio.settings |= {"TWITCH_BOT_OAUTH_TOKEN": bot.access, "TWITCH_BOT_REFRESH_TOKEN": bot.refresh}
    with studio:
        sim, client = studio.sim, studio.client
        answers = []
        for number, fault in enumerate(FAULTS[:3]):
            sim.fault("POST /chat/messages", **fault)
            answers.append(client.post("twitch.post_chat_message", f"bot-{number}", message="hello").text)
        wait_until(lambda: client.status()["twitch"]["bot"]["state"] == "ok", "the bot's token is renewed")
        answers += [client.get(path).text for path in ("/status", "/metrics", "/tools", "/openapi.json")]
        checks = client.get("/status", check=1).json()["checks"]
        newest = [token.refresh for token in sim.world.tokens if token.user_id == BOT][-1]
        assert {"twitch_bot": "ok"}.items() <= {check["name"]: check["outcome"] for check in checks}.items()
        assert client.post("twitch.post_chat_message", "token", message=f"it is {newest}").status_code == 400
        secrets = [*secrets_of(sim), studio.settings["TWITCH_BOT_REFRESH_TOKEN"], TOKEN]
        studio.kill()
    assert [secret for secret in secrets if any(secret in answer for answer in answers)] == []
    assert searched(tmp_path, secrets) == []


def test_a_bot_alone_does_not_know_whose_channel_it_is(rig: Rig) -> None:
    with_bot(rig)
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    with pytest.raises(ClawcraftError, match="not connected"):
        rig.run("post_chat_message", HELLO)
    assert rig.sim.world.chat == []
