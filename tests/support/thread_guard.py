"""No test may leave a thread behind."""

import sys
import threading
import traceback
from collections.abc import Generator

import pytest


class ThreadGuard:
    """A pytest plugin: the threads after a test are those from before it, daemons included.

    What a fixture of a whole module runs may start threads in one test that end in another: such a module has to be
    left as it was found, and the last of its tests has the error.
    """

    def __init__(self) -> None:
        self._module: pytest.Module | None = None
        self._shared = False
        self._before_module: set[threading.Thread] = set()
        self._before: set[threading.Thread] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        self._before = set(threading.enumerate())
        if self._module is not (module := item.getparent(pytest.Module)):
            self._module, self._shared, self._before_module = module, False, self._before
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        before = set(threading.enumerate())
        value = yield
        self._shared |= fixturedef.scope != "function" and set(threading.enumerate()) != before
        return value

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
        yield
        ends = nextitem is None or nextitem.getparent(pytest.Module) is not self._module
        if self._shared and not ends:
            return
        if left := set(threading.enumerate()) - (self._before_module if self._shared else self._before):
            pytest.fail("\n".join(["threads are left behind:", *map(_described, left)]), pytrace=False)


def _described(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    stack = "".join(traceback.format_stack(frame)) if frame is not None else "(it ends just now)\n"
    return f"{thread!r} is at\n{stack}"
