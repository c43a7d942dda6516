"""Steps that OBS's UI thread must not wait for, one after the other on a thread of their own."""

import queue
import threading
from collections.abc import Callable


class Steps:
    """All of it from the UI thread; ``log`` takes a line where a step fails."""

    def __init__(self, name: str, log: Callable[[str], None]) -> None:
        self._name = name
        self._log = log
        self._waiting: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropping = False

    def submit(self, step: Callable[[], object]) -> None:
        """Run ``step`` when those before it are done."""
        self._waiting.put(step)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def drop(self) -> None:
        """What has not begun is not run."""
        self._dropping = True

    def close(self, timeout_s: float) -> bool:
        """Run what waits and join; whether ``timeout_s`` was enough. If not, what has not begun by then is dropped."""
        self._waiting.put(None)
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        self._dropping = True
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            step = self._waiting.get()
            if step is None or self._dropping:
                return
            try:
                step()
            except Exception as error:  # noqa: BLE001 - a traceback on stderr opens a window in OBS
                self._log(f"panel: {type(error).__name__}: {error}")
