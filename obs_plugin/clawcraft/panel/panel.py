"""The panel of one service: builds OBS's properties and keeps them telling the truth.

OBS's own UI thread calls everything here, so nothing here touches the network or a disk. OBS redraws a panel only
after a button or a field's own callback, never by itself: hence the Refresh button.
"""

import os
from types import ModuleType
from typing import Any, Final

from clawcraft.panel import fields
from clawcraft.panel.fields import Field, Kind
from clawcraft.panel.rows import Rows, escape, set_info
from clawcraft.panel.status import obs_line, service_line
from clawcraft.service import Service

KEEP_SCENE: Final = "Keep the scene that is on"


class Panel:
    """Made in script_load with the script's ``settings``, closed in script_unload."""

    def __init__(self, obs: ModuleType, service: Service) -> None:
        self._obs = obs
        self._service = service

    def build(self) -> Any:
        """The properties OBS asked for."""
        top = Rows(self._obs, self._service.obs.log)
        status = top.group("status", "Status")
        status.info("status_service", "Service")
        status.info("status_obs", "OBS")
        status.button("refresh", "Refresh", self._update)
        self._fields(top.group("service", "Service"), fields.SERVICE)
        access = top.group("access", "Agent access")
        access.info("token_place", "Token")
        self._fields(top.group("stream", "Stream"), fields.STREAM)
        self._update(top.properties)
        return top.properties

    def _fields(self, group: Rows, chosen: tuple[Field, ...]) -> None:
        for field in chosen:
            origin = environment_origin(field.name)
            if origin:
                group.info(field.key + "_set", field.label, origin if field.kind is not Kind.SECRET else "")
            else:
                group.field(field)
            if field.kind is Kind.SCENE and not origin:
                self._fill_scenes(group.properties, field)

    def _fill_scenes(self, properties: Any, field: Field) -> None:
        row = self._obs.obs_properties_get(properties, field.key)
        self._obs.obs_property_list_add_string(row, KEEP_SCENE, "")
        for scene in self._service.obs.snapshot().scenes:
            self._obs.obs_property_list_add_string(row, scene, scene)

    def _update(self, properties: Any) -> None:
        """Write what is true now into the rows that tell it."""
        service = self._service
        set_info(self._obs, properties, "status_service", service_line(service.view))
        set_info(self._obs, properties, "status_obs", obs_line(service.obs.snapshot()))
        set_info(self._obs, properties, "token_place", f"stored in {escape(service.secrets.path)}")


def environment_origin(name: str) -> str:
    """What the environment sets this to, as a text for the panel; empty if it does not."""
    value = os.environ.get(name, "").strip()
    if value:
        return f"{escape(value)} (set by the environment variable {name})"
    path = os.environ.get(f"{name}_FILE", "").strip()
    return f"set by {name}_FILE: {escape(path)}" if path else ""
