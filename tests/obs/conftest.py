"""The service's OBS side in the fake OBS: the script that the real one loads for the same tests, in this process."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clawcraft.obs.stream import StreamController
from obs_mock import MockObs, Scenario, Timings
from tests.support.clock import ManualClock
from tests.support.obs_control import SCRIPT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.obs_control_script import Driver

SILENT = Scenario("silent", silent=True)


class Rig:
    """``obs`` is OBS, with the streamer and the server; ``clock`` the service's; ``worker`` stands for the stream
    worker's thread; ``progress`` collects what jobs would store. Each failed start leaves a box open, as in OBS."""

    def __init__(self, obs: MockObs, clock: ManualClock, worker: ThreadPoolExecutor) -> None:
        self.obs = obs
        self.clock = clock
        self._worker = worker
        self.progress: list[tuple[int, str]] = []

    @property
    def driver(self) -> "Driver":
        """Of this life of the script."""
        driver: Driver = sys.modules[SCRIPT.stem].driver
        return driver

    @property
    def stream(self) -> StreamController:
        return self.driver.stream

    def set(self, **settings: Any) -> None:
        self.driver.configure(**settings)

    def start(self, scene: str | None = None) -> Any:
        return self.begin_start(scene).result(10)

    def stop(self) -> Any:
        return self.begin_stop().result(10)

    def begin_start(self, scene: str | None = None) -> "Future[Any]":
        return self._worker.submit(self.driver.do_start, scene, self._note)

    def begin_stop(self) -> "Future[Any]":
        return self._worker.submit(self.driver.do_stop, self._note)

    def begin_connecting(self, scene: str | None = None) -> "Future[Any]":
        """A start that waits for the server."""
        self.progress.clear()
        start = self.begin_start(scene)
        self.wait(lambda: self.at(60) or self.at(55) or start.done())  # 55 where the streamer began it
        return start

    def outlast(self, call: "Future[Any]") -> "Future[Any]":
        """The call, once it has ended: meanwhile time goes by."""

        def ended() -> bool:
            self.clock.advance(1.0)
            self.stream._state.wake()
            return call.done()

        self.wait(ended)
        return call

    def at(self, percent: int) -> bool:
        return bool(self.progress) and self.progress[-1][0] == percent

    def state(self) -> str:
        self.stream._page.expire()
        return str(self.stream.status()["stream"]["state"])

    def wait_state(self, state: str) -> None:
        self.wait(lambda: self.state() == state)

    def wait(self, happened: Callable[[], bool]) -> None:
        wait_until(happened, "it has happened")

    def told(self) -> list[str]:
        """What OBS has said of streams and scenes: ``STARTING``, ``scene``, …, in order."""
        shown = {"event PREVIEW_SCENE_CHANGED": "scene"}
        shown |= {f"event STREAMING_{name}": name for name in ("STARTING", "STARTED", "STOPPING", "STOPPED")}
        return [shown[entry] for entry in self.obs.timeline()[self._loaded :] if entry in shown]

    @property
    def _loaded(self) -> int:
        return self.obs.timeline().index("event FINISHED_LOADING")

    def _note(self, percent: int, message: str) -> None:
        self.progress.append((percent, message))


@pytest.fixture
def new_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """``new_rig(**options)``: a rig whose fake OBS has these options."""
    before = set(threading.enumerate())
    clock = ManualClock()
    monkeypatch.setattr("clawcraft.clock.SystemClock", lambda: clock)
    settings = {"plugin_dir": str(SCRIPT.parents[2] / "obs_plugin"), "port": 0}
    timings = Timings().scaled(0.02)
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Rig:
            worker = stack.enter_context(ThreadPoolExecutor(1, "stream worker"))
            obs = MockObs(SCRIPT, settings=settings, config_dir=tmp_path / "obs-studio", timings=timings, **options)
            return Rig(stack.enter_context(obs), clock, worker)

        yield make
    assert set(threading.enumerate()) <= before


@pytest.fixture
def rig(new_rig: Callable[..., Rig]) -> Rig:
    return new_rig()
