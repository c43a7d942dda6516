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
    accepted = {parameter: _accepted(hints[parameter]) for parameter in signature.parameters}
    whole, plain = len(accepted), [(at, taken) for at, taken in enumerate(accepted.values()) if taken is not None]

    @functools.wraps(method)
    def call(*args: object, **kwargs: object) -> Any:
        before_call()
        scripting.may_call(name)
        if not kwargs and len(args) == whole and all(isinstance(args[at], taken) for at, taken in plain):
            return method(*args)  # nearly every call: the script is charged for what the fake takes here
        for parameter, value in signature.bind(*args, **kwargs).arguments.items():
            if (taken := accepted[parameter]) is not None and not isinstance(value, taken):
                raise TypeError(f"in method '{name}', argument '{parameter}' is {value!r}, not {hints[parameter]}")
        return method(*args, **kwargs)

    return call


def _accepted(hint: Any) -> tuple[type, ...] | None:
    """The types SWIG takes for ``hint``, or None for all: a bool is taken for an int, but only a bool for a bool.
    Pointers are checked by the ledger."""
    if get_origin(hint) in (Union, types.UnionType):
        parts = [_accepted(part) for part in get_args(hint)]
        return None if None in parts else tuple(taken for part in parts if part is not None for taken in part)
    if hint is float:
        return (int, float)
    return (hint,) if hint in (bool, int, str, types.NoneType) else None
