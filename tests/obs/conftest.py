"""A stage without OBS: the real UiThread and StreamController on a small fake OBS."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clawcraft.clock import SystemClock
from clawcraft.obs.libobs import LibobsMissing
from clawcraft.obs.stream import StreamConfig, StreamController
from clawcraft.obs.ui_thread import UiThread
from tests.support.fake_obs import FakeObs


@dataclass
class Rig:
    """The stream worker is ``worker``; ``progress`` collects what jobs would persist."""

    obs: FakeObs
    worker: ThreadPoolExecutor
    ui: UiThread = field(init=False)
    stream: StreamController = field(init=False)
    config: StreamConfig = field(default_factory=lambda: StreamConfig(5.0, 0, "", retry_delay_s=0.01))
    progress: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.build()

    def build(self, carried: Any = None, libobs: LibobsMissing | None = None) -> None:
        """A life of the script."""
        self.ui = UiThread(libobs or self.obs.libobs)
        self.stream = StreamController(self.obs, self.ui, SystemClock(), lambda: self.config, carried)
        self.obs.on_event = self.stream.on_frontend_event

    def without_libobs(self) -> None:
        self.close()
        self.obs.starts_on_ui_thread = False
        self.build(libobs=LibobsMissing("no libobs here"))

    def reload(self) -> None:
        """ "Reload scripts": the new life gets what the old one carried."""
        self.close()
        self.build(self.stream.carry())

    def close(self) -> None:
        self.obs.ui.call(self.stream.close)
        self.obs.ui.call(self.ui.close)

    def set(self, **config: Any) -> None:
        self.config = replace(self.config, **config)

    def start(self, scene: str | None = None) -> Any:
        return self.begin_start(scene).result(10)

    def stop(self) -> Any:
        return self.begin_stop().result(10)

    def begin_start(self, scene: str | None = None) -> "Future[Any]":
        return self.worker.submit(lambda: self.stream.start(scene, self._note))

    def begin_stop(self) -> "Future[Any]":
        return self.worker.submit(lambda: self.stream.stop(self._note))

    def state(self) -> str:
        self.stream._page.expire()
        return str(self.stream.status()["stream"]["state"])

    def _note(self, percent: int, message: str) -> None:
        self.progress.append((percent, message))


@pytest.fixture
def rig() -> Iterator[Rig]:
    before = threading.active_count()
    with FakeObs() as obs, ThreadPoolExecutor(1, "stream worker") as worker:
        rig = Rig(obs, worker)
        yield rig
        while obs.boxes:
            obs.ui.call(obs._close_box)
        rig.close()
    assert threading.active_count() == before


@pytest.fixture
def seen() -> Callable[[Callable[[], bool]], None]:
    """Wait until something another thread does has happened."""

    def wait(happened: Callable[[], bool]) -> None:
        for _ in range(5000):
            if happened():
                return
            threading.Event().wait(0.001)
        raise TimeoutError("it did not happen")

    return wait
