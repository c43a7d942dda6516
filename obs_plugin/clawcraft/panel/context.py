"""What the sections of the panel share."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from clawcraft.panel.background import Background
from clawcraft.panel.rows import Rows, View
from clawcraft.service import Service


@dataclass(frozen=True, slots=True)
class Context:
    """``settings`` is the script's own settings object, the one OBS's widgets read and write."""

    obs: ModuleType
    service: Service
    settings: Any
    background: Background


class Section(Protocol):
    """One part of the panel. Both are called on OBS's UI thread and return at once."""

    def add(self, top: Rows) -> None:
        """Add the rows, once for each panel that OBS opens."""
        ...

    def update(self, view: View) -> None:
        """Write what is true now into the rows."""
        ...
