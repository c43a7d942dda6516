"""The panel in a fake OBS: what it says, what it stores, and what it never gives away."""

import html
import json
import socket
import sys
from typing import Any

import pytest

from clawcraft import VERSION
from clawcraft.authority.pause import PAUSES
from clawcraft.panel.fields import SHOWN_TOKEN
from tests.panel.conftest import Streamer
from tests.support.audit_tool import audit
from tests.support.full_disk import full_disk
from tests.support.paths import data_folder
from tests.support.tool_client import ToolClient, wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID

LONG = "a-secret-that-is-long-enough"


def refused(agent: ToolClient, action: str = "twitch.set_title", **args: Any) -> str:
    """The code of an action's error; without Twitch each one fails at last."""
    return str(agent.post(action, **args or {"title": "x"}).json()["error"]["code"])


def test_the_status_tells_what_obs_and_twitch_do_and_where_the_token_is(streamer: Streamer) -> None:
    streamer.start()
    assert streamer.label("status_service") == f"Service {VERSION}"
    assert "not streaming" in streamer.text("status_obs")
    assert "not connected" in streamer.text("status_twitch")
    assert str(streamer.store.path) in streamer.text("token_place")
    assert not streamer.visible("group_packages")


def test_a_wrong_value_is_told_beside_its_field_and_the_service_goes_on(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.change("tool_service_bind", "localhost")
    streamer.refresh()
    assert "IP address" in streamer.text("tool_service_bind_problem")
    streamer.sees("status_service", "TOOL_SERVICE_BIND")
    assert streamer.agent().get("/status").status_code == 200
    streamer.obs.change("tool_service_bind", "127.0.0.1")
    streamer.refresh()
    assert streamer.text("tool_service_bind_problem") == ""


def test_a_new_token_ends_the_old_one_also_while_a_field_is_wrong(streamer: Streamer) -> None:
    old = streamer.start().agent()
    assert old.get("/status").status_code == 200
    streamer.obs.change("twitch_allowed_channels", "no login!")
    streamer.sees("status_service", "TWITCH_ALLOWED_CHANNELS")
    before = streamer.stored("TOOL_SERVICE_TOKEN")
    for _ in range(2):
        streamer.obs.click("token_new")
    wait_until(lambda: old.get("/status").status_code == 401, "the old token is over")
    assert streamer.stored("TOOL_SERVICE_TOKEN") != before
    assert streamer.agent().get("/status").status_code == 200
    streamer.sees("status_service", "TWITCH_ALLOWED_CHANNELS")
    streamer.obs.change("twitch_allowed_channels", "")

    def is_told() -> bool:
        streamer.refresh()
        return "TWITCH_ALLOWED_CHANNELS" in streamer.text("status_service")

    wait_until(lambda: not is_told(), "the field is right again")


def test_what_the_environment_sets_is_shown_as_text_and_cannot_be_edited(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_STREAM_SCENE", "<img src=x>")
    monkeypatch.setenv("TOOL_SERVICE_SIGNATURE_SECRET", LONG)
    monkeypatch.setenv("TOOL_DISABLED_ACTIONS", "create_clip")
    streamer.start()
    assert streamer.text("obs_stream_scene_set").startswith("&lt;img src=x&gt; ")
    assert "environment variable OBS_STREAM_SCENE" in streamer.text("obs_stream_scene_set")
    assert "TOOL_SERVICE_SIGNATURE_SECRET" in streamer.text("tool_service_signature_secret_set")
    assert LONG not in streamer.texts()
    assert "create_clip" in streamer.text("actions_off")
    for name in ("obs_stream_scene", "tool_service_signature_secret", "action_create_clip"):
        assert not streamer.visible(name)


def test_a_scene_that_is_gone_stays_chosen(streamer: Streamer) -> None:
    streamer.start(obs_stream_scene="Gone")
    assert streamer.choices("obs_stream_scene") == ["", "Main", "BRB", "Gone"]


def test_the_token_is_shown_on_request_and_never_saved(streamer: Streamer) -> None:
    streamer.start()
    token = streamer.stored("TOOL_SERVICE_TOKEN")
    assert token is not None
    assert not streamer.visible(SHOWN_TOKEN)
    streamer.obs.click("token_show")
    assert streamer.visible(SHOWN_TOKEN)
    assert token not in streamer.saved()
    streamer.obs.change(SHOWN_TOKEN, token)  # somebody types in it
    assert token not in streamer.saved()
    streamer.obs.click("token_show")
    assert not streamer.visible(SHOWN_TOKEN)


def test_a_new_token_takes_the_same_button_twice_in_a_row(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    before = streamer.stored("TOOL_SERVICE_TOKEN")
    streamer.obs.click("token_new")
    assert "again" in streamer.label("token_new")
    streamer.refresh()
    assert "again" not in streamer.label("token_new")
    streamer.obs.click("token_new")
    assert streamer.stored("TOOL_SERVICE_TOKEN") == before
    streamer.obs.click("token_new")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_TOKEN") != before, "another token is stored")
    wait_until(lambda: agent.get("/status").status_code == 401, "the old token is over")
    assert streamer.agent().get("/status").status_code == 200


def test_the_audit_trail_has_each_new_token_once_it_is_stored(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise secrets.SecretStoreError("the disk is full")

    def renewed() -> list[str | None]:
        rows = audit(data_folder(streamer.folder))
        return [row.get("overlap") for row in rows if row["outcome"] == "new token"]

    streamer.start()
    secrets = sys.modules["clawcraft.secrets"]
    streamer.obs.click("token_new")  # which only asks
    streamer.refresh()
    with monkeypatch.context() as patch:
        patch.setattr(secrets.SecretStore, "update", full)
        streamer.obs.click("token_rotate")
        streamer.sees("tool_service_token_known", "full")
    streamer.obs.type_text("tool_service_token", LONG)
    streamer.obs.click("access_store")
    streamer.stores("TOOL_SERVICE_TOKEN", LONG)
    streamer.obs.click("token_rotate")
    wait_until(lambda: "1 day" in renewed(), "the last one is noted")
    assert renewed() == [None, "1 day"]


def test_a_typed_secret_counts_when_store_is_pressed_and_can_be_removed(streamer: Streamer) -> None:
    agent, name = streamer.start().agent(), "TOOL_SERVICE_SIGNATURE_SECRET"
    streamer.obs.type_text("tool_service_signature_secret", LONG)
    # The save takes it out of the settings; the field on the screen still has it, and so does the panel.
    assert LONG not in streamer.saved()
    streamer.refresh()
    assert "not stored yet" in streamer.text("tool_service_signature_secret_known")
    assert streamer.stored(name) is None
    streamer.obs.click("access_store")
    streamer.stores(name, LONG)
    wait_until(lambda: refused(agent) == "invalid_signature", "it is in force")
    assert LONG not in streamer.saved()
    streamer.sees("tool_service_signature_secret_known", "one is stored")
    streamer.obs.click("tool_service_signature_secret_remove")
    streamer.stores(name, None)
    wait_until(lambda: refused(agent) == "twitch_not_configured", "it is not asked for")


def test_a_secret_that_cannot_be_one_is_not_stored(streamer: Streamer) -> None:
    streamer.start()
    before = streamer.stored("TOOL_SERVICE_TOKEN")
    streamer.obs.type_text("tool_service_token", "short")
    streamer.obs.click("access_store")
    assert "at least 16" in streamer.text("tool_service_token_problem")
    assert "short" not in streamer.saved()
    # Only when the next step of the background is done has a wrong one had its time to be stored.
    streamer.obs.type_text("twitch_client_secret", LONG)
    streamer.obs.click("twitch_store")
    streamer.stores("TWITCH_CLIENT_SECRET", LONG)
    assert streamer.stored("TOOL_SERVICE_TOKEN") == before


def test_switches_and_limits_of_actions_are_in_force(streamer: Streamer) -> None:
    agent = streamer.start(limit_set_game=1).agent()
    streamer.obs.change("policy_set_title", "off")
    assert refused(agent) == "action_disabled"  # at once
    streamer.obs.change("policy_set_title", "allow")
    assert refused(agent) == "twitch_not_configured"
    codes = [refused(agent, "twitch.set_game", game="Art") for _ in range(2)]
    assert codes == ["twitch_not_configured", "rate_limited"]


def test_what_an_action_may_is_kept_on_this_machine_and_never_in_the_collection(streamer: Streamer) -> None:
    agent = streamer.start(action_create_clip=False, action_set_game=True, policy_set_title="off").agent()
    assert refused(agent, "twitch.create_clip") == "action_disabled"  # as version 0.1.0 kept it
    assert refused(agent) == "twitch_not_configured"  # what a collection says of it now counts for nothing
    streamer.obs.change("policy_set_title", "ask")
    streamer.obs.change("limit_set_game", 5)
    saved = json.loads(streamer.saved())
    assert [key for key in saved if key.startswith(("policy_", "action_"))] == []
    kept = streamer.store.path.with_name("policies.json")
    chosen = {"twitch.create_clip": "off", "twitch.set_title": "ask"}
    wait_until(lambda: kept.exists() and json.loads(kept.read_text()) == chosen, "it is kept")
    streamer.reload()
    policies = {tool["name"]: tool["policy"] for tool in agent.get("/tools").json()["tools"]}
    assert {name: policies[name] for name in chosen} == chosen


def test_the_switches_of_version_0_1_0_are_taken_over_but_that_of_the_stop_and_it_is_said(streamer: Streamer) -> None:
    agent = streamer.start(action_create_clip=False, action_stop_stream=False).agent()
    policies = {tool["name"]: tool["policy"] for tool in agent.get("/tools").json()["tools"]}
    assert policies["twitch.create_clip"] == "off"
    assert policies["twitch.stop_stream"] == "allow"
    assert [line.partition("0.1.0: ")[2] for line in streamer.obs.log_lines() if "0.1.0" in line] == [
        "twitch.create_clip"
    ]
    streamer.refresh()

    def noted() -> list[str | None]:
        rows = audit(data_folder(streamer.folder))
        return [row.get("twitch.create_clip") for row in rows if row["outcome"] == "policies"]

    wait_until(lambda: noted() == ["off"], "it is in the audit trail, once")


def test_once_something_is_chosen_here_no_collection_switches_anything_off(streamer: Streamer) -> None:
    kept = streamer.store.path.with_name("policies.json")
    kept.parent.mkdir(parents=True)
    kept.write_text('{"twitch.set_game": "ask"}')
    agent = streamer.start(action_create_clip=False, action_set_title=False).agent()
    assert refused(agent, "twitch.create_clip") == "twitch_not_configured"
    assert refused(agent) == "twitch_not_configured"
    assert "action_" not in streamer.saved()
    assert not any("0.1.0" in line for line in streamer.obs.log_lines())
    streamer.stop()
    assert kept.read_text() == '{"twitch.set_game": "ask"}'


def test_a_question_is_shown_whole_and_answered_in_the_panel(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    streamer.obs.change("policy_set_title", "ask")
    title = "<b>Hi</b> & " + "x" * 128
    first, second = (agent.accept("twitch.set_title", name, title=title) for name in ("one", "two"))
    streamer.refresh()
    assert "wants to <b>change the title</b>" in streamer.text("question")
    assert html.escape(title) in streamer.text("question")
    assert streamer.text("question_more") == "1 more after this one"
    assert agent.job(first)["progress"]["message"] == "waiting for the streamer; nothing has been done yet"
    assert agent.job(first)["approval"]["state"] == "pending"
    streamer.obs.click("question_deny")
    assert agent.ended(first)["error"]["code"] == "denied_by_operator"
    streamer.sees("question", "change the title")
    streamer.obs.click("question_allow")
    assert agent.ended(second)["error"]["code"] == "twitch_not_configured"
    assert agent.job(second)["approval"]["by"] == "panel"
    streamer.sees("question", "")
    assert agent.status()["approvals_pending"] == 0


def test_a_start_that_was_allowed_counts_down_and_a_pause_or_a_no_ends_it(streamer: Streamer) -> None:
    agent = streamer.start(tool_start_countdown_ms=60_000).agent()
    streamer.obs.change("policy_start_stream", "ask")
    jobs = {}
    for name in ("paused", "denied"):
        jobs[name] = agent.accept("twitch.start_stream", name)
        streamer.sees("question", "start the stream")
        assert not streamer.visible("question_allow_show")
        streamer.obs.click("question_allow")
        streamer.sees("question", "begins in")
        assert agent.job(jobs[name])["approval"]["state"] == "allowed"
        streamer.obs.press_hotkey("twitch_clawcraft.deny" if name == "denied" else "twitch_clawcraft.pause")
        agent.ended(jobs[name])
        if name == "paused":
            streamer.obs.press_hotkey("twitch_clawcraft.pause")
    codes = [agent.job(jobs[name])["error"]["code"] for name in ("paused", "denied")]
    assert codes == ["paused_by_operator", "denied_by_operator"]
    assert not agent.status()["obs"]["stream"]["live"]


def test_what_the_agent_hears_is_a_switch_and_is_told(
    streamer: Streamer, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in twitch.environment().items():
        monkeypatch.setenv(name, text)
    agent = streamer.start().agent()
    assert streamer.text("status_hearing") == ""
    assert agent.get("/events", wait=30).json()["enabled"] is False
    streamer.obs.change("hear_chat", True)
    streamer.obs.change("hear_raids", True)
    eventsub = twitch.world.eventsub
    eventsub.wait_for(lambda: eventsub.subscribed(2))
    streamer.sees("status_hearing", "chat, raids")
    wait_until(lambda: agent.status()["events"]["connected"], "the service knows that it hears")
    eventsub.chat("hello")
    assert agent.get("/events", wait=30).json()["events"][0]["text"] == "hello"
    eventsub.refuse_status = 503
    eventsub.cut()
    streamer.sees("status_hearing", "not connected")
    streamer.obs.change("hear_chat", False)
    streamer.obs.change("hear_raids", False)
    streamer.sees("status_hearing", "")


def test_what_the_environment_lets_the_agent_hear_is_shown_instead_of_the_switches(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITCH_EVENTS", "raids")
    streamer.start(hear_chat=True)
    assert "raids" in streamer.text("hearing_set")
    assert not streamer.visible("hear_chat")
    streamer.sees("status_hearing", "raids: not connected")
    assert "chat" not in streamer.text("status_hearing")


def test_the_pause_is_told_and_lasts_over_a_reload_and_over_a_restart_only_if_wanted(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        """As far as a pause can tell: the script begins in another process."""
        monkeypatch.delitem(vars(sys), PAUSES)
        streamer.reload()

    agent = streamer.start().agent()
    streamer.obs.click("pause")
    assert "paused" in streamer.text("status_agent")
    assert refused(agent) == "paused_by_operator"
    streamer.sees("status_error", "paused_by_operator")
    streamer.reload()
    assert agent.status()["paused"]
    restart()
    assert not agent.status()["paused"]

    streamer.obs.change("keep_paused", True)
    assert not agent.status()["paused"]
    streamer.sees("status_agent", "may act")
    streamer.obs.change("keep_paused", False)
    streamer.obs.click("pause")
    streamer.obs.change("keep_paused", True)  # counts for a pause that is on, too
    restart()
    assert agent.status()["paused"]
    streamer.obs.press_hotkey("twitch_clawcraft.pause")
    assert not agent.status()["paused"]


@pytest.mark.parametrize("by", ["hotkey", "button"])
def test_a_pause_counts_from_before_there_is_a_service(streamer: Streamer, by: str) -> None:
    in_the_way = data_folder(streamer.folder) / "jobs.sqlite3"
    in_the_way.mkdir(parents=True)
    streamer.start(answers=False)
    streamer.sees("status_service", "not listening")
    assert streamer.text("status_agent") == ""
    if by == "hotkey":
        streamer.obs.press_hotkey("twitch_clawcraft.pause")
    else:
        streamer.obs.click("pause")
    streamer.refresh()
    assert "paused by you" in streamer.text("status_agent")
    in_the_way.rmdir()
    streamer.sees("status_service", "listening on http://")
    agent = streamer.agent()
    assert refused(agent) == "paused_by_operator"
    streamer.obs.click("pause")
    assert refused(agent) != "paused_by_operator"

    def switched() -> list[str]:
        return [entry["outcome"] for entry in audit(data_folder(streamer.folder)) if entry["kind"] == "operator"]

    wait_until(lambda: switched() == ["paused", "resumed"], "both are in the audit trail")


def test_a_port_in_use_is_told_and_the_service_comes_back(streamer: Streamer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        streamer.start(answers=False, port=port)
        streamer.sees("status_service", "not listening")
        assert str(port) in streamer.text("status_service")
    wait_for_service(port)


def test_twitch_is_connected_with_a_code_and_disconnected(
    streamer: Streamer, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITCH_API_BASE_URL", twitch.api_url)
    monkeypatch.setenv("TWITCH_AUTH_BASE_URL", twitch.auth_url)
    streamer.start()
    streamer.obs.type_text("twitch_client_id", CLIENT_ID)
    streamer.obs.click("twitch_connect")
    assert "once more" in streamer.text("twitch_login")

    def asked() -> bool:
        streamer.obs.click("twitch_connect")
        return bool(twitch.world.devices)

    wait_until(asked, "Twitch is asked for a code")
    streamer.sees("twitch_login", twitch.world.devices[0].user_code)
    assert 'href="https://www.twitch.tv/activate' in streamer.text("twitch_login")
    twitch.world.devices[0].state = "granted"
    streamer.sees("status_twitch", "clawstreamer")
    assert "all scopes" in streamer.text("status_twitch")
    assert "connected" in streamer.text("twitch_login")
    assert streamer.text("actions_scopes") == ""
    streamer.obs.change("policy_run_ad", "ask")
    streamer.refresh()
    assert "run ads" in streamer.text("actions_scopes")
    assert "lacks channel:edit:commercial" in streamer.text("status_twitch")
    streamer.obs.change("policy_run_ad", "off")
    streamer.sees("actions_scopes", "")
    saved = streamer.saved()
    assert not [token.access for token in twitch.world.tokens if token.access in saved]

    streamer.obs.click("twitch_disconnect")
    streamer.sees("status_twitch", "not connected")
    wait_until(lambda: twitch.world.tokens[0].revoked, "the token is revoked at Twitch")
    assert streamer.stored("TWITCH_OAUTH_TOKEN") is None
    streamer.sees("twitch_login", "")


def test_connect_says_what_keeps_the_client_id_from_being_taken_over(
    streamer: Streamer, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWITCH_AUTH_BASE_URL", twitch.auth_url)
    streamer.start()
    streamer.obs.change("twitch_allowed_channels", "no login!")
    streamer.sees("status_service", "TWITCH_ALLOWED_CHANNELS")
    streamer.obs.type_text("twitch_client_id", CLIENT_ID)
    for button, told in (("twitch_connect", "twitch_login"), ("bot_connect", "bot_login")):
        streamer.obs.click(button)
        assert "Correct this first" in streamer.text(told)
        assert "TWITCH_ALLOWED_CHANNELS" in streamer.text(told)
    streamer.obs.change("twitch_allowed_channels", "")

    def asked() -> bool:
        streamer.obs.click("twitch_connect")
        return bool(twitch.world.devices)

    wait_until(asked, "Twitch is asked for a code")


def test_a_bot_for_chat_is_connected_beside_the_streamer_and_disconnected_alone(
    streamer: Streamer, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    twitch.world.device_interval_s = 1
    for name, text in twitch.environment().items():
        monkeypatch.setenv(name, text)
    streamer.start()
    streamer.sees("status_twitch", "clawstreamer")
    assert not streamer.visible("bot_disconnect")
    streamer.obs.click("bot_connect")
    wait_until(lambda: twitch.world.devices, "Twitch is asked for a code")
    streamer.sees("bot_login", twitch.world.devices[0].user_code)
    assert "as the bot first" in streamer.text("bot_login")
    assert streamer.text("twitch_login") == ""
    # Whoever is still logged in as themselves connects their own account.
    twitch.world.devices[0].state = "granted"
    streamer.sees("bot_status", "your own account")

    def asked_again() -> bool:
        streamer.obs.click("bot_connect")
        return len(twitch.world.devices) == 2

    wait_until(asked_again, "Twitch is asked for another code")
    with twitch.world.lock:
        twitch.world.devices[1].user_id, twitch.world.devices[1].state = "1002", "granted"
    streamer.sees("bot_status", "connected as <b>friendlyneighbour</b>")
    assert "your own account" not in streamer.text("bot_status")
    saved = streamer.saved()
    assert not [token.access for token in twitch.world.tokens if token.access in saved]

    streamer.obs.click("bot_disconnect")
    wait_until(lambda: twitch.world.tokens[-1].revoked, "the bot's token is revoked at Twitch")
    streamer.sees("bot_status", "")
    assert streamer.stored("TWITCH_BOT_OAUTH_TOKEN") is None
    assert "clawstreamer" in streamer.text("status_twitch")
    assert not twitch.world.tokens[0].revoked


def test_what_the_agent_did_is_listed_with_its_words_and_what_came_of_it(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    assert not streamer.visible("group_audit")
    assert refused(agent, title="<b>bold</b>") == "twitch_not_configured"
    assert refused(agent, title="x” · asked, allowed by panel · sent · “") == "twitch_not_configured"
    agent.run("twitch.start_stream", "start", obs_scene="Nowhere")
    streamer.sees("audit", "scene_not_found")
    lines = streamer.text("audit").split("<br>")
    assert [line.partition(" · ")[2] for line in lines] == [
        "start_stream by test-agent · scene_not_found · “Nowhere”",
        "set_title by test-agent · twitch_not_configured · “x&#x27; · asked, allowed by panel · sent · &#x27;”",
        "set_title by test-agent · twitch_not_configured · “&lt;b&gt;bold&lt;/b&gt;”",
    ]
    streamer.reload()
    assert streamer.text("audit").split("<br>") == lines


def test_a_full_disk_is_told_in_panel_and_status_and_mends_itself(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = streamer.start().agent()
    # Nothing but the trouble itself has the supervisor look.
    monkeypatch.setattr(sys.modules["clawcraft.service"], "SWEEP_S", 3600.0)
    streamer.obs.change("tool_max_stream_minutes", 60)
    wait_until(lambda: agent.status()["guard_rails"]["max_stream_minutes"] == 60, "the supervisor has looked")
    with full_disk():
        answer = agent.post("twitch.stop_stream", "full").json()
        assert answer["error"]["code"] == "storage_unavailable"
        streamer.refresh()
        assert "the job table cannot be used" in streamer.text("status_storage")
        assert agent.status()["storage"] == {"ok": False, "problem": answer["error"]["message"]}
        failed = {
            check["name"] for check in agent.get("/status", check=1).json()["checks"] if check["outcome"] == "failed"
        }
        assert failed == {"storage"}
        streamer.sees("status_service", "the job table cannot be used")
        assert agent.status()["ok"]
    streamer.sees("status_storage", "")
    assert agent.status()["storage"] == {"ok": True, "problem": None}
    sees_all_is_well(streamer)


def sees_all_is_well(streamer: Streamer) -> None:
    def well() -> bool:
        streamer.refresh()
        return streamer.text("status_service").endswith(f"listening on http://127.0.0.1:{streamer.port}")

    wait_until(well, "the panel says nothing but that the service listens")


def test_a_defect_of_the_supervisor_is_told_and_the_service_goes_on(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sys.modules["clawcraft.assembly"].Assembly, "apply")
        streamer.obs.change("obs_operation_retries", 3)
        streamer.sees("status_service", "internal error: AttributeError")
        assert agent.get("/status").status_code == 200
    assert "AttributeError" in (data_folder(streamer.folder) / "crash.log").read_text()
    sees_all_is_well(streamer)
