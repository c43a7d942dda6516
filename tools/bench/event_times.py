"""An OBS script that writes down when OBS said what: one line ``event code, Unix seconds`` each, in $EVENT_TIMES."""

import os
import time
from pathlib import Path

import obspython as obs


def on_event(code: int) -> None:
    with Path(os.environ["EVENT_TIMES"]).open("a", encoding="ascii") as file:
        file.write(f"{code} {time.time()}\n")


def script_load(_settings: object) -> None:
    obs.obs_frontend_add_event_callback(on_event)
