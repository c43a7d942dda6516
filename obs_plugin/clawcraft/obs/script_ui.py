"""The script's settings, panel and hotkeys in OBS: what ``panel/`` says in rows becomes OBS's widgets here.

OBS's UI thread calls everything here, except a hotkey's function. OBS redraws a panel only after a button, never by
itself, and not while somebody types: a redraw takes the focus, and what is typed after it would be lost.
"""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from clawcraft.obs.clipboard import Clipboard

Callback = Callable[..., Any]
Keys = list[dict[str, Any]]
"""The combinations of one hotkey, as OBS writes them: ``[{"key": "OBS_KEY_F8", "shift": true}]``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the panel. ``key`` is unique in it; what can be edited is kept under that key in the settings."""

    key: str
    label: str
    _: KW_ONLY
    visible: bool = True
    help: str = ""


@dataclass(frozen=True, slots=True)
class Info(Row):
    """A text to read, as HTML. Without a text the row is not there."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Button(Row):
    """``pressed`` returns at once. It stays the one that the panel was built with; the label may change."""

    pressed: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Switch(Row):
    """A check box."""


@dataclass(frozen=True, slots=True)
class Number(Row):
    """A whole number."""

    minimum: int
    maximum: int
    suffix: str = ""
    step: int = 1


@dataclass(frozen=True, slots=True)
class Text(Row):
    """A line of text to type; of a secret one OBS shows dots."""

    secret: bool = False


@dataclass(frozen=True, slots=True)
class Copy(Row):
    """A text to select and copy, of several ``lines`` or one. OBS does not save it unless somebody types in it."""

    text: str
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Choice(Row):
    """One of ``choices``, each a label and a value. With ``chosen`` the settings do not keep it: it shows that one."""

    choices: Sequence[tuple[str, str]]
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A titled group of rows."""

    key: str
    title: str
    rows: Sequence[Row]
    visible: bool = True


class ScriptSettings:
    """The script's own settings object, which OBS's widgets read and write, and which OBS saves in the scene
    collection. OBS makes it with the script and frees it after script_unload."""

    def __init__(self, obs: Any, data: Any) -> None:
        self._obs = obs
        self.data = data

    def values(self) -> dict[str, Any]:
        """What the user set; no defaults."""
        values: dict[str, Any] = json.loads(self._obs.obs_data_get_json(self.data))
        return values

    def text(self, key: str) -> str:
        return str(self._obs.obs_data_get_string(self.data, key))

    def erase(self, *keys: str) -> None:
        for key in keys:
            self._obs.obs_data_erase(self.data, key)

    def set_default(self, key: str, value: bool | int | str) -> None:
        """What counts, and shows, where the user set nothing. OBS does not save it."""
        kind = {bool: "bool", int: "int", str: "string"}[type(value)]
        getattr(self._obs, f"obs_data_set_default_{kind}")(self.data, key, value)


class ScriptUi:
    """Made by the adapter in a hook. ``linked`` makes of a callback what OBS may keep; ``log`` takes a line when one
    fails: OBS would answer an exception with a window over the streamer's screen. ``find_clipboard`` gives None where
    it cannot be reached."""

    def __init__(
        self,
        obs: Any,
        data: Any,
        linked: Callable[[Callback], Callback],
        log: Callable[[str], None],
        find_clipboard: Callable[[], Clipboard | None],
    ) -> None:
        self._obs = obs
        self._linked = linked
        self._log = log
        self._hotkeys: dict[str, int] = {}
        self.settings = ScriptSettings(obs, data)
        self._find_clipboard = find_clipboard

    @functools.cached_property
    def clipboard(self) -> Clipboard | None:
        """Looked for when it is first wanted: most lives of the script never copy anything."""
        return self._find_clipboard()

    def add_hotkey(self, key: str, name: str, description: str, keys: Keys, pressed: Callable[[], None]) -> None:
        """script_load. OBS calls ``pressed`` on its scripting thread, also while it is minimised, and forgets the
        hotkey when the script unloads. ``keys`` are those it begins with."""

        def callback(down: bool) -> None:
            if down:
                self._guarded(pressed)

        hotkey = self._obs.obs_hotkey_register_frontend(name, description, self._linked(callback))
        data = self._obs.obs_data_create_from_json(json.dumps({"keys": keys}))
        array = self._obs.obs_data_get_array(data, "keys")
        self._obs.obs_hotkey_load(hotkey, array)
        self._obs.obs_data_array_release(array)
        self._obs.obs_data_release(data)
        self._hotkeys[key] = hotkey

    def hotkeys(self) -> dict[str, Keys]:
        """The keys that each hotkey has now."""
        data = self._obs.obs_data_create()
        for key, hotkey in self._hotkeys.items():
            array = self._obs.obs_hotkey_save(hotkey)
            self._obs.obs_data_set_array(data, key, array)
            self._obs.obs_data_array_release(array)
        keys: dict[str, Keys] = json.loads(self._obs.obs_data_get_json(data))
        self._obs.obs_data_release(data)
        return keys

    def build(self, describe: Callable[[], Sequence[Box]]) -> object:
        """The properties for script_properties to return. ``describe`` says what there is to see, now and again after
        each press: always the same rows, each as it is at that moment."""
        boxes = describe()
        properties = self._obs.obs_properties_create()
        for box in boxes:
            rows = self._obs.obs_properties_create()
            self._obs.obs_properties_add_group(properties, box.key, box.title, self._obs.OBS_GROUP_NORMAL, rows)
            for row in box.rows:
                self._add(rows, row, describe)
        self._draw(properties, boxes)
        return properties

    def _add(self, properties: Any, row: Row, describe: Callable[[], Iterable[Box]]) -> None:
        obs, at = self._obs, (properties, row.key, row.label)
        match row:
            case Button():
                obs.obs_properties_add_button(*at, self._linked(self._on_press(row.pressed, describe)))
            case Switch():
                obs.obs_properties_add_bool(*at)
            case Number():
                widget = obs.obs_properties_add_int(*at, row.minimum, row.maximum, row.step)
                obs.obs_property_int_set_suffix(widget, row.suffix)
            case Choice():
                obs.obs_properties_add_list(*at, obs.OBS_COMBO_TYPE_LIST, obs.OBS_COMBO_FORMAT_STRING)
            case Info():
                obs.obs_properties_add_text(*at, obs.OBS_TEXT_INFO)
            case Text(secret=True):
                obs.obs_properties_add_text(*at, obs.OBS_TEXT_PASSWORD)
            case Copy(lines=True):
                obs.obs_properties_add_text(*at, obs.OBS_TEXT_MULTILINE)
            case _:
                obs.obs_properties_add_text(*at, obs.OBS_TEXT_DEFAULT)

    def _on_press(self, pressed: Callable[[], None], describe: Callable[[], Iterable[Box]]) -> Callback:
        def callback(properties: Any, _button: Any) -> bool:
            self._guarded(pressed)
            self._guarded(lambda: self._draw(properties, describe()))
            return True  # OBS redraws only then

        return callback

    def _draw(self, properties: Any, boxes: Iterable[Box]) -> None:
        """Write what is true now into the panel; OBS draws it after the callback."""
        obs = self._obs
        for box in boxes:
            obs.obs_property_set_visible(obs.obs_properties_get(properties, box.key), box.visible)
            for row in box.rows:
                widget = obs.obs_properties_get(properties, row.key)
                obs.obs_property_set_description(widget, row.label)
                obs.obs_property_set_visible(widget, row.visible)
                if row.help:
                    obs.obs_property_set_long_description(widget, row.help)
                match row:
                    case Info():
                        # OBS shows it beside the label, unless the settings have a text under the row's key.
                        obs.obs_property_set_long_description(widget, row.text)
                        obs.obs_property_set_visible(widget, bool(row.text))
                    case Copy():
                        self.settings.erase(row.key)
                        self.settings.set_default(row.key, row.text)
                    case Choice():
                        obs.obs_property_list_clear(widget)
                        for label, value in row.choices:
                            obs.obs_property_list_add_string(widget, label, value)
                        if row.chosen is not None:
                            self.settings.erase(row.key)
                            self.settings.set_default(row.key, row.chosen)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - OBS would open its log window on the streamer's screen
            self._log(f"panel: {type(error).__name__}: {error}")
