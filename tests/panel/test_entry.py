"""The entry file's own part: what it gives to OBS to call."""

import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.paths import SCRIPT


@pytest.fixture
def entry(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "obspython", types.ModuleType("obspython"))
    spec = importlib.util.spec_from_file_location("entry", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_and_cut(call: Callable[[], object], at_step: int, cut: Callable[[], None]) -> object:
    """``call()``, with ``cut()`` by another thread before its bytecode number ``at_step``."""
    steps = iter(range(at_step))

    def trace(frame: types.FrameType, event: str, _arg: object) -> Any:
        if frame.f_code is getattr(call, "__code__", None):
            frame.f_trace_opcodes = True
            if event == "opcode" and next(steps, None) is None:
                cut()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    finally:
        sys.settrace(before)


def test_a_signal_at_any_moment_of_the_unload_is_answered_or_ignored(entry: Any) -> None:
    answers = []
    for step in range(40):
        call = entry._linked(lambda: "answered")
        assert isinstance(call, types.FunctionType)  # OBS takes nothing else
        answers.append(run_and_cut(call, step, entry._callbacks.clear))
    assert answers[0] is None
    assert answers[-1] == "answered"
    assert set(answers) == {None, "answered"}


def test_obs_keeps_nothing_alive_by_what_it_was_given(entry: Any) -> None:
    callback = lambda: None  # noqa: E731
    held = sys.getrefcount(callback)
    call = entry._linked(callback)
    entry._callbacks.clear()
    assert sys.getrefcount(callback) == held
    assert call() is None
