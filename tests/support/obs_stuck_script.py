"""An OBS script for tests: a script of somebody else that holds the UI thread once, from the end of a stream until
$STUCK_UNTIL is a file."""

import os
import time
from pathlib import Path

import obspython as obs

stuck: list[bool] = []


def on_event(code: int) -> None:
    if code == obs.OBS_FRONTEND_EVENT_STREAMING_STOPPED and not stuck:
        stuck.append(True)
        until = Path(os.environ["STUCK_UNTIL"])
        while not until.exists():
            time.sleep(0.05)


def script_load(_settings: object) -> None:
    obs.obs_frontend_add_event_callback(on_event)
