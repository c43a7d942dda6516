"""Scripts written by the tests, in a fake OBS that is twenty times as fast as the real one."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_mock import MockObs, Timings

HELPERS = '''
import ctypes, threading
import obspython as obs

TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
events, results = [], {}

def on_event(code):
    events.append(code)

def in_thread(fn):
    """fn's result or the name of its error, from another thread."""
    box, done = [], threading.Lock()
    def run():
        try:
            box.append(fn())
        except Exception as error:
            box.append(type(error).__name__)
        done.release()
    done.acquire()
    threading.Thread(target=run, name="worker").start()
    done.acquire()  # a hook may not wait for a thread, and the fake OBS sees every way but this
    return box[0]

keep = []
def on_ui(fn, wait=True, kind=0):
    task = TASK(lambda _param: fn() and None)
    keep.append(task)
    ctypes.CDLL(None).obs_queue_task(kind, task, None, wait)
'''

NewObs = Callable[..., MockObs]


@pytest.fixture
def new_obs(tmp_path: Path) -> Iterator[NewObs]:
    """``new_obs(*bodies, **options)``: a fake OBS, not started, whose script is the helpers and ``bodies``."""
    made: list[MockObs] = []

    def make(*bodies: str, **options: Any) -> MockObs:
        folder = tmp_path / "scripts"
        folder.mkdir(exist_ok=True)
        script = folder / "mock_test_script.py"
        script.write_text(HELPERS + "".join(map(textwrap.dedent, bodies)))
        options.setdefault("timings", Timings().scaled(0.05))
        obs = MockObs(script, config_dir=tmp_path / "obs-studio", **options)
        made.append(obs)
        return obs

    yield make
    for obs in made:
        obs.stop()
