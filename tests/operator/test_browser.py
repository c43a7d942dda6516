"""The operator page in a real Chromium: what the streamer sees, presses and never has to reload."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect

from clawcraft.actions.catalogue import Policy
from clawcraft.authority.audit_entries import FILE_NAME, INSERT, Kind, Row, dump
from tests.operator.conftest import DOCK, Tab
from tests.panel.conftest import Streamer
from tests.support.agents import add_agent
from tests.support.paths import data_folder
from tests.support.waiting import insist

pytestmark = pytest.mark.chromium

WIDE = ViewportSize(width=1280, height=900)
START = "twitch.start_stream"
OUTAGE = """
    const reach = window.fetch, cuts = new Set();
    let out = false;
    window.outage = (is) => {
        out = is;
        if (is) for (const cut of cuts) cut(new TypeError("out"));
    };
    window.fetch = (path, options) => {
        if (options.method !== "GET") return reach(path, options);
        if (out) return Promise.reject(new TypeError("out"));
        return Promise.race([reach(path, options), new Promise((_, cut) => cuts.add(cut))]);
    };
"""
"""``outage(true)`` cuts the page off from all that the service tells, not from what it is told; ``outage(false)`` ends
that."""
SLOW_WAY = """
    const sends = window.fetch, held = [];
    window.holds = 0;
    window.letGo = () => {
        window.holds = 0;
        while (held.length) held.pop()();
    };
    window.fetch = (path, options) => {
        if (!path.endsWith("/policy") || window.holds === 0) return sends(path, options);
        window.holds -= 1;
        return new Promise((resolve) => { held.push(() => resolve(sends(path, options))); });
    };
"""
"""The next ``holds`` policies that are chosen are under way until ``letGo()``, which lets the newest arrive first."""
STANDING_CLOCK = "window.nowMs = 0; performance.now = () => window.nowMs;"
"""The page's time stands, however busy the machine, until a test sets ``nowMs``."""


def test_a_start_is_asked_about_allowed_counted_down_and_watched(
    streamer: Streamer, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_START_COUNTDOWN_MS", "15000")  # long enough for a click, however busy the machine
    page = tab.paired(streamer.start()).page
    tab.says("#live-state", "Offline")
    agent = tab.asks(streamer, START)
    title = "<img src=x onerror=alert(1)> & \u201cfriends\u201d"
    job_id = agent.accept(START, "request-1", title=title, obs_scene="Main")
    tab.says(".question h2", "Start the stream?")
    assert page.locator(".question dd").all_inner_texts() == [title, "Main"]
    assert page.locator(".question img").count() == 0
    assert "asks" in page.title()
    page.click(".question .allow")
    tab.says(".question h2", "Allowed: start the stream")
    page.click(".counting .deny")
    expect(page.locator(".question")).to_have_count(0)
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    job_id = agent.accept(START, "request-2")
    page.click(".question .allow")
    assert agent.ended(job_id)["status"] == "done"
    tab.says("#live-state", "Live 0:00:")
    tab.says(".row >> nth=0", "started")
    tab.says(".row >> nth=1", "denied by operator")


def test_a_no_is_a_no_and_a_yes_can_hold_for_the_show(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START, "twitch.set_title")
    job_id = agent.accept(START, "request-1")
    expect(page.locator(".question .wide")).to_have_count(0)
    page.click(".question .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    job_id = agent.accept("twitch.set_title", "request-2", title="x")
    page.click(".question .wide")
    assert agent.ended(job_id)["error"]["code"] == "twitch_not_configured"
    assert agent.post("twitch.set_title", title="y").json()["error"]["code"] == "twitch_not_configured"


def test_a_click_that_was_meant_for_something_else_says_no_yes(streamer: Streamer, tab: Tab) -> None:
    """The question comes under the pointer: its Allow does nothing for a moment, its Deny at once."""
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START)
    # In the very task that draws the question.
    page.evaluate("""() => new MutationObserver((_, observer) => {
        const allow = document.querySelector(".question .allow");
        if (!allow) return;
        observer.disconnect();
        window.wasDisabled = allow.disabled;
        allow.click();
    }).observe(document.getElementById("questions"), { childList: true })""")
    job_id = agent.accept(START, "request-1")
    tab.says(".question h2", "Start the stream?")
    assert page.evaluate("window.wasDisabled") is True
    assert agent.job(job_id)["approval"]["state"] == "pending"
    page.click(".question .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"


def test_a_click_that_was_meant_for_the_question_above_says_no_yes_to_the_one_that_takes_its_place(
    streamer: Streamer, tab: Tab
) -> None:
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START, "twitch.set_title")
    agent.accept(START, "request-1")
    job_id = agent.accept("twitch.set_title", "request-2", title="x")
    expect(page.locator(".question")).to_have_count(2)
    allow = page.locator(".question .allow >> nth=1")
    expect(allow).to_be_enabled()
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if request.url.endswith("/answer") else None)
    # In the very task that takes the question above away.
    page.evaluate("""() => new MutationObserver((_, observer) => {
        observer.disconnect();
        document.querySelector(".question .allow").click();
        document.body.dataset.clicked = "yes";
    }).observe(document.getElementById("questions"), { childList: true })""")
    streamer.obs.press_hotkey("twitch_clawcraft.deny")
    # An attribute, not a script that waits in the page: the page's own policy allows no such script.
    expect(page.locator("body")).to_have_attribute("data-clicked", "yes")
    tab.says(".question h2", "Change the title?")
    assert answers == []
    assert agent.job(job_id)["approval"]["state"] == "pending"

    def answered() -> bool:
        return bool(agent.job(job_id)["approval"]["state"] != "pending")

    insist(lambda: page.click(".question .allow"), answered, "a click that comes later counts")


def test_pause_and_switches_count_at_once_and_show_what_others_do(streamer: Streamer, tab: Tab) -> None:
    token = add_agent(data_folder(streamer.folder), "producer")
    page = tab.paired(streamer.start()).page
    agent = streamer.agent()
    page.click("text=Pause agents")
    tab.says("#paused", "Paused by you")
    assert agent.post("twitch.set_title", title="x").json()["error"]["code"] == "paused_by_operator"
    streamer.obs.click("pause")  # the panel ends it
    expect(page.locator("#paused")).to_be_hidden()
    tab.policy("twitch.set_title", "off")
    tab.counts(agent, "twitch.set_title", "off")
    streamer.obs.change("policy_set_title", "ask")
    expect(page.locator("[id='policy-twitch.set_title']")).to_have_value("ask")
    page.select_option("#policy-for", "producer")
    page.click("text=Switch it off")
    tab.says("#policy-switch", "Let it act again")
    expect(page.locator(f"[id='policy-{START}']")).to_have_value("off")
    producer = streamer.client(token.reveal(), "producer")
    assert {tool["policy"] for tool in producer.get("/tools").json()["tools"]} == {"off"}
    assert token.reveal() not in page.content()


def test_a_press_lets_agents_go_on_only_once_the_button_has_said_so_for_a_moment(streamer: Streamer, tab: Tab) -> None:
    tab.page.add_init_script(STANDING_CLOCK)
    page = tab.paired(streamer.start()).page
    button = page.locator("#pause")
    expect(button).to_have_text("Pause agents")
    asked = _asked(page, "pause", "paused")
    button.dblclick()
    expect(button).to_have_text("Let agents go on")
    button.click()
    _pass_time(page, 699)
    button.click()
    _pass_time(page, 1)
    button.evaluate("(button) => { button.click(); button.click(); }")
    expect(button).to_have_text("Pause agents")
    assert asked.count(False) == 1
    # The hotkey and the button, one right after the other.
    streamer.obs.press_hotkey("twitch_clawcraft.pause")
    expect(button).to_have_text("Let agents go on")
    button.click()
    _pass_time(page, 700)
    button.click()
    expect(button).to_have_text("Pause agents")
    button.click()  # a pause needs no moment
    expect(button).to_have_text("Let agents go on")
    assert asked.count(False) == 2


def test_an_agent_that_was_switched_off_acts_again_once_that_stood_there_and_may_do_no_more_than_before(
    streamer: Streamer, tab: Tab
) -> None:
    policy = {START: Policy.OFF, "twitch.post_chat_message": Policy.ASK}
    add_agent(data_folder(streamer.folder), "producer", policy=policy)
    tab.page.add_init_script(STANDING_CLOCK)
    page = tab.paired(streamer.start()).page
    page.press("#policy summary", "Enter")
    page.select_option("#policy-for", "producer")
    switch = page.locator("#policy-switch")
    expect(switch).to_have_text("Switch it off")
    asked = _asked(page, "agent", "on")
    switch.dblclick()
    expect(switch).to_have_text("Let it act again")
    expect(page.locator(f"[id='policy-{START}']")).to_be_disabled()
    switch.click()
    _pass_time(page, 700)
    switch.evaluate("(button) => { button.click(); button.click(); }")
    expect(switch).to_have_text("Switch it off")
    assert asked.count(True) == 1
    expect(page.locator(f"[id='policy-{START}']")).to_have_value("off")
    expect(page.locator("[id='policy-twitch.post_chat_message']")).to_have_value("ask")
    expect(page.locator("[id='policy-twitch.set_title']")).to_have_value("allow")


def test_a_held_key_presses_a_button_once(streamer: Streamer, tab: Tab) -> None:
    tab.page.add_init_script(STANDING_CLOCK)
    page = tab.paired(streamer.start()).page
    button = page.locator("#pause")
    expect(button).to_have_text("Pause agents")
    button.evaluate(
        "(button) => { button.clicks = 0; button.addEventListener('click', () => { button.clicks += 1; }); }"
    )
    button.focus()
    page.keyboard.down("Enter")
    expect(button).to_have_text("Let agents go on")
    _pass_time(page, 1000)
    for _ in range(3):
        page.keyboard.down("Enter")  # with ``repeat``, since it was not let go
    assert button.evaluate("(button) => button.clicks") == 1
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    expect(button).to_have_text("Pause agents")


def test_a_policy_that_was_taken_stays_chosen_until_the_next_state_comes(streamer: Streamer, tab: Tab) -> None:
    add_agent(data_folder(streamer.folder), "producer")
    tab.page.add_init_script(OUTAGE)
    page = tab.paired(streamer.start()).page
    tab.says(".row >> nth=0", "You: page paired")
    page.press("#policy summary", "Enter")
    page.evaluate("outage(true)")
    select = page.locator("[id='policy-twitch.set_title']")
    select.select_option("ask")
    expect(select).to_have_class("ask")
    expect(select).to_have_value("ask")
    page.select_option("#policy-for", "producer")
    select.select_option("off")
    expect(select).to_have_class("off")
    page.select_option("#policy-for", "")
    expect(select).to_have_value("ask")


def test_of_policies_chosen_one_after_the_other_the_last_counts_whatever_the_way_does_to_them(
    streamer: Streamer, tab: Tab
) -> None:
    tab.page.add_init_script(SLOW_WAY)
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, "twitch.set_title")
    page.evaluate("holds = 10")
    select = page.locator("[id='policy-twitch.set_title']")
    select.select_option("allow")
    select.select_option("off")
    expect(select).to_have_value("off")
    page.wait_for_timeout(300)  # for one that does not wait for the other
    page.evaluate("letGo()")
    tab.counts(agent, "twitch.set_title", "off")
    expect(select).to_have_class("off")
    expect(select).to_have_value("off")


def test_an_off_counts_at_once_whatever_is_still_under_way(streamer: Streamer, tab: Tab) -> None:
    tab.page.add_init_script(SLOW_WAY)
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, "twitch.set_title")
    page.evaluate("holds = 1")
    select = page.locator("[id='policy-twitch.set_title']")
    select.select_option("allow")
    select.select_option("off")
    tab.counts(agent, "twitch.set_title", "off")
    page.evaluate("letGo()")
    tab.says(".row >> nth=0", "twitch.set_title off")
    tab.says(".row >> nth=1", "twitch.set_title allow")
    expect(select).to_have_class("off")
    tab.counts(agent, "twitch.set_title", "off")


def test_an_allow_that_had_to_wait_for_long_is_not_sent_any_more(streamer: Streamer, tab: Tab) -> None:
    tab.page.add_init_script(STANDING_CLOCK + SLOW_WAY)
    page = tab.paired(streamer.start()).page
    tab.asks(streamer, "twitch.set_title")
    asked = _asked(page, "policy", "policy")
    select = page.locator("[id='policy-twitch.set_title']")
    page.evaluate("holds = 1")
    select.select_option("off")
    select.select_option("allow")
    expect(select).to_have_value("allow")
    _pass_time(page, 2001)
    page.evaluate("letGo()")
    expect(select).to_have_value("off")
    expect(select).to_have_class("off")
    assert asked == ["off"]


def test_what_is_under_way_for_one_agent_is_not_shown_as_another_ones(streamer: Streamer, tab: Tab) -> None:
    add_agent(data_folder(streamer.folder), "producer")
    tab.page.add_init_script(SLOW_WAY)
    page = tab.paired(streamer.start()).page
    page.press("#policy summary", "Enter")
    page.select_option("#policy-for", "producer")
    select = page.locator("[id='policy-twitch.set_title']")
    page.evaluate("holds = 1")
    select.select_option("off")
    page.select_option("#policy-for", "")
    expect(select).to_have_value("allow")
    page.select_option("#policy-for", "producer")
    expect(select).to_have_value("off")
    page.evaluate("letGo()")
    expect(select).to_have_class("off")


def test_an_agent_that_cannot_be_read_for_a_moment_stays_chosen_and_nothing_is_chosen_for_the_others(
    streamer: Streamer, tab: Tab
) -> None:
    file = data_folder(streamer.folder) / "agents.json"
    add_agent(file.parent, "producer", policy={"twitch.set_title": Policy.ASK})
    page = tab.paired(streamer.start()).page
    page.press("#policy summary", "Enter")
    page.select_option("#policy-for", "producer")
    select = page.locator("[id='policy-twitch.set_title']")
    expect(select).to_have_value("ask")
    kept = file.read_text()
    file.write_text("{")
    streamer.obs.press_hotkey("twitch_clawcraft.pause")  # the page is told what is true now
    tab.says("#policy-note", "This agent is not there.")
    expect(select).to_be_disabled()
    expect(page.locator("#policy-switch")).to_be_hidden()
    expect(page.locator("#policy-for")).to_have_value("producer")
    file.write_text(kept)
    streamer.obs.press_hotkey("twitch_clawcraft.pause")
    tab.says("#policy-note", "not seen since OBS started")
    expect(select).to_be_enabled()
    expect(select).to_have_value("ask")
    file.unlink()
    streamer.obs.press_hotkey("twitch_clawcraft.pause")
    tab.says("#policy-note", "This agent is not there.")
    page.select_option("#policy-for", "")
    expect(select).to_have_value("allow")
    expect(select).to_be_enabled()
    expect(page.locator("#policy-agent")).to_be_hidden()


def test_it_follows_a_reload_of_the_script_and_a_restart_of_obs_untouched(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    page.evaluate("window.untouched = true")
    streamer.reload()
    agent = streamer.agent()
    assert agent.run(START, "request-1")["status"] == "done"
    tab.says("#live-state", "Live")
    streamer.stop()
    tab.says("#away", "Reconnecting")
    tab.says("#live-state", "Not known")
    streamer.start()
    expect(page.locator("#away")).to_be_hidden()
    tab.says("#live-state", "Offline")
    agent.close()
    agent = streamer.agent()
    assert agent.run(START, "request-2")["status"] == "done"
    tab.says("#live-state", "Live")
    page.click("text=Pause agents")
    tab.says("#paused", "Paused by you")
    assert page.evaluate("window.untouched") is True


def test_behind_an_outage_in_which_nothing_changed_it_knows_again_and_the_pause_works(
    streamer: Streamer, tab: Tab
) -> None:
    tab.page.add_init_script(OUTAGE)
    page = tab.paired(streamer.start()).page
    tab.says("#live-state", "Offline")
    tab.says(".row >> nth=0", "You: page paired")
    page.evaluate("outage(true)")
    tab.says("#away", "Reconnecting")
    tab.says("#live-state", "Not known")
    page.evaluate("outage(false)")
    expect(page.locator("#away")).to_be_hidden()
    tab.says("#live-state", "Offline")
    page.click("text=Pause agents")
    tab.says("#paused", "Paused by you")


def test_ten_thousand_entries_scroll_as_smoothly_as_ten(streamer: Streamer, tab: Tab) -> None:
    streamer.start()
    streamer.stop()
    _fill_trail(data_folder(streamer.folder) / FILE_NAME, 10_000)
    page = tab.paired(streamer.start()).page
    tab.says(".row >> nth=0", "You: page paired")
    entries = page.evaluate("""async () => {
        const log = document.getElementById("log");
        const step = () => new Promise((resolve) => requestAnimationFrame(resolve));
        let idle = 0, height = 0;
        while (idle < 600) {
            log.scrollTop += 4000;
            await step();
            const grew = log.scrollHeight !== height;
            const end = log.scrollTop + log.clientHeight >= log.scrollHeight - 1;
            idle = grew || !end ? 0 : idle + 1;
            height = log.scrollHeight;
            if (document.querySelector(".row:last-child").textContent.includes("Title 0\u201d")) break;
        }
        return Math.round(log.scrollHeight / 50);
    }""")
    assert entries >= 10_000
    assert page.locator(".row").count() < 60
    tab.says("#log", "Title 0”")
    # Whoever reads far down goes on reading there, and is told that there is more.
    streamer.agent().run(START, "request-1")
    tab.says("#log-newer", "1 new")
    tab.says("#log", "Title 0”")
    page.click("#log-newer")
    tab.says(".row >> nth=0", "Start the stream")
    page.select_option("#log-action", "twitch.set_game")
    tab.says("#log-note", "Nothing")
    page.select_option("#log-action", "")
    page.fill("#log-text", "Title 4321”"[:-1])
    tab.says(".row >> nth=0", "Title 4321")


def test_no_text_of_an_agent_looks_like_a_decision(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    agent = streamer.agent()
    agent.post("twitch.set_title", title="hello” · asked, allowed by operator page · “")
    tab.asks(streamer, "twitch.set_title")
    job_id = agent.accept("twitch.set_title", "request-1", title="by you")
    page.click(".question .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    rows = page.locator(".row").filter(has_text="Change the title")
    tab.says(".row >> nth=0", "denied by operator")
    asked, forged = rows.nth(0).locator(".said"), rows.nth(1).locator(".said")
    expect(asked).to_have_text("asked, denied by operator page · test-agent · “by you”")
    expect(asked.locator(".how")).to_have_text("asked, denied by operator page")
    expect(forged).to_have_text("test-agent · “hello' · asked, allowed by operator page · '”")
    expect(forged.locator(".how")).to_have_count(0)


def test_the_keyboard_alone_is_enough(streamer: Streamer, tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_START_COUNTDOWN_MS", "60000")  # long enough for four keys, however busy the machine
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START)
    job_id = agent.accept(START, "request-1")
    tab.says("#announcer", "test-agent wants to start the stream.")
    page.evaluate("document.activeElement.blur()")
    page.focus("#pause")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Deny"
    expect(page.locator(".question .allow")).to_be_enabled()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Allow"
    page.keyboard.press("Enter")
    tab.says("#announcer", "Allowed. Start the stream in 60 seconds.")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    expect(page.locator(".question")).to_have_count(0)
    page.focus(".row button[tabindex='0']")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    tab.says("#entry-title", "Start the stream")
    page.keyboard.press("Escape")
    expect(page.locator("#entry")).to_be_hidden()


def test_a_key_pressed_once_more_when_the_question_has_gone_does_nothing(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START)
    changes: list[str] = []
    page.on("request", lambda request: changes.append(request.url) if request.method == "POST" else None)
    for number, key in enumerate(("Enter", "Space")):
        job_id = agent.accept(START, f"request-{number}")
        tab.says(".question h2", "Start the stream?")
        page.focus(".question .deny")
        page.keyboard.press(key)
        assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
        expect(page.locator(".question")).to_have_count(0)
        expect(page.locator("#questions")).to_be_focused()
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == "questions"
        assert tab.violations() == []
    assert [url.rpartition("/")[2] for url in changes] == ["answer", "answer"]
    # The next one is right behind it.
    agent.accept(START, "request-3")
    tab.says("#announcer", "test-agent wants to start the stream.")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Deny"


def test_the_focus_stays_at_its_entry_when_something_new_comes(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    tab.policy("twitch.set_title", "off")
    tab.counts(streamer.agent(), "twitch.set_title", "off")
    page.focus(".row button[tabindex='0']")
    page.keyboard.press("Home")
    here = page.evaluate("document.activeElement.textContent")
    assert "twitch.set_title off" in here
    for said in ("paused", "resumed"):
        streamer.obs.press_hotkey("twitch_clawcraft.pause")
        tab.says(".row >> nth=0", said)
        assert page.evaluate("document.activeElement.textContent") == here


@pytest.mark.parametrize("viewport", [DOCK, WIDE], ids=["dock", "wide"])
def test_axe_finds_nothing(streamer: Streamer, tab: Tab, viewport: ViewportSize) -> None:
    add_agent(data_folder(streamer.folder), "producer")
    tab.page.set_viewport_size(viewport)
    tab.opened(streamer.start())
    assert tab.violations() == []
    page = tab.paired(streamer).page
    agent = tab.asks(streamer, START)
    tab.policy("obs.screenshot", "allow")
    page.click("#health summary")
    expect(page.locator("#picture")).to_be_visible()
    agent.accept(START, "request-1", title="A title")
    agent.post("twitch.set_title", title="x")
    expect(page.locator(".question .allow")).to_be_enabled()
    assert tab.violations() == []
    page.click(".question .allow")
    tab.says(".question h2", "Allowed")
    page.click("#pause")
    tab.says("#paused", "Paused")
    assert tab.violations() == []
    page.click(".row >> nth=0")
    expect(page.locator("#entry")).to_be_visible()
    assert tab.violations() == []


def test_at_300_pixels_nothing_is_cut_off_sideways(streamer: Streamer, tab: Tab) -> None:
    page = tab.paired(streamer.start()).page
    agent = tab.asks(streamer, START)
    agent.accept(START, "request-1", title="W" * 140)
    tab.says(".question h2", "Start the stream?")
    page.click("#health summary")
    assert page.evaluate("document.documentElement.scrollWidth") == DOCK["width"]


def test_a_page_that_is_revoked_asks_for_a_code_and_another_profile_is_not_paired(
    streamer: Streamer, tab: Tab, browser: Browser
) -> None:
    page = tab.paired(streamer.start()).page
    with closing(browser.new_context()) as context:
        other = context.new_page()
        other.goto(f"http://127.0.0.1:{streamer.port}/operator")
        expect(other.locator("#pairing")).to_be_visible()
    page.click("text=Unpair this page")
    expect(page.locator("#pairing")).to_be_visible()
    tab.complaints.clear()  # the refusal that ended it
    page.fill("#code", "12345")
    page.click("#pairing button")
    tab.says("#pairing-error", "6 digits")
    tab.complaints.clear()


def _asked(page: Page, path: str, name: str) -> list[object]:
    """What ``name`` is in each change that the page asks for at ``path`` from now on."""
    asked: list[object] = []

    def heard(request: Request) -> None:
        if request.url.endswith(f"/operator/{path}"):
            asked.append(json.loads(request.post_data or "{}")[name])

    page.on("request", heard)
    return asked


def _pass_time(page: Page, ms: int) -> None:
    """With ``STANDING_CLOCK``."""
    page.evaluate("(ms) => { window.nowMs += ms; }", ms)


def _fill_trail(path: Path, count: int) -> None:
    now_s = time.time()
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(count):
            ref, at_s = f"run_{number}", now_s - count + number
            asked = Row(ref, at_s, Kind.ASKED, "allowed", dump({"args": {"title": f"Title {number}"}}), "agent")
            connection.execute(INSERT, asked._replace(holder="service token", action="twitch.set_title"))
            connection.execute(INSERT, Row(ref, at_s + 0.1, Kind.ENDED, "updated", "{}"))
