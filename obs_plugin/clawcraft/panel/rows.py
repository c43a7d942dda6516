"""The widgets: a thin layer over OBS's property functions, with what they do not say of themselves.

OBS takes plain functions only as callbacks (it silently makes no button for a bound method), answers an exception in
one with a window over the streamer's screen, and rebuilds the widgets only after a callback that returned True.
"""

import html
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from clawcraft.panel.fields import Field, Kind
from clawcraft.panel.values import problem

GREEN, AMBER, RED, GREY = "#3fb950", "#d29922", "#f85149", "#8b949e"
_PROBLEM_SUFFIX: Final = "_problem"
_SUFFIXES: Final = {"ms": " ms"}


def dot(colour: str) -> str:
    return f'<span style="color:{colour}">●</span> '


def escape(text: object) -> str:
    return html.escape(str(text))


class Rows:
    """Adds rows to one group of properties; ``on_error`` takes the line for the log when a callback fails."""

    def __init__(self, obs: ModuleType, on_error: Callable[[str], None]) -> None:
        self._obs = obs
        self._on_error = on_error
        self.properties: Any = obs.obs_properties_create()

    def group(self, name: str, title: str) -> "Rows":
        """A titled box; its rows are added to what this returns."""
        rows = Rows(self._obs, self._on_error)
        self._obs.obs_properties_add_group(
            self.properties, f"group_{name}", title, self._obs.OBS_GROUP_NORMAL, rows.properties
        )
        return rows

    def info(self, name: str, label: str = "", html_text: str = "", visible: bool = True) -> None:
        """A text the streamer reads; ``set_info`` changes it."""
        self._obs.obs_properties_add_text(self.properties, name, label, self._obs.OBS_TEXT_INFO)
        set_info(self._obs, self.properties, name, html_text, visible)

    def button(self, name: str, text: str, pressed: Callable[[Any], None], visible: bool = True) -> None:
        """``pressed`` gets the whole panel's properties and returns at once; the panel is redrawn after it."""

        def callback(properties: Any, _button: Any) -> bool:
            return self._guarded(lambda: pressed(properties))

        self._obs.obs_properties_add_button(self.properties, name, text, callback)
        show(self._obs, self.properties, name, visible)

    def field(self, field: Field) -> None:
        """A setting's widget, with its problem below it."""
        obs = self._obs
        if field.kind is Kind.NUMBER:
            limits = field.limits
            row = obs.obs_properties_add_int(
                self.properties, field.key, field.label, limits.minimum, limits.maximum, _step(limits.maximum)
            )
            obs.obs_property_int_set_suffix(row, _SUFFIXES.get(field.setting.unit, ""))
        elif field.kind is Kind.FLAG:
            row = obs.obs_properties_add_bool(self.properties, field.key, field.label)
        elif field.kind is Kind.SCENE:
            row = obs.obs_properties_add_list(
                self.properties, field.key, field.label, obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_STRING
            )
        else:
            kind = obs.OBS_TEXT_PASSWORD if field.kind is Kind.SECRET else obs.OBS_TEXT_DEFAULT
            row = obs.obs_properties_add_text(self.properties, field.key, field.label, kind)
            self._check_while_typing(row, field)
        obs.obs_property_set_long_description(row, field.help_text)

    def switch(self, name: str, label: str, help_text: str = "") -> None:
        row = self._obs.obs_properties_add_bool(self.properties, name, label)
        if help_text:
            self._obs.obs_property_set_long_description(row, help_text)

    def number(self, name: str, label: str, maximum: int, suffix: str) -> None:
        row = self._obs.obs_properties_add_int(self.properties, name, label, 0, maximum, 1)
        self._obs.obs_property_int_set_suffix(row, suffix)

    def _check_while_typing(self, row: Any, field: Field) -> None:
        name = field.key + _PROBLEM_SUFFIX
        self._obs.obs_properties_add_text(self.properties, name, "", self._obs.OBS_TEXT_INFO)
        show(self._obs, self.properties, name, False)
        shown = ""

        def callback(properties: Any, _row: Any, settings: Any) -> bool:
            nonlocal shown
            found = problem(field, self._obs.obs_data_get_string(settings, field.key))
            if found == shown:  # A redraw at each keystroke would move the cursor.
                return False
            shown = found
            return self._guarded(lambda: show_problem(self._obs, properties, field, found))

        self._obs.obs_property_set_modified_callback(row, callback)

    def _guarded(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - OBS would open its log window on the streamer's screen
            self._on_error(f"panel: {type(error).__name__}: {error}")
        return True


def _step(maximum: int) -> int:
    return 1000 if maximum >= 100_000 else 1


def set_info(obs: ModuleType, properties: Any, name: str, html_text: str, visible: bool = True) -> None:
    """Change the text of an info row. OBS shows the long description beside the label."""
    row = obs.obs_properties_get(properties, name)
    obs.obs_property_set_long_description(row, html_text)
    obs.obs_property_set_visible(row, visible and bool(html_text))


def show(obs: ModuleType, properties: Any, name: str, visible: bool) -> None:
    obs.obs_property_set_visible(obs.obs_properties_get(properties, name), visible)


def show_problem(obs: ModuleType, properties: Any, field: Field, text: str) -> None:
    """The sentence below a field, or nothing."""
    name = field.key + _PROBLEM_SUFFIX
    set_info(obs, properties, name, f'<span style="color:{AMBER}">{escape(text)}</span>' if text else "")
