"""The boxes "Service" and "Stream": settings that are fields and nothing more, and the list of scenes."""

from clawcraft.panel import fields
from clawcraft.panel.context import Context
from clawcraft.panel.fields import Field, Kind
from clawcraft.panel.rows import Rows, View, environment_origin
from clawcraft.panel.values import problem

_KEEP_SCENE = "Keep the scene that is on"


class ServiceSection:
    """Where the service listens and who may call."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, top: Rows) -> None:
        add_fields(top.group("service", "Service"), fields.SERVICE)

    def update(self, view: View) -> None:
        check_fields(self._context, view, fields.SERVICE)


class StreamSection:
    """How a stream is started."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, top: Rows) -> None:
        add_fields(top.group("stream", "Stream"), fields.STREAM)

    def update(self, view: View) -> None:
        if environment_origin(fields.SCENE):
            return
        scenes = self._context.service.obs.snapshot().scenes
        choices = [(_KEEP_SCENE, ""), *((scene, scene) for scene in scenes)]
        chosen = self._context.obs.obs_data_get_string(self._context.settings, fields.SCENE.key)
        # OBS would silently put the first choice in the place of a value that is not on the list.
        if chosen and chosen not in scenes:
            choices.append((f"{chosen} (not in this scene collection)", chosen))
        view.choices(fields.SCENE.key, choices)


def add_fields(rows: Rows, chosen: tuple[Field, ...]) -> None:
    for field in chosen:
        rows.field(field)


def check_fields(context: Context, view: View, chosen: tuple[Field, ...]) -> None:
    """Show what is wrong with the texts that stand in the fields."""
    for field in chosen:
        if field.kind is Kind.TEXT:
            view.problem(field, problem(field, context.obs.obs_data_get_string(context.settings, field.key)))
