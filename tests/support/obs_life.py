"""The service's OBS side in a fake OBS whose threads take turns: one life of the script after the other, and the calls
of the agent that run in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from clawcraft.obs.adapter import ObsAdapter
from clawcraft.obs.observer import Observer
from clawcraft.obs.stream import StreamController
from clawcraft.obs.ui_thread import UiThread
from obs_mock import MockObs
from tests.support.lockstep import Lockstep, Thread
from tests.support.settings import make_settings

SCRIPT = Path(__file__).with_name("obs_life_script.py")


class Call:
    """What the service does for a job, on a thread of its own."""

    def __init__(self, steps: Lockstep, name: str, act: Callable[[], Any]) -> None:
        self._act = act
        self.value: Any = None
        self.error: Exception | None = None
        self._thread = Thread(steps, self._run, name)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self.value = self._act()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


class Lives:
    """``stream`` is that of the life that runs. At its end all calls end, as the service's workers do."""

    def __init__(self, steps: Lockstep, **settings: Any) -> None:
        self._steps = steps
        self._settings = make_settings(**settings)
        self._observer: Observer | None = None
        self._ui: UiThread | None = None
        self._calls: list[Call] = []
        self.stream: StreamController

    def load(self, obs: ModuleType) -> None:
        adapter = ObsAdapter(obs, lambda callback: callback)
        self._ui = UiThread(adapter.libobs)
        self.stream = StreamController(
            adapter, self._ui, adapter.libobs, self._steps, lambda: self._settings, self._observer
        )

    def unload(self) -> None:
        self.stream.close()
        for call in self._calls:
            call.join()
        self._calls.clear()
        self._observer = self.stream.observer

    def call(self, name: str, act: Callable[[], Any]) -> Call:
        call = Call(self._steps, name, act)
        self._calls.append(call)
        return call


class Evening(NamedTuple):
    """OBS, the service's lives in it, and their time."""

    time: Lockstep
    obs: MockObs
    lives: Lives


@contextmanager
def evening(version: str, seed: int = 0, **settings: Any) -> Iterator[Evening]:
    """In lockstep; fails if OBS would not have survived it."""
    global lives
    time = Lockstep(seed)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        time.put_into(patch, "obs_mock.", "clawcraft.obs.", real_threads=("obs_mock.watch", "obs_mock.budget"))
        lives = Lives(time, **settings)
        obs = MockObs(SCRIPT, config_dir=Path(folder) / "obs-studio", version=version)
        try:
            obs.start()
            yield Evening(time, obs, lives)
            obs.stop().check()
        finally:
            obs.stop()
            time.close()


lives: Lives
"""Those of the test that runs: OBS loads the script by itself, and can be given nothing."""
