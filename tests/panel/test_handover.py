"""The button "Copy for my agent" in a fake OBS: one text with all that an agent needs, on the clipboard or shown."""

import sys
import threading
from typing import Any

import pytest

from clawcraft.panel.fields import AGENT_HANDOVER, HANDOVER
from clawcraft.panel.handover import shown_key, text_for_agent
from clawcraft.secrets import Secret
from clawcraft.settings import McpAccess
from obs_mock.scenarios import SCENARIOS
from tests.panel.conftest import Streamer
from tests.support.agents import add_agent
from tests.support.audit_tool import audit
from tests.support.handover import address, agent_of
from tests.support.paths import data_folder
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S, wait_until

TOLD = f"{HANDOVER}_told"


class SlowImport:
    """A disk that takes its time with one module."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.goes_on = threading.Event()

    def find_spec(self, name: str, *_where: object) -> None:
        if name == self._module:
            self.goes_on.wait(HANG_S)


def shown(streamer: Streamer, button: str = HANDOVER) -> str:
    key = shown_key(button)
    text = streamer.obs._life.settings.get(key) or ""
    assert streamer.visible(key) == bool(text)
    return str(text)


def test_an_agent_goes_live_with_nothing_but_what_was_copied(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.click(HANDOVER)
    text = streamer.obs.clipboard.text
    assert "copied" in streamer.text(TOLD)
    assert address(text) == f"http://127.0.0.1:{streamer.port}"
    assert f"{address(text)}/mcp" in text
    agent = agent_of(text)
    assert agent.run("twitch.start_stream", "live")["status"] == "done"
    agent.close()
    assert streamer.obs.clipboard.strings == [], "Qt's memory is given back"


def test_what_was_copied_is_kept_nowhere_and_its_word_goes_with_the_next_redraw(streamer: Streamer) -> None:
    streamer.start()
    token = streamer.stored("TOOL_SERVICE_TOKEN") or "none"
    streamer.obs.click(HANDOVER)
    assert token in streamer.obs.clipboard.text
    assert (token in streamer.texts(), token in streamer.saved(), shown(streamer)) == (False, False, "")
    assert token not in "\n".join(streamer.obs.log_lines())
    streamer.refresh()
    assert streamer.text(TOLD) == ""
    streamer.stop()
    noted = [entry["outcome"] for entry in audit(data_folder(streamer.folder)) if entry["kind"] == "operator"]
    assert noted == ["access copied"]


@pytest.mark.parametrize("clipboard", ["refused", "unknown"])
def test_without_a_clipboard_the_text_is_shown_until_it_is_hidden_and_never_saved(
    streamer: Streamer, clipboard: str
) -> None:
    streamer.start(scenario=SCENARIOS["good"].but(clipboard=clipboard))
    token = streamer.stored("TOOL_SERVICE_TOKEN") or "none"
    streamer.obs.click(HANDOVER)
    assert "Ctrl+C" in streamer.text(TOLD)
    assert token in shown(streamer)
    assert "hide" in streamer.label(HANDOVER)
    streamer.obs.change(shown_key(HANDOVER), shown(streamer))  # somebody types in it
    assert token not in streamer.saved()
    streamer.refresh()
    assert token in shown(streamer)
    streamer.obs.click(HANDOVER)
    assert shown(streamer) == ""
    assert streamer.label(HANDOVER) == "Copy for my agent"
    assert streamer.obs.clipboard.text == ""


def test_before_there_is_a_token_there_is_nothing_to_copy(streamer: Streamer) -> None:
    streamer.start(answers=False, port="no port")
    streamer.sees("status_service", "PORT")
    assert not streamer.visible(HANDOVER)


def test_a_panel_that_obs_drew_while_the_service_starts_has_the_buttons_of_the_first_minutes(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowImport("clawcraft.assembly")
    monkeypatch.setattr(sys, "meta_path", [slow, *sys.meta_path])
    streamer.start(answers=False)
    for button, told in ((HANDOVER, TOLD), ("twitch_connect", "twitch_login")):
        streamer.obs.click(button)
        assert "just starting" in streamer.text(told)
    assert (streamer.obs.clipboard.text, shown(streamer)) == ("", "")
    slow.goes_on.set()
    streamer.sees("status_service", "listening")
    streamer.obs.click(HANDOVER)
    assert "copied" in streamer.text(TOLD)


def test_of_several_agents_each_gets_its_own_text_and_the_general_one_says_what_it_is(streamer: Streamer) -> None:
    streamer.start()
    add_agent(data_folder(streamer.folder), "moderator")
    streamer.refresh()
    assert not streamer.visible(AGENT_HANDOVER), "a token that is kept as a hash cannot be copied"
    streamer.obs.type_text("agent_name", "producer")
    streamer.obs.click("agent_add")
    streamer.sees("agents_listed", "<b>producer</b>")
    streamer.obs.click(AGENT_HANDOVER)
    own = agent_of(streamer.obs.clipboard.text)
    assert own.agent_id == "producer"
    assert own.get("/status").json()["agent"]["name"] == "producer"
    streamer.obs.click("agent_hide")
    assert not streamer.visible(AGENT_HANDOVER)
    streamer.obs.click(HANDOVER)
    assert "a named one" in streamer.text(TOLD)
    general = agent_of(streamer.obs.clipboard.text)
    assert "agent" not in general.get("/status").json()
    own.close()
    general.close()


def test_a_named_agents_next_token_is_in_a_text_with_its_own_name(streamer: Streamer) -> None:
    streamer.start()
    for name in ("alice", "bob"):
        streamer.obs.type_text("agent_name", name)
        streamer.obs.click("agent_add")
        streamer.sees("agents_listed", f"<b>{name}</b>")
    streamer.obs.change("agent_chosen", "alice")
    streamer.obs.click("agent_rotate")
    streamer.sees("agents_note", "alice has a new token")
    streamer.obs.click(AGENT_HANDOVER)
    alice = agent_of(streamer.obs.clipboard.text)
    assert alice.agent_id == "alice"
    assert alice.get("/status").json()["agent"]["name"] == "alice"
    alice.close()


def test_a_new_token_is_in_the_next_text(streamer: Streamer) -> None:
    streamer.start()
    before = streamer.stored("TOOL_SERVICE_TOKEN") or ""
    streamer.obs.click("token_new")
    streamer.obs.click("token_new")

    def renewed() -> bool:
        streamer.obs.click(HANDOVER)
        return before not in streamer.obs.clipboard.text

    wait_until(renewed, "the text has another token")
    assert (streamer.stored("TOOL_SERVICE_TOKEN") or "none") in streamer.obs.clipboard.text


def test_the_text_names_an_address_that_can_be_called_and_mcp_only_where_it_is_served() -> None:
    def text(**changes: Any) -> str:
        return text_for_agent(make_settings(**changes), Secret("a-token-of-an-agent"))

    assert address(text(bind="0.0.0.0")) == "http://127.0.0.1:3040"
    assert address(text(bind="::")) == "http://[::1]:3040"
    assert address(text(bind="192.168.1.5")) == "http://192.168.1.5:3040"
    assert address(text(bind="fd00::1")) == "http://[fd00::1]:3040"
    assert "/mcp" in text()
    assert "/mcp" not in text(mcp=McpAccess.OFF)
    signed = text(signature_secret=Secret("a-signing-secret-0123"))
    assert ("/mcp" in signed, "X-Tool-Signature" in signed, "a-signing-secret" in signed) == (False, True, False)
    assert "/mcp" in text(signature_secret=Secret("a-signing-secret-0123"), mcp=McpAccess.UNSIGNED)
