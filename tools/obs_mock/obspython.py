"""The fake ``obspython`` module: every function guarded, with the names and parameters of the real one."""

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any, Union, get_args, get_origin, get_type_hints

from obs_mock.constants import CONSTANTS
from obs_mock.scripting import Scripting


def build(apis: Iterable[object], scripting: Scripting, before_call: Callable[[], None]) -> types.ModuleType:
    """A module with every public method of ``apis``. Each call first asks ``scripting`` whether the script lives,
    and checks plain values as SWIG does."""
    module = types.ModuleType("obspython", __doc__)
    vars(module).update(CONSTANTS)
    for api in apis:
        for name, method in inspect.getmembers(api, inspect.ismethod):
            if not name.startswith("_"):
                setattr(module, name, _guarded(name, method, scripting, before_call))
    return module


def _guarded(
    name: str, method: Callable[..., Any], scripting: Scripting, before_call: Callable[[], None]
) -> Callable[..., Any]:
    signature = inspect.signature(method)
    hints = get_type_hints(method)

    @functools.wraps(method)
    def call(*args: object, **kwargs: object) -> Any:
        before_call()
        scripting.may_call(name)
        bound = signature.bind(*args, **kwargs)
        for parameter, value in bound.arguments.items():
            if not _accepts(hints[parameter], value):
                raise TypeError(f"in method '{name}', argument '{parameter}' is {value!r}, not {hints[parameter]}")
        return method(*args, **kwargs)

    return call


def _accepts(hint: Any, value: object) -> bool:
    """SWIG's rules: a bool is taken for an int, but only a bool for a bool. Pointers are checked by the ledger."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(_accepts(part, value) for part in get_args(hint))
    if hint is float:
        return isinstance(value, int | float)
    if hint in (bool, int, str):
        return isinstance(value, hint)
    return value is None if hint is types.NoneType else True
