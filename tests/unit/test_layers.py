"""Who may import whom: nothing imports what stands above it, so that each part can be read without those above."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.tool import python

PACKAGE = Path(__file__).resolve().parents[2] / "obs_plugin" / "clawcraft"
LAYERS = (
    ("panel",),
    ("service",),
    ("assembly",),
    ("operator",),
    ("http",),
    ("contract",),
    ("authority",),
    ("jobs",),
    ("actions",),
    ("alerts",),
    ("obs", "twitch"),
    ("database",),
    ("telemetry",),
    (
        *("errors", "clock", "files", "secrets", "settings", "text", "checks", "actions.catalogue"),
        *("dependencies", "standard_library", "confirmed", "heard", "hours", "kept_rails", "wording", "twitch_health"),
        "access_list",
    ),
)
"""From top to bottom; the parts of one row do not import each other, save for the leaves in the last."""
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
LEAVES = len(LAYERS) - 1


def part_of(module: str) -> str:
    """``clawcraft.http.gate`` → ``http``; the catalogue is a part of its own."""
    names = module.split(".")[1:]
    return "actions.catalogue" if names[:2] == ["actions", "catalogue"] else names[0]


def imports(source: str) -> Iterator[str]:
    """The package's modules that ``source`` imports anywhere, also within a function or for type checking only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("clawcraft"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("clawcraft"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(importer: str, imported: str) -> bool:
    if imported in (importer, "VERSION"):
        return False
    above = RANK[imported] <= RANK[importer]
    return above and not RANK[imported] == RANK[importer] == LEAVES


def test_every_part_of_the_package_has_its_place() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" and path.stem != "__init__"}
    parts |= {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert parts == RANK.keys() - {"actions.catalogue"}


def test_nothing_imports_what_stands_above_it() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if name == "__init__":
            continue
        importer = part_of(f"clawcraft.{name}")
        for module in imports(path.read_text("utf-8")):
            if forbidden(importer, part_of(module)):
                found.append(f"{path.relative_to(PACKAGE)} imports {module}")
    assert found == []


def test_an_import_up_across_or_within_a_function_is_found() -> None:
    source = "def f() -> None:\n    from clawcraft.http import gate\n    import clawcraft.twitch.client\n"
    assert [part_of(module) for module in imports(source)] == ["http", "twitch"]
    assert forbidden("jobs", "http")
    assert forbidden("obs", "twitch")
    assert forbidden("settings", "telemetry")
    assert forbidden("telemetry", "actions")
    assert not forbidden("telemetry", "actions.catalogue")
    assert not forbidden("settings", "secrets")
    assert not forbidden("http", "jobs")


def test_the_panel_and_the_service_are_there_without_any_package() -> None:
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import clawcraft.panel, clawcraft.service"
    done = python("-I", "-S", "-c", code)
    assert done.returncode == 0, done.stderr
