"""An agent asks to go live in a real OBS: what the streamer sees, what they answer, and what is on air then."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import Policy
from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT
from tests.support.rtmp_server import RtmpServer
from tests.support.tool_client import ToolClient, wait_for_service
from tests.support.waiting import insist, wait_until
from twitch_sim import TwitchSim

pytestmark = pytest.mark.real_obs
ALLOW, DENY, PAUSE = "F6", "F7", "F8"
KEYS = {
    "allow_hotkey": [{"key": "OBS_KEY_F6"}],
    "deny_hotkey": [{"key": "OBS_KEY_F7"}],
    "pause_hotkey": [{"key": "OBS_KEY_F8"}],
}
TITLE = "<b>Speedrun</b> with a title that is shown whole, whatever an agent puts into it, to its very end"


@pytest.fixture
def desk(display: Display, twitch: TwitchSim, tmp_path: Path, rtmp: RtmpServer) -> Iterator[Desk]:
    settings = {"tool_start_countdown_ms": 8000}
    desk = Desk(tmp_path, display, twitch, SCRIPT, settings, server_url=rtmp.url(), keys=KEYS)
    with desk.obs:
        wait_for_service(desk.port)
        yield desk


def press(desk: Desk, key: str, counted: Callable[[], Any]) -> None:
    """Hold a key until it counted: OBS looks at the keyboard 40 times a second, and at nothing in between."""

    def hold() -> None:
        if not counted():  # it was slow only; once more would undo a pause
            desk.obs.display.xdotool("keyup", key, "sleep", "0.1", "keydown", key)

    try:
        insist(hold, counted, f"{key} counts")
    finally:
        desk.obs.display.xdotool("keyup", key)


def answered(desk: Desk, agent: ToolClient, job_id: str, key: str) -> dict[str, Any]:
    """Press a key until it counted; the job then. A key is nothing before a question can have been seen."""
    press(desk, key, lambda: agent.job(job_id)["approval"]["state"] != "pending")
    return agent.job(job_id)


def refused(desk: Desk, agent: ToolClient, job_id: str, key: str) -> str:
    """Press a key until the job has ended; its error code."""
    press(desk, key, lambda: agent.job(job_id)["status"] in ("done", "failed"))
    return str(agent.job(job_id).get("error", {}).get("code"))


def test_a_start_is_asked_shown_allowed_counted_down_and_then_live(
    desk: Desk, window: ScriptsWindow, rtmp: RtmpServer
) -> None:
    agent = desk.agent()
    window.choose_policy(agent, "twitch.start_stream", Policy.ASK)
    window.press("refresh")
    window.screenshot("ask-me-first", at="policy_create_clip")

    job_id = agent.accept("twitch.start_stream", "asked", title=TITLE, obs_scene="BRB")
    assert rtmp.publishers() == []
    window.press("refresh")
    window.appeared(["question_allow", "question_deny"], before="client_id")
    window.screenshot("the-agent-asks")
    job = answered(desk, agent, job_id, ALLOW)
    assert (job["status"], job["approval"]["by"]) == ("queued", "hotkey")
    assert rtmp.publishers() == []
    window.press("refresh")
    window.screenshot("countdown")
    ended = agent.ended(job_id)
    assert ended["status"] == "done", ended
    assert ended["result"]["scene"] == "BRB"
    wait_until(rtmp.publishers, "the server has a publisher")
    assert agent.run("twitch.stop_stream", "off")["result"]["status"] == "stopped"
    window.close()
    desk.exits_clean()


def test_denied_expired_paused_and_closed_are_never_live(desk: Desk, window: ScriptsWindow, rtmp: RtmpServer) -> None:
    agent = desk.agent()
    window.choose_policy(agent, "twitch.start_stream", Policy.ASK)

    denied = agent.accept("twitch.start_stream", "denied")
    assert refused(desk, agent, denied, DENY) == "denied_by_operator"

    counting = agent.accept("twitch.start_stream", "counting")
    answered(desk, agent, counting, ALLOW)
    assert refused(desk, agent, counting, DENY) == "denied_by_operator"

    paused = agent.accept("twitch.start_stream", "paused")
    assert refused(desk, agent, paused, PAUSE) == "paused_by_operator"
    press(desk, PAUSE, lambda: not agent.status()["paused"])

    tries = itertools.count()

    def expires() -> bool:
        """False where the question waits longer than was typed just now: that does not count yet, or went astray."""
        window.type("approval_timeout", "1000")
        expired = agent.accept("twitch.start_stream", f"expired-{next(tries)}")
        if agent.job(expired, wait_s=5)["status"] != "failed":
            refused(desk, agent, expired, DENY)
        return bool(agent.job(expired)["error"]["code"] == "approval_expired")

    wait_until(expires, "silence is a no")
    window.type("approval_timeout", "120000")
    window.press("refresh")

    left = agent.accept("twitch.start_stream", "left")
    window.close()
    assert desk.quit() == 0
    desk.obs.kill()  # what is left of the process here
    desk.obs.start()
    wait_for_service(desk.port)
    assert desk.agent().job(left)["error"]["code"] == "approval_expired"
    assert rtmp.publishers() == []
    assert desk.quit() == 0
    assert desk.obs.memory_leaks() == 0
