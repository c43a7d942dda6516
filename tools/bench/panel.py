"""What each step of the panel takes of OBS's UI thread, by the keyboard in a real OBS, while Twitch answers nothing."""

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT
from tests.support.tool_client import wait_for_service
from twitch_sim import TwitchSim


def steps_ms(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each call, by the name of the step."""
    stopwatch = Path(__file__).with_name("ui_stopwatch.py")
    with Display(folder / "display") as display, TwitchSim() as twitch:
        desk = Desk(folder, display, twitch, SCRIPT, {"twitch_client_id": "anything"}, after=(stopwatch,))
        with desk.obs:
            wait_for_service(desk.port)
            window = ScriptsWindow(desk.obs, folder)
            window.open()
            window.press("refresh")
            for endpoint in ("POST /oauth2/device", "GET /oauth2/validate"):
                twitch.fault(endpoint, hang=True)
            window.press("connect")
            window.appeared(["cancel"], before="client_secret")
            for _ in range(5):
                window.press("refresh")
            window.type("channels", "somebody another")
            window.press("pause")
            window.press("pause")
            window.close()
            desk.quit()
        taken: dict[str, list[float]] = {}
        for line in (desk.home / "stopwatch.txt").read_text().splitlines():
            name, milliseconds = line.split()
            taken.setdefault(name, []).append(float(milliseconds))
        return taken


def main() -> int:
    argparse.ArgumentParser(prog="run.py panel", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'':10} {'calls':>6} {'median':>10} {'worst':>10}")
        for name, figures in steps_ms(Path(folder)).items():
            print(f"{name:10} {len(figures):6} {statistics.median(figures):7.2f} ms {max(figures):7.2f} ms")
    return 0
