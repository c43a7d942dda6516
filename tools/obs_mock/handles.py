"""Pointers as a script sees them, and who holds a reference to what."""

import sys
import threading
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from obs_mock.violations import Recorder

HERE = str(Path(__file__).parent)


class Target(Protocol):
    """An OBS object; ``c_type`` is what SWIG calls a pointer to it."""

    c_type: ClassVar[str]


T = TypeVar("T", bound=Target)


class Handle:
    """A pointer. Two handles to the same object are equal, as SWIG's are."""

    __slots__ = ("owned", "released", "target")

    def __init__(self, target: Target, owned: bool) -> None:
        self.target = target
        self.owned = owned
        self.released = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other.target is self.target

    def __hash__(self) -> int:
        return id(self.target)

    def __repr__(self) -> str:
        return f"<Swig Object of type '{self.target.c_type}' at {id(self.target):#x}>"


class Ledger:
    """The references the script holds. Any thread."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()
        self._held: dict[int, tuple[Target, list[str]]] = {}
        self._lost: list[str] = []

    def borrow(self, target: Target) -> Handle:
        """A pointer without a reference: releasing it is a violation."""
        return Handle(target, owned=False)

    def take(self, target: Target) -> Handle:
        """A pointer with a reference, which the script has to release."""
        with self._lock:
            self._held.setdefault(id(target), (target, []))[1].append(_caller())
        return Handle(target, owned=True)

    def lose(self, what: str) -> None:
        """Memory that nobody can free."""
        with self._lock:
            self._lost.append(f"{what}, from {_caller()}")

    def get(self, handle: object, cls: type[T]) -> T:
        """What ``handle`` points to; TypeError as SWIG's for a pointer of another type."""
        if handle is None:
            raise self._recorder.violation(f"NULL where a {cls.c_type} is needed")
        if not isinstance(handle, Handle) or not isinstance(handle.target, cls):
            raise TypeError(f"argument of type '{cls.c_type}' expected, not {handle!r}")
        if handle.released:
            raise self._recorder.violation(f"{cls.c_type} used after its release")
        return handle.target

    def release(self, handle: object, cls: type[T]) -> None:
        """Give one reference back. NULL is allowed, as in OBS."""
        if handle is None:
            return
        target = self.get(handle, cls)
        with self._lock:
            entry = self._held.get(id(target))
            if entry is not None:
                entry[1].pop()
                if not entry[1]:
                    del self._held[id(target)]
        if entry is None:
            raise self._recorder.violation(f"{cls.c_type} released without holding a reference")
        assert isinstance(handle, Handle)
        handle.released = handle.owned and not entry[1]

    def leaks(self) -> list[str]:
        with self._lock:
            held = [f"{target.c_type} from {place}" for target, places in self._held.values() for place in places]
            return held + self._lost


def _caller() -> str:
    """The first line outside this package on the way here."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(HERE):
        frame = frame.f_back
    return "?" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
