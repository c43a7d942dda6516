"""The streamer's panel: OBS's script properties. Everything here runs on OBS's UI thread unless it says otherwise."""

from clawcraft.panel.panel import Panel
from clawcraft.panel.values import service_values, set_defaults

__all__ = ["Panel", "service_values", "set_defaults"]
