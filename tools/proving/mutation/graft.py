"""Puts a fault into a module that is already imported. Called in a process that ends after it; no thread of its own.

Code is exchanged where it is: a fresh import would cost each fault the import of all that imports the module.
"""

from __future__ import annotations

import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from proving.mutation.areas import Chosen, file_of
from proving.mutation.faults import Fault, with_fault


def functions_of(modules: Iterable[str]) -> dict[str, list[FunctionType]]:
    """Every function there is now that was written in one of these modules, decorated ones too."""
    found: dict[str, list[FunctionType]] = {str(file_of(module)): [] for module in modules}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in found:
            found[thing.__code__.co_filename].append(thing)
    return found


def put(chosen: Chosen, functions: dict[str, list[FunctionType]]) -> None:
    """Raises whatever the module raises where its fault keeps it from being imported."""
    module, fault = chosen
    path = str(file_of(module))
    source = file_of(module).read_text("utf-8")
    faulty = compile(with_fault(source, fault.number), path, "exec", dont_inherit=True)
    changed = dict(_changed(compile(source, path, "exec", dont_inherit=True), faulty))
    for function in functions[path]:
        if function.__code__ in changed:
            function.__code__ = changed[function.__code__]
    for value in vars(sys.modules[module]).values():
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()  # what it knows, it knows from the code before
    fresh = ModuleType(module)
    fresh.__file__ = path
    exec(faulty, fresh.__dict__)  # for its values: constants, defaults, what stands in a class
    _take_over(vars(sys.modules[module]), vars(fresh), _everywhere)


class Faulty(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):  # type: ignore[misc]
    """Imports one module with its fault; the file stays as it is."""

    def __init__(self, module: str, fault: Fault) -> None:
        super().__init__(module, str(file_of(module)))
        self._number = fault.number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text("utf-8")
        return compile(with_fault(source, self._number), str(self.path), "exec", dont_inherit=True)


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    if old == new:
        return
    yield old, new
    olds, news = ([const for const in code.co_consts if isinstance(const, CodeType)] for code in (old, new))
    if len(olds) == len(news):
        for one, other in zip(olds, news, strict=True):
            yield from _changed(one, other)


def _take_over(live: Mapping[str, Any], fresh: Mapping[str, Any], change: Callable[[str, Any, Any], None]) -> None:
    for name, new in list(fresh.items()):
        old = live.get(name)
        if isinstance(new, FunctionType) and isinstance(old, FunctionType):
            # One by one: beside an enum's member, which a fresh module has of its own, a number still counts.
            pairs = list(zip(old.__defaults__ or (), new.__defaults__ or (), strict=False))
            old.__defaults__ = tuple(two if _is_plain(one) and _is_plain(two) else one for one, two in pairs) or None
            if _is_plain(new.__kwdefaults__) and new.__kwdefaults__ != old.__kwdefaults__:
                old.__kwdefaults__ = new.__kwdefaults__
        elif isinstance(new, type) and isinstance(old, type) and new.__module__ == fresh.get("__name__"):
            _take_over(vars(old), vars(new), _setter(old))
        elif not name.startswith("__") and _is_plain(new) and _is_plain(old) and new != old:
            change(name, old, new)


def _setter(of: type) -> Callable[[str, Any, Any], None]:
    return lambda name, _, value: setattr(of, name, value)


def _everywhere(name: str, old: Any, new: Any) -> None:
    """Also where it was imported by its name, as by the tests."""
    for module in list(sys.modules.values()):
        there = getattr(module, "__dict__", {})
        if module.__name__.startswith(("clawcraft", "tests", "test_")) and there.get(name) is old:
            there[name] = new


def _is_plain(value: Any) -> bool:
    """Without classes and functions, which a fresh module has of its own."""
    if isinstance(value, tuple | list | set | frozenset):
        return type(value) in (tuple, list, set, frozenset) and all(_is_plain(part) for part in value)
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(part) for key, part in value.items())
    return value is None or type(value) in (bool, int, float, str, bytes, re.Pattern)
