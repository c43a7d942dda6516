"""No comparison of a secret tells by its time how much of a guess was right."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import OBS_PLUGIN

SECRET = re.compile(r"token|signature|secret|digest|csrf|cookie|password|bearer|hmac", re.IGNORECASE)
DOORS = ("http", "operator", "authority")
"""Where somebody else's guess comes in."""
BY_HASH = "page.token_sha256 == digest"
"""A hash is looked up: how long that takes tells nothing about the token."""


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Each == or != between two values that are worked out, one of which is called a secret."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) or _is_constant(side) for side in sides):
            continue
        text = ast.unparse(node)
        if SECRET.search(text) and text != BY_HASH:
            yield node.lineno, text


def _is_constant(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.isupper()


def found(folder: Path) -> list[str]:
    return [
        f"{path.relative_to(folder)}:{line}: {text}"
        for door in DOORS
        for path in sorted((folder / door).rglob("*.py"))
        for line, text in comparisons(path.read_text("utf-8"))
    ]


def test_no_secret_is_compared_byte_by_byte() -> None:
    assert found(OBS_PLUGIN / "clawcraft") == []


def test_such_a_comparison_is_found() -> None:
    assert [text for _, text in comparisons("if given == settings.token: pass")] == ["given == settings.token"]
    assert list(comparisons("if scheme == 'bearer' or compare_digest(given, token): pass")) == []
