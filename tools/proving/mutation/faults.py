"""The faults that one module can be given: what a tired programmer writes. Pure; no thread of its own.

A fault is named by its number in the walk over the module's syntax tree, so that the same file has the same faults. Not
changed: words (only people read them), annotations, decorators and what is written to the log.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COUNTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
}  # fmt: skip
_SAID: Final = ("_logger.", "self._log.", "log.event", "incident(")


@dataclass(frozen=True, slots=True)
class Fault:
    """``number`` counts within the module; ``what`` says it in the module's own words."""

    number: int
    line: int
    what: str


def faults(source: str) -> list[Fault]:
    """Every fault that ``source`` can be given."""
    tree = ast.parse(source)
    return [Fault(number, line, what) for number, (line, what, _) in enumerate(_changes(tree))]


def with_fault(source: str, number: int) -> ast.Module:
    """``source`` with that one fault."""
    tree = ast.parse(source)
    for found, (_, _, change) in enumerate(_changes(tree)):
        if found == number:
            change()
            return ast.fix_missing_locations(tree)
    raise IndexError(f"there is no fault {number}")


_Change = tuple[int, str, Callable[[], None]]


def _changes(tree: ast.Module) -> Iterator[_Change]:
    yield from _in_block(tree)


def _in_block(node: ast.AST) -> Iterator[_Change]:
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "annotation", "returns", "type_params"):
            continue
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.stmt):
                    yield from _of_statement(value, index)
                if isinstance(child, ast.AST):
                    yield from _of_node(child)
        elif isinstance(value, ast.AST):
            yield from _of_node(value)


def _of_statement(block: list[ast.stmt], index: int) -> Iterator[_Change]:
    """A statement that is left out."""
    statement = block[index]
    left_out = isinstance(statement, ast.Raise) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    )
    if left_out and not _is_said(statement):
        yield (
            statement.lineno,
            f"without: {_text(statement)}",
            lambda: block.__setitem__(index, ast.copy_location(ast.Pass(), statement)),
        )


def _of_node(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.stmt) and _is_said(node):
        return
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        yield _replaced(node, lambda new: new.ops.__setitem__(0, _COMPARED[type(new.ops[0])]()))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _replaced(node, lambda new: setattr(new, "op", other))
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COUNTED and not _has_words(node):
        yield _replaced(node, lambda new: setattr(new, "op", _COUNTED[type(new.op)]()))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        yield _replaced(node, lambda new: setattr(new, "value", value))
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare | ast.Constant):
        test = ast.copy_location(ast.UnaryOp(ast.Not(), copy.deepcopy(node.test)), node.test)
        yield node.lineno, f"if not: {_text(node.test)}", lambda: setattr(node, "test", test)
    elif isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
        yield node.lineno, f"None for: {_text(node)}", lambda: setattr(node, "value", ast.Constant(None))
    yield from _in_block(node)


def _replaced(node: ast.AST, change: Callable[[Any], None]) -> _Change:
    """``change`` in place, told as before and after."""
    shown = copy.deepcopy(node)
    change(shown)
    line: int = node.lineno  # type: ignore[attr-defined]
    return line, f"{_text(node)} -> {_text(shown)}", lambda: change(node)


def _is_said(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and ast.unparse(statement).startswith(_SAID)


def _has_words(node: ast.AST) -> bool:
    return any(
        isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str | bytes))
        for child in ast.walk(node)
    )


def _is_nothing(node: ast.expr) -> bool:
    """What counts as None wherever it is only asked for its truth."""
    return isinstance(node, ast.Constant) and not node.value


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:120]
