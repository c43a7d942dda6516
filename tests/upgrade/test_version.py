"""One version, wherever it is written or shown."""

import json
import re
import tomllib

from clawcraft import VERSION
from tests.support.paths import ROOT

PLUGIN_FILES = ("package.json", "openclaw.plugin.json")


def test_the_changelog_begins_with_it_and_the_project_and_the_openclaw_plugin_have_it() -> None:
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    plugin = ROOT / "tools" / "openclaw"
    found = {
        "CHANGELOG.md": newest[1],
        "pyproject.toml": tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        **{name: json.loads((plugin / name).read_text("utf-8"))["version"] for name in PLUGIN_FILES},
    }
    assert set(found.values()) == {VERSION}, found
