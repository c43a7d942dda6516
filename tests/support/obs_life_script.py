"""An OBS script for tests in lockstep: the service's OBS side, whose lives ``obs_life.py`` holds."""

import obspython as obs

from tests.support import obs_life


def script_load(_settings: object) -> None:
    obs_life.lives.load(obs)


def script_unload() -> None:
    obs_life.lives.unload()
