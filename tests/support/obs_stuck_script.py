"""An OBS script for tests: a script of somebody else that holds the UI thread for $STUCK_S when a stream ends."""

import os
import time

import obspython as obs

stuck: list[bool] = []


def on_event(code: int) -> None:
    if code == obs.OBS_FRONTEND_EVENT_STREAMING_STOPPED and not stuck:
        stuck.append(True)
        time.sleep(float(os.environ["STUCK_S"]))


def script_load(_settings: object) -> None:
    obs.obs_frontend_add_event_callback(on_event)
