"""Calls on OBS's UI thread: result, error, deadline, a caller that gave up, the end of the script."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from clawcraft.errors import ObsUnresponsive, Stopping
from clawcraft.obs.libobs import Libobs
from clawcraft.obs.ui_thread import UiThread
from obs_mock.loops import Loop
from tests.support.waiting import wait_until


@pytest.fixture
def loop() -> Iterator[Loop]:
    errors: list[BaseException] = []
    loop = Loop("fake UI", errors.append)
    loop.start()
    yield loop
    loop.stop()
    assert errors == []


def libobs(queue_task: Callable[[Any, int], None]) -> Libobs:
    found: Any = SimpleNamespace(queue_task=queue_task)
    return cast(Libobs, found)


@pytest.fixture
def ui(loop: Loop) -> Iterator[UiThread]:
    def queue_task(callback: Any, param: int) -> None:
        if loop.is_current():
            callback(param)
        else:
            loop.post(lambda: callback(param))

    ui = UiThread(libobs(queue_task))
    yield ui
    ui.close()


def test_a_call_runs_on_the_ui_thread_and_returns_its_result(loop: Loop, ui: UiThread) -> None:
    assert ui.call(loop.is_current, 5) is True


def test_what_the_call_raises_is_raised_in_the_caller(ui: UiThread) -> None:
    def broken() -> None:
        raise LookupError("no such scene")

    with pytest.raises(LookupError, match="no such scene"):
        ui.call(broken, 5)


def test_a_call_on_the_ui_thread_itself_is_a_plain_call(loop: Loop, ui: UiThread) -> None:
    results: list[int] = []
    loop.call(lambda: results.append(ui.call(lambda: 7, 5)))
    assert results == [7]


def test_many_callers_each_get_their_own_result(ui: UiThread) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: ui.call(lambda: number, 5), range(200))) == list(range(200))


def test_a_call_that_got_no_turn_is_given_up_at_the_deadline_and_never_runs(loop: Loop, ui: UiThread) -> None:
    ran: list[str] = []
    with loop.blocked(), pytest.raises(ObsUnresponsive) as caught:
        ui.call(lambda: ran.append("given up"), 0.02)
    assert caught.value.details == {"waited_s": 0.02}
    assert ui.call(lambda: list(ran), 5) == []


def test_a_call_that_has_begun_at_the_deadline_is_unresponsive_too(ui: UiThread) -> None:
    go_on = threading.Event()
    with pytest.raises(ObsUnresponsive):
        ui.call(lambda: go_on.wait(10), 0.02)
    go_on.set()


def test_after_runs_right_behind_and_nobody_waits_for_it(loop: Loop, ui: UiThread) -> None:
    done, order = threading.Event(), []

    def after(result: str) -> None:
        assert done.wait(10)
        order.append(("after", result, loop.is_current()))

    assert ui.call(lambda: "checked", 5, after=after) == "checked"
    order.append(("caller", "", False))
    done.set()
    ui.call(lambda: None, 5)
    assert order == [("caller", "", False), ("after", "checked", True)]


def test_after_does_not_run_when_the_call_raised(ui: UiThread) -> None:
    ran: list[object] = []
    with pytest.raises(ZeroDivisionError):
        ui.call(lambda: 1 // 0, 5, after=ran.append)
    assert ui.call(lambda: list(ran), 5) == []


def test_a_defect_in_after_does_not_reach_stderr(ui: UiThread, capfd: pytest.CaptureFixture[str]) -> None:
    ui.call(lambda: 0, 5, after=lambda zero: 1 // zero)
    ui.call(lambda: None, 5)
    assert capfd.readouterr().err == ""


def test_close_wakes_who_waits_at_once_and_their_calls_never_run(loop: Loop, ui: UiThread) -> None:
    ran: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        with loop.blocked():
            waiting = [pool.submit(ui.call, lambda: ran.append("late"), 60.0) for _ in range(4)]
            wait_until(lambda: len(ui._tasks) == 4, "all wait")
            ui.close()
            for call in waiting:
                with pytest.raises(Stopping):
                    call.result(5)
        loop.call(lambda: None)
    assert ran == []


def test_a_call_after_close_is_refused_without_asking_obs() -> None:
    asked: list[int] = []
    ui = UiThread(libobs(lambda _callback, param: asked.append(param)))
    ui.close()
    ui.close()
    with pytest.raises(Stopping):
        ui.call(lambda: None, 5)
    assert asked == []


def test_tasks_still_in_obs_queue_keep_the_callback_alive_after_close() -> None:
    queued: list[tuple[Any, int]] = []
    ui = UiThread(libobs(lambda callback, param: queued.append((weakref.ref(callback), param))))
    with pytest.raises(ObsUnresponsive):
        ui.call(lambda: None, 0.0)
    ui.close()
    del ui
    gc.collect()
    ((reference, param),) = queued
    callback = reference()
    assert callback is not None
    callback(param)  # as OBS does later, with the address it has


def test_without_tasks_in_flight_nothing_is_kept_after_close(loop: Loop) -> None:
    queued: list[Any] = []

    def queue_task(callback: Any, param: int) -> None:
        queued.append(weakref.ref(callback))
        callback(param)

    ui = UiThread(libobs(queue_task))
    ui.call(lambda: None, 5)
    ui.close()
    del ui
    gc.collect()
    assert queued[0]() is None
