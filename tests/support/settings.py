"""Settings for tests: the defaults of the one table, and what a test changes by attribute."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from clawcraft.secrets import SecretStore
from clawcraft.settings import Settings, load_settings

TOKEN = "a-token-of-the-tests"


def make_settings(folder: Path | None = None, **changes: Any) -> Settings:
    """Checked settings as ``load_settings`` gives them for an empty panel and environment; touches no file."""
    home = folder or Path("no-such-folder")
    return replace(load_settings({"TOOL_SERVICE_TOKEN": TOKEN}, SecretStore(home), {}, home), **changes)
