"""Settings that open the service, and which of them somebody confirmed on this machine.

A scene collection is a file that people share: what it says of these counts only once it was confirmed here, in the
panel, and that is kept outside the collection. Environment and mounted files are this machine's own word. Any thread.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from clawcraft.files import private_folder, write_atomically
from clawcraft.settings import SETTINGS, Setting

Panel = Mapping[str, object]
"""Values by the lower-case names of settings, as ``load_settings`` takes them."""


_OPENS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "TOOL_SERVICE_BIND": lambda address: not ipaddress.ip_address(address).is_loopback,
    "TOOL_SERVICE_ALLOWED_CLIENTS": lambda networks: not all(network.is_loopback for network in networks),
    "TOOL_SERVICE_REQUIRE_TIMESTAMP": lambda required: not required,
}
"""Whether a value of the setting opens the service further than its default does."""


class Confirmed:
    """What was confirmed, in a small file in ``folder``; one that cannot be read confirms nothing."""

    FILE_NAME: Final = "confirmed.json"

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.FILE_NAME

    def values(self) -> dict[str, str]:
        """What counts, by the name of the setting."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {name: str(kept[name]) for name in _OPENS if name in kept} if isinstance(kept, dict) else {}

    def confirm(self, values: Mapping[str, str]) -> None:
        """From now on these count, and no others. Raises OSError."""
        private_folder(self._path.parent)
        write_atomically(self._path, json.dumps(dict(values)).encode())

    def sift(self, panel: Panel) -> tuple[Panel, dict[str, str]]:
        """``panel`` without what is not confirmed; and that, by the name of the setting."""
        kept, waiting = self.values(), {}
        for row in SETTINGS:
            if (opens := _OPENS.get(row.name)) is not None:
                text = str(panel.get(row.name.lower(), ""))
                value = _value(row, text)
                if value is not None and opens(value) and _value(row, kept.get(row.name, "")) != value:
                    waiting[row.name] = text
        return {key: value for key, value in panel.items() if key.upper() not in waiting}, waiting


def _value(row: Setting, text: str) -> Any:
    """What ``text`` means; None for what is not set, or wrong, which the loader says."""
    try:
        return row.value(text) if text.strip() else None
    except ValueError:
        return None
