"""An OBS script for tests: somebody else's, with a frontend event callback. OBS loads this file."""

import obspython as obs


def on_event(code: int) -> None:
    obs.script_log(obs.LOG_INFO, f"heard event {code}")


def script_load(_settings: object) -> None:
    obs.obs_frontend_add_event_callback(on_event)
