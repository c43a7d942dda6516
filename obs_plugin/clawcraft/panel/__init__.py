"""The streamer's panel: OBS's script properties. Everything here runs on OBS's UI thread unless it says otherwise."""

from clawcraft.panel.fields import service_values, set_defaults
from clawcraft.panel.panel import Panel

__all__ = ["Panel", "service_values", "set_defaults"]
