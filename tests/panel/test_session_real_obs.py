"""A streamer's first session, in a real OBS: the panel driven with keyboard and mouse, judged from outside."""

import json

import pytest

from clawcraft.actions.catalogue import Policy
from clawcraft.kept_rails import KeptRails
from clawcraft.secrets import Secret
from tests.support.obs_desk import OWN_TOKEN, SIGNING, Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.waiting import insist, wait_until
from twitch_sim.world import CLIENT_ID

pytestmark = pytest.mark.real_obs


@pytest.mark.core
def test_a_first_session(desk: Desk, window: ScriptsWindow) -> None:
    """Script added, port typed, Twitch connected, an action switched off, paused, signed, all without a terminal.

    A key takes its time to OBS and from there to the service: each step waits for what shows that it was taken.
    """
    window.screenshot("no-script-yet")
    desk.begin(window)
    window.screenshot("port-changed", at="clients")
    agent = desk.agent()

    # Twitch, with a code.
    desk.connect(window, agent)
    window.screenshot("twitch-code")
    desk.twitch.world.devices[-1].state = "granted"
    wait_until(lambda: agent.status()["twitch"]["state"] == "ok", "Twitch is connected")
    window.press("refresh")
    window.widgets[window.widgets.index("cancel")] = "disconnect"
    window.screenshot("twitch-connected")
    assert agent.post("twitch.set_title", "title-1", title="Hello").status_code == 200

    def refused(code: str, title: str = "Hello") -> bool:
        return desk.refusal(agent, "twitch.set_title", title=title) == code

    def is_refused(code: str) -> None:
        wait_until(lambda: refused(code), f"set_title: {code!r}")

    # An action switched off.
    window.choose_policy(agent, "twitch.set_title", Policy.OFF)
    is_refused("action_disabled")
    window.screenshot("action-off", at="policy_create_clip")
    window.choose_policy(agent, "twitch.set_title", Policy.ALLOW)
    is_refused("")

    # Pause: polling goes on.
    def pause(on: bool) -> None:
        def is_so() -> bool:
            return bool(agent.status()["paused"] is on)

        def press() -> None:
            if not is_so():
                window.press("pause")

        insist(press, is_so, f"paused: {on}")

    pause(True)
    is_refused("paused_by_operator")
    assert agent.get("/tools/jobs").status_code == 200
    window.press("refresh")
    window.screenshot("paused")
    pause(False)
    is_refused("")

    # The token to copy, and a signing secret, typed and stored.
    token = desk.secrets.get("TOOL_SERVICE_TOKEN")
    assert token is not None

    def is_shown() -> bool:
        window.copy("token_show")  # where the token stands, once it does
        return desk.obs.display.clipboard() == token.reveal()

    insist(lambda: window.press("token_show"), is_shown, "the token is shown")
    window.appeared(["shown_token"], before="token_show")
    window.screenshot("token-shown", at="token_new")

    def store_the_token_for_signing() -> None:
        if desk.secrets.get("TOOL_SERVICE_SIGNATURE_SECRET") is not None:
            return  # where the button was may be the one that removes it now
        window.copy("shown_token")
        window.paste("signing")
        window.press("access_store")

    # Only the settings in force show whether there is a secret to remove; the store is a moment ahead of them.
    insist(store_the_token_for_signing, lambda: refused("invalid_signature"), "signatures are asked for")
    assert desk.secrets.get("TOOL_SERVICE_SIGNATURE_SECRET") == desk.secrets.get("TOOL_SERVICE_TOKEN")
    window.press("refresh")
    window.appeared(["signing_remove"], before="access_store")

    def store_another() -> None:
        window.type("signing", SIGNING)
        window.press("access_store")

    # Unsigned requests are refused already, by the secret before.
    stored = Secret(SIGNING)
    insist(store_another, lambda: desk.secrets.get("TOOL_SERVICE_SIGNATURE_SECRET") == stored, "the secret is stored")
    is_refused("invalid_signature")
    window.press("refresh")

    window.close()
    desk.exits_clean()
    saved = desk.saved_settings()
    assert saved["port"] == desk.port
    assert saved["twitch_client_id"] == CLIENT_ID
    assert desk.leaked() == []


def test_a_half_typed_secret_is_neither_saved_nor_used(desk: Desk, window: ScriptsWindow) -> None:
    desk.begin(window)
    agent, generated = desk.agent(), desk.secrets.get("TOOL_SERVICE_TOKEN")

    window.type("own_token", OWN_TOKEN[:20])
    desk.save_while_typing(window)
    assert desk.saved_settings()["port"] == desk.port
    assert OWN_TOKEN[:20] not in desk.collection.read_text()
    assert desk.secrets.get("TOOL_SERVICE_TOKEN") == generated
    assert agent.get("/status").status_code == 200

    def store_the_whole() -> None:
        window.type("own_token", OWN_TOKEN)
        window.press("access_store")

    stored = Secret(OWN_TOKEN)
    insist(store_the_whole, lambda: desk.secrets.get("TOOL_SERVICE_TOKEN") == stored, "the whole token is stored")
    wait_until(lambda: agent.get("/status").status_code == 401, "the generated token is over")
    assert desk.agent().get("/status").status_code == 200
    window.close()
    assert desk.quit() == 0
    assert OWN_TOKEN[:20] not in desk.collection.read_text()
    assert desk.obs.warnings() == []


def test_two_hundred_keystrokes_are_one_restart(desk: Desk, window: ScriptsWindow) -> None:
    desk.begin(window)
    before = desk.logged("listening")
    window.type("bind", *["127.0.0.1"] * 22, "127.0.0.2")
    wait_until(lambda: len(desk.logged("listening")) > len(before), "the service moves")
    assert [event["message"] for event in desk.logged("listening")[len(before) :]] == [f"http://127.0.0.2:{desk.port}"]
    window.close()
    assert desk.quit() == 0


def test_a_guard_rail_that_is_typed_counts_shows_and_stays_out_of_the_scene_collection(
    desk: Desk, window: ScriptsWindow
) -> None:
    desk.begin(window)
    agent = desk.agent()

    def ends(title: str, code: str) -> bool:
        return desk.refusal(agent, "twitch.set_title", title=title) == code

    def kept() -> dict[str, str]:
        values = KeptRails(desk.data_dir).values()
        return {name: str(values.get(name)) for name in ("TOOL_START_HOURS", "TOOL_REFUSED_WORDS", "TOOL_REFUSE_LINKS")}

    def type_words() -> None:
        """Keys that come while OBS builds the panel anew are lost with the old one."""
        window.type("start_hours", "18:00-02:00")
        window.type("words", "heck, darn")

    def are_kept() -> bool:
        return (kept()["TOOL_START_HOURS"], kept()["TOOL_REFUSED_WORDS"]) == ("18:00-02:00", "heck, darn")

    def refuse_links(on: bool) -> None:
        def is_so() -> bool:
            return kept()["TOOL_REFUSE_LINKS"] == str(on)

        def press() -> None:
            if not is_so():
                window.press("links")

        insist(press, is_so, f"refuse links: {on}")

    insist(type_words, are_kept, "the words are typed and kept")
    wait_until(lambda: ends("what the heck", "refused_by_guard_rail"), "they are refused")
    refuse_links(True)
    wait_until(lambda: ends("see example.com", "refused_by_guard_rail"), "links are refused")
    window.press("refresh")
    window.screenshot("guard-rails", at="links")
    refuse_links(False)
    wait_until(lambda: ends("see example.com", "twitch_not_configured"), "links pass")

    def go_on() -> None:
        if kept()["TOOL_REFUSED_WORDS"] != "heck, darn":
            type_words()  # a key went astray
        window.go_on_typing("words", " dang")  # behind what is shown, which is the kept text

    insist(go_on, lambda: kept()["TOOL_REFUSED_WORDS"] == "heck, darn dang", "'dang' is kept")
    wait_until(lambda: ends("dang", "refused_by_guard_rail"), "'dang' is refused")
    window.close()
    assert desk.quit() == 0
    assert desk.obs.warnings() == []
    saved = json.dumps(desk.saved_settings())  # not the whole file: its script's path may hold any word
    assert [word for word in ("heck", "tool_start_hours", "tool_refuse_links") if word in saved] == []
    assert desk.saved_settings()["port"] == desk.port
    assert list(kept().values()) == ["18:00-02:00", "heck, darn dang", "False"]
