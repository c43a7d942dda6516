"""A streamer's first minutes without a terminal, in a real OBS that never saw the script: from the unpacked folder to a
live stream, which an agent starts that has nothing but what "Copy for my agent" put on the clipboard.

With CLAWCRAFT_ARTEFACTS=docs/images it makes the README's pictures of that way.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from release import SHIPPED
from tests.support.display import Display
from tests.support.handover import agent_of, bearer
from tests.support.obs_home import ObsHome
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import ROOT, SCRIPT, data_folder
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.waiting import insist, wait_until
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID

pytestmark = pytest.mark.real_obs

UNPACKED = "twitch-clawcraft"
"""The folder of the release's zip."""
DIALOG, TWITCH, ACCESS, CONTROLS = "630x296+0+48", "600x432+640+134", "600x136+640+572", "560x300+526+429"
"""What is worth seeing of each window, for ImageMagick."""


@pytest.fixture
def obs(display: Display, twitch: TwitchSim, rtmp: RtmpServer, tmp_path: Path) -> Iterator[RealObs]:
    """One that is set up to stream, with what the release has unpacked in the user's home."""
    home = tmp_path / "home"
    ObsHome(server_url=rtmp.url()).write(home)
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        (home / UNPACKED).mkdir(exist_ok=True)
        copy(ROOT / name, home / UNPACKED / name)
    twitch_urls = {"TWITCH_API_BASE_URL": twitch.api_url, "TWITCH_AUTH_BASE_URL": twitch.auth_url}
    with RealObs(display, home, {**twitch_urls, "PORT": str(free_port())}) as obs:
        yield obs


def test_from_an_unpacked_zip_to_live_without_a_terminal(
    obs: RealObs, display: Display, twitch: TwitchSim, rtmp: RtmpServer, artefacts: Path
) -> None:
    window, main = ScriptsWindow(obs, artefacts), obs.window()
    clicks = 0
    began_s = time.monotonic()

    def press(button: str) -> None:
        nonlocal clicks
        clicks += 1
        window.press(button)

    def picture(name: str, of: str, crop: str = "") -> None:
        display.picture(of, artefacts / f"first-{name}.png", crop)

    def find_the_folder(dialog: str) -> None:
        display.activate(dialog)
        display.xdotool("key", "alt+n")
        display.xdotool("type", "--delay", "20", f"~/{UNPACKED}/obs_plugin")
        display.xdotool("key", "Return")
        window.settle()
        display.xdotool("type", "--delay", "20", SCRIPT.name)
        window.settle()
        picture("1-add", dialog, DIALOG)

    window.open()
    clicks += 2  # Tools, Scripts
    # All of the path: in a folder that a lost key kept the dialog out of, the name alone chooses nothing.
    window.add_script(obs.home / UNPACKED / "obs_plugin" / SCRIPT.name, find_the_folder)
    clicks += 6  # the + button; the home folder, two folders in it, the file; Open
    window.vanished("port")  # the environment of this test sets it
    obs.process.wait_for_line(r"\] listening")
    press("refresh")

    def ask_for_a_code() -> None:
        if not twitch.world.devices:
            window.type("client_id", CLIENT_ID)
            press("connect")

    clicks += 1
    insist(ask_for_a_code, lambda: twitch.world.devices, "Twitch has given a code")
    press("refresh")
    window.appeared(["cancel"], before="bot_connect")
    window.focus("copy_for_agent")
    window.settle()
    picture("2-code", window.window, TWITCH)
    twitch.world.devices[-1].state = "granted"
    clicks += 2  # the link, and Twitch's own button

    insist(lambda: press("copy_for_agent"), display.clipboard, "there is a text to paste")
    picture("3-copied", window.window, ACCESS)
    text = display.clipboard()
    agent = agent_of(text)
    started = agent.run("twitch.start_stream", "first")
    assert started["status"] == "done", started
    wait_until(rtmp.publishers, "the server has a publisher")
    took_s = time.monotonic() - began_s
    (artefacts / "first-minutes.json").write_text(json.dumps({"clicks": clicks, "seconds": round(took_s, 1)}))

    window.close()
    display.activate(main)
    wait_until(obs.ui_thread_sleeps, "OBS has drawn its window")
    picture("4-live", main, CONTROLS)
    assert rtmp.probe() == {"video": "h264", "audio": "aac"}
    wait_until(lambda: agent.status()["twitch"]["state"] == "ok", "Twitch is connected")
    assert agent.post("twitch.set_title", "title", title="Hello").status_code == 200
    assert agent.run("twitch.stop_stream", "over")["status"] == "done"
    agent.close()
    obs.exits_clean()
    config = obs.home / ".config" / "obs-studio"
    held = [path for path in config.rglob("*") if path.is_file() and bearer(text).encode() in path.read_bytes()]
    assert held == [data_folder(config) / "secrets.json"], "the token is where it belongs, and nowhere else"
    assert bearer(text) not in "\n".join(obs.process.lines())
