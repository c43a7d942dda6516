"""Signal handlers, their calldata, and connecting to them."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

from obs_mock.handles import Handle, Ledger
from obs_mock.scripting import Callback, NativeCallback, Scripting
from obs_mock.violations import Recorder

CALLDATA: dict[int, dict[str, Any]] = {}
ADDRESSES = itertools.count(0x1000)


class Calldata:
    """What a signal carries; gone when the callback returns."""

    c_type: ClassVar[str] = "calldata_t *"

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values


class SignalHandler:
    """The signals of one output."""

    c_type: ClassVar[str] = "signal_handler_t *"

    def __init__(self, names: tuple[str, ...], scripting: Scripting, ledger: Ledger, recorder: Recorder) -> None:
        self._scripting = scripting
        self._ledger = ledger
        self._recorder = recorder
        self._lock = threading.Lock()
        self._connected: dict[str, list[Callback]] = {name: [] for name in names}
        self._native: dict[str, list[NativeCallback]] = {name: [] for name in names}
        # From obs_output_start to the end of the stream a signal can come at any moment, from another thread.
        self.emitting = False

    def connect(self, signal: str, fn: object) -> None:
        if signal not in self._connected:
            raise self._recorder.violation(f"signal_handler_connect: no signal {signal!r}")
        if self.emitting:
            raise self._recorder.violation(f"signal_handler_connect({signal!r}) while the output runs: lock inversion")
        callback = self._scripting.add(fn, f"signal {signal}", "signal_handler_connect")
        with self._lock:
            if any(known.fn is fn and not known.removed for known in self._connected[signal]):
                raise self._recorder.violation(f"signal_handler_connect({signal!r}) twice: it would be called twice")
            self._connected[signal].append(callback)

    def connect_native(self, signal: str, callback: NativeCallback) -> None:
        """``signal_handler_connect`` of C, which waits for a running emission without the GIL: at any time. As
        ``signal_handler_connect_internal``, it ignores one that is connected already."""
        with self._lock:
            if callback not in self._native[signal]:
                self._native[signal].append(callback)

    def disconnect_native(self, signal: str, callback: NativeCallback) -> None:
        with self._lock:
            if callback in self._native[signal]:
                self._native[signal].remove(callback)

    @property
    def native(self) -> list[NativeCallback]:
        with self._lock:
            return [callback for callbacks in self._native.values() for callback in callbacks]

    def emit(self, signal: str, **values: Any) -> None:
        """On the thread that calls: the UI thread or an output thread."""
        self._recorder.note(f"signal {signal}" + (f" {values['code']}" if "code" in values else ""))
        with self._lock:
            callbacks, native = list(self._connected[signal]), list(self._native[signal])
        for known in native:
            with self._calldata(values) as address:
                known(known.data, address)
        for callback in callbacks:
            handle = self._ledger.borrow(Calldata(values))
            self._scripting.run(callback, handle)
            handle.released = True

    @contextlib.contextmanager
    def _calldata(self, values: dict[str, Any]) -> Iterator[int]:
        """The address of a ``calldata_t``, as C sees it."""
        address = next(ADDRESSES)
        CALLDATA[address] = values
        try:
            yield address
        finally:
            del CALLDATA[address]


class SignalsApi:
    """``signal_handler_*`` and ``calldata_*``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def signal_handler_connect(self, handler: Handle, signal: str, callback: object, /) -> None:
        self._ledger.get(handler, SignalHandler).connect(signal, callback)

    def calldata_int(self, data: Handle, name: str) -> int:
        value = self._ledger.get(data, Calldata).values.get(name)
        return value if isinstance(value, int) else 0
