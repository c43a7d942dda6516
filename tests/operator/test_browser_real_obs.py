"""The operator page in a real Chromium, against a real OBS: watched, answered, reloaded, restarted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from clawcraft.clock import SystemClock
from clawcraft.operator.pages import PairedPages
from tests.operator.conftest import Tab
from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT
from tests.support.rtmp_server import RtmpServer
from tests.support.tool_client import wait_for_service
from tests.support.waiting import insist, wait_until
from twitch_sim import TwitchSim

pytestmark = [pytest.mark.real_obs, pytest.mark.chromium]

START = "twitch.start_stream"
WIDE = ViewportSize(width=1180, height=760)


@pytest.fixture
def desk(display: Display, twitch: TwitchSim, tmp_path: Path, rtmp: RtmpServer) -> Iterator[Desk]:
    twitch.world.clip_delay_s = 0
    env = {**twitch.environment(), "TOOL_START_COUNTDOWN_MS": "15000"}  # long enough for a click
    desk = Desk(tmp_path, display, twitch, SCRIPT, server_url=rtmp.url(), env=env)
    with desk.obs:
        wait_for_service(desk.port)
        yield desk


def test_the_page_beside_a_real_obs(desk: Desk, twitch: TwitchSim, rtmp: RtmpServer, tab: Tab, artefacts: Path) -> None:
    page, agent = tab.page, desk.agent()
    page.set_viewport_size(WIDE)
    window = ScriptsWindow(desk.obs, artefacts)
    window.open()
    # The page was paired in an earlier life: a test cannot read the code that OBS draws in the panel.
    token = PairedPages(desk.secrets, SystemClock()).add("Chrome on Linux").reveal()
    window.reload()
    wait_for_service(desk.port)
    name = f"clawcraft_operator_{desk.port}"
    page.context.add_cookies([{"name": name, "value": token, "url": f"{agent.url}/operator"}])
    page.goto(f"{agent.url}/operator")
    tab.says("#live-state", "Offline")

    # Asked, and denied; asked, allowed, and the countdown stopped; asked, allowed, and live.
    tab.policy(START, "ask")
    tab.counts(agent, START, "ask")
    job_id = agent.accept(START, "denied", title="A show that is not to be")
    page.click(".question .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    job_id = agent.accept(START, "stopped")
    page.click(".question .allow")
    page.click(".counting .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    assert rtmp.publishers() == []
    job_id = agent.accept(START, "live", title="Friday night: building a keyboard", obs_scene="Main")
    page.click(".question .allow")
    assert agent.ended(job_id)["status"] == "done"
    tab.says("#live-state", "Live 0:00:")
    wait_until(rtmp.publishers, "the server has a publisher")
    twitch.show_live(True)

    # A picture, an action switched off, a pause.
    tab.policy("obs.screenshot", "allow")
    expect(page.locator("#picture")).to_be_visible()
    for number, text in enumerate(("Hello everybody!", "We begin with the case", "Questions are welcome")):
        assert agent.post("twitch.post_chat_message", f"chat-{number}", message=text).status_code == 200
    assert agent.post("twitch.create_clip", "clip").json()["ok"]
    tab.policy("twitch.set_title", "off")
    tab.counts(agent, "twitch.set_title", "off")
    assert agent.post("twitch.set_title", title="x").json()["error"]["code"] == "action_disabled"
    page.click("#pause")
    tab.says("#paused", "Paused by you")
    assert agent.post("twitch.create_clip").json()["error"]["code"] == "paused_by_operator"
    insist(lambda: page.click("#pause"), page.locator("#paused").is_hidden, "agents go on once the button has stood")
    tab.policy("twitch.set_game", "ask")
    tab.counts(agent, "twitch.set_game", "ask")
    job_id = agent.accept("twitch.set_game", "game", game="Science & Technology")
    tab.says(".question h2", "Change the game?")
    expect(page.locator(".question .allow")).to_be_enabled()
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=artefacts / "operator.png")
    page.set_viewport_size(ViewportSize(width=300, height=760))
    page.screenshot(path=artefacts / "operator-dock.png")
    page.set_viewport_size(WIDE)
    page.click(".question .deny")
    assert agent.ended(job_id)["error"]["code"] == "denied_by_operator"
    assert agent.run("twitch.stop_stream", "off")["result"]["status"] == "stopped"
    tab.says("#live-state", "Offline")

    # The script reloaded, and OBS restarted, without a touch of the page.
    page.evaluate("window.untouched = true")
    window.reload()
    wait_for_service(desk.port)
    agent.post("twitch.post_chat_message", "after-reload", message="Still here")
    tab.says(".row >> nth=0", "Still here")
    window.close()
    assert desk.quit() == 0
    tab.says("#away", "Reconnecting")
    assert desk.obs.memory_leaks() == 0
    assert desk.obs.warnings() == []
    desk.obs.kill()  # what is left of the process here
    desk.obs.start()
    wait_for_service(desk.port)
    expect(page.locator("#away")).to_be_hidden()
    tab.policy("twitch.create_clip", "off")
    tab.counts(desk.agent(), "twitch.create_clip", "off")
    assert page.evaluate("window.untouched") is True
