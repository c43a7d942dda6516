"""The widgets: a thin layer over OBS's property functions, with what they do not say of themselves.

OBS takes plain functions only as callbacks (it silently makes no button for a bound method), answers an exception in
one with a window over the streamer's screen, and rebuilds the widgets only after a callback that returned True.
"""

import html
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, Self

from clawcraft.panel.fields import Field, Kind

GREEN, AMBER, RED, GREY = "#3fb950", "#d29922", "#f85149", "#8b949e"
_PROBLEM: Final = "_problem"
_SUFFIXES: Final = {"ms": " ms"}


def dot(colour: str) -> str:
    return f'<span style="color:{colour}">●</span> '


def escape(text: object) -> str:
    return html.escape(str(text))


class Rows:
    """Adds rows to one group of properties. ``redraw`` writes what is true into the whole panel after a press;
    ``log`` takes a line when a callback fails."""

    def __init__(self, obs: ModuleType, redraw: Callable[[Any], None], log: Callable[[str], None]) -> None:
        self._obs = obs
        self._redraw = redraw
        self._log = log
        self.properties: Any = obs.obs_properties_create()

    def group(self, name: str, title: str) -> Self:
        """A titled box called ``group_<name>``; its rows are added to what this returns."""
        rows = type(self)(self._obs, self._redraw, self._log)
        normal = self._obs.OBS_GROUP_NORMAL
        self._obs.obs_properties_add_group(self.properties, f"group_{name}", title, normal, rows.properties)
        return rows

    def info(self, name: str, label: str = "", text: str = "") -> None:
        """A text to read, as HTML; ``View.info`` changes it. Without a text the row is not there."""
        self._obs.obs_properties_add_text(self.properties, name, label, self._obs.OBS_TEXT_INFO)
        View(self._obs, self.properties).info(name, text)

    def button(self, name: str, text: str, pressed: Callable[[], None]) -> None:
        """``pressed`` returns at once; the panel is redrawn after it."""

        def callback(properties: Any, _button: Any) -> bool:
            self._guarded(pressed)
            self._guarded(lambda: self._redraw(properties))
            return True

        self._obs.obs_properties_add_button(self.properties, name, text, callback)

    def field(self, field: Field) -> None:
        """A setting's widget; what the environment sets is shown instead, and cannot be edited here."""
        origin = environment_origin(field)
        if origin:
            self.info(f"{field.key}_set", field.label, origin)
        elif field.kind is Kind.NUMBER:
            limits = field.limits
            self.number(field.key, field.label, limits.minimum, limits.maximum, _SUFFIXES.get(field.setting.unit, ""))
        elif field.kind is Kind.FLAG:
            self.switch(field.key, field.label, field.help_text)
        elif field.kind is Kind.SCENE:
            kind, form = self._obs.OBS_COMBO_TYPE_LIST, self._obs.OBS_COMBO_FORMAT_STRING
            row = self._obs.obs_properties_add_list(self.properties, field.key, field.label, kind, form)
            self._obs.obs_property_set_long_description(row, field.help_text)
        else:
            kind = self._obs.OBS_TEXT_PASSWORD if field.kind is Kind.SECRET else self._obs.OBS_TEXT_DEFAULT
            self.text(field.key, field.label, kind, field.help_text)
            # Filled in at the next redraw, not while somebody types: a redraw takes the focus, and what is typed
            # after it would be lost.
            self.info(field.key + _PROBLEM)

    def text(self, name: str, label: str, kind: int, help_text: str = "") -> None:
        row = self._obs.obs_properties_add_text(self.properties, name, label, kind)
        if help_text:
            self._obs.obs_property_set_long_description(row, help_text)

    def switch(self, name: str, label: str, help_text: str = "") -> None:
        row = self._obs.obs_properties_add_bool(self.properties, name, label)
        if help_text:
            self._obs.obs_property_set_long_description(row, help_text)

    def number(self, name: str, label: str, minimum: int, maximum: int, suffix: str) -> None:
        step = 1000 if suffix == " ms" else 1
        row = self._obs.obs_properties_add_int(self.properties, name, label, minimum, maximum, step)
        self._obs.obs_property_int_set_suffix(row, suffix)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - OBS would open its log window on the streamer's screen
            self._log(f"panel: {type(error).__name__}: {error}")


class View:
    """Changes rows of a panel that stands; OBS draws them after the callback."""

    def __init__(self, obs: ModuleType, properties: Any) -> None:
        self._obs = obs
        self.properties = properties

    def row(self, name: str) -> Any:
        return self._obs.obs_properties_get(self.properties, name)

    def info(self, name: str, text: str) -> None:
        """OBS shows the long description of an info row beside its label, and its own setting if it has one."""
        row = self.row(name)
        self._obs.obs_property_set_long_description(row, text)
        self._obs.obs_property_set_visible(row, bool(text))

    def show(self, name: str, visible: bool) -> None:
        self._obs.obs_property_set_visible(self.row(name), visible)

    def label(self, name: str, text: str) -> None:
        self._obs.obs_property_set_description(self.row(name), text)

    def problem(self, field: Field, text: str) -> None:
        """The sentence below a field, or none."""
        if not environment_origin(field):
            self.info(field.key + _PROBLEM, f'<span style="color:{AMBER}">{escape(text)}</span>' if text else "")

    def choices(self, name: str, labels_and_values: list[tuple[str, str]]) -> None:
        row = self.row(name)
        self._obs.obs_property_list_clear(row)
        for label, value in labels_and_values:
            self._obs.obs_property_list_add_string(row, label, value)


def environment_origin(field: Field) -> str:
    """What the environment sets this field to, as a text for the panel; empty if it does not."""
    value = os.environ.get(field.name, "").strip()
    if value:
        shown = "" if field.kind is Kind.SECRET else f"{escape(value)} "
        return f"{shown}<i>set by the environment variable {field.name}</i>"
    path = os.environ.get(f"{field.name}_FILE", "").strip()
    return f"<i>set by {field.name}_FILE, {escape(path)}</i>" if path else ""
