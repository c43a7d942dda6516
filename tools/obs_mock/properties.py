"""The script's panel: obs_properties_t and obs_property_t."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from obs_mock.constants import CONSTANTS
from obs_mock.handles import Handle, Ledger
from obs_mock.scripting import Callback, Scripting
from obs_mock.violations import Recorder


@dataclass(slots=True, eq=False)
class Property:
    """One line of the panel. ``kind`` is an OBS_PROPERTY_ number, ``detail`` what only that kind has."""

    c_type: ClassVar[str] = "obs_property_t *"

    name: str
    kind: int
    description: str | None
    detail: dict[str, Any] = field(default_factory=dict)
    long_description: str | None = None
    visible: bool = True
    enabled: bool = True
    items: list[tuple[str, Any]] = field(default_factory=list)
    group: "Properties | None" = None
    clicked: Callback | None = None
    modified: Callback | None = None


class Properties:
    """A panel, or a group of one."""

    c_type: ClassVar[str] = "obs_properties_t *"

    def __init__(self) -> None:
        self.own: list[Property] = []
        self.parent: Properties | None = None
        self.flags = 0

    def __iter__(self) -> Iterator[Property]:
        """All of it, groups' contents included."""
        for prop in self.own:
            yield prop
            if prop.group is not None:
                yield from prop.group

    def find(self, name: str) -> Property | None:
        return next((prop for prop in self if prop.name == name), None)

    def top(self) -> "Properties":
        return self if self.parent is None else self.parent.top()


class PropertiesApi:
    """``obs_properties_*`` and ``obs_property_*``."""

    def __init__(self, ledger: Ledger, recorder: Recorder, scripting: Scripting) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._scripting = scripting

    def obs_properties_create(self) -> Handle:
        return self._ledger.take(Properties())

    def obs_properties_destroy(self, props: Handle | None) -> None:
        self._ledger.release(props, Properties)

    def obs_properties_set_flags(self, props: Handle, flags: int) -> None:
        self._ledger.get(props, Properties).flags = flags

    def obs_properties_get_flags(self, props: Handle) -> int:
        return self._ledger.get(props, Properties).flags

    def obs_properties_first(self, props: Handle) -> Handle | None:
        own = self._ledger.get(props, Properties).own
        return self._ledger.borrow(own[0]) if own else None

    def obs_properties_get(self, props: Handle, property: str) -> Handle | None:  # noqa: A002 - OBS's name
        found = self._ledger.get(props, Properties).find(property)
        return None if found is None else self._ledger.borrow(found)

    def obs_properties_remove_by_name(self, props: Handle, property: str) -> None:  # noqa: A002 - OBS's name
        own = self._ledger.get(props, Properties).own
        own[:] = [prop for prop in own if prop.name != property]

    def obs_properties_add_bool(self, props: Handle, name: str, description: str | None) -> Handle:
        return self._add(props, name, "BOOL", description)

    def obs_properties_add_int(
        self,
        props: Handle,
        name: str,
        description: str | None,
        min: int,  # noqa: A002 - OBS's name
        max: int,  # noqa: A002 - OBS's name
        step: int,
    ) -> Handle:
        return self._add(props, name, "INT", description, min=min, max=max, step=step, type=0)

    def obs_properties_add_int_slider(
        self,
        props: Handle,
        name: str,
        description: str | None,
        min: int,  # noqa: A002 - OBS's name
        max: int,  # noqa: A002 - OBS's name
        step: int,
    ) -> Handle:
        return self._add(props, name, "INT", description, min=min, max=max, step=step, type=1)

    def obs_properties_add_text(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
    ) -> Handle:
        return self._add(props, name, "TEXT", description, type=type, info_type=0, word_wrap=True, monospace=False)

    def obs_properties_add_path(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
        filter: str | None,  # noqa: A002 - OBS's name
        default_path: str | None,
    ) -> Handle:
        return self._add(props, name, "PATH", description, type=type, filter=filter, default_path=default_path)

    def obs_properties_add_list(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
        format: int,  # noqa: A002 - OBS's name
    ) -> Handle:
        return self._add(props, name, "LIST", description, type=type, format=format)

    def obs_properties_add_editable_list(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
        filter: str | None,  # noqa: A002 - OBS's name
        default_path: str | None,
    ) -> Handle:
        return self._add(props, name, "EDITABLE_LIST", description, type=type, filter=filter, default_path=default_path)

    def obs_properties_add_group(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
        group: Handle,
    ) -> Handle:
        inner = self._ledger.get(group, Properties)
        panel = self._ledger.get(props, Properties).top()
        twice = {prop.name for prop in inner} & {prop.name for prop in panel}
        if twice:
            raise self._recorder.violation(f"obs_properties_add_group: already in the panel: {sorted(twice)}")
        handle = self._add(props, name, "GROUP", description, type=type)
        self._ledger.get(handle, Property).group = inner
        inner.parent = self._ledger.get(props, Properties)
        self._ledger.release(group, Properties)  # it belongs to the panel now
        group.released = False
        return handle

    def obs_properties_add_button(self, props: Handle, name: str, text: str, callback: object, /) -> Handle:
        clicked = self._scripting.add(callback, f"button {name}", "obs_properties_add_button")
        handle = self._add(props, name, "BUTTON", text, type=0, url="")
        self._ledger.get(handle, Property).clicked = clicked
        return handle

    def obs_property_set_modified_callback(self, p: Handle, modified: object, /) -> None:
        prop = self._ledger.get(p, Property)
        prop.modified = self._scripting.add(modified, f"modified {prop.name}", "obs_property_set_modified_callback")

    def obs_property_set_visible(self, p: Handle, visible: bool) -> None:
        self._ledger.get(p, Property).visible = visible

    def obs_property_set_enabled(self, p: Handle, enabled: bool) -> None:
        self._ledger.get(p, Property).enabled = enabled

    def obs_property_set_description(self, p: Handle, description: str | None) -> None:
        self._ledger.get(p, Property).description = description

    def obs_property_set_long_description(self, p: Handle, long_description: str | None) -> None:
        self._ledger.get(p, Property).long_description = long_description

    def obs_property_name(self, p: Handle) -> str:
        return self._ledger.get(p, Property).name

    def obs_property_description(self, p: Handle) -> str | None:
        return self._ledger.get(p, Property).description

    def obs_property_long_description(self, p: Handle) -> str | None:
        return self._ledger.get(p, Property).long_description

    def obs_property_get_type(self, p: Handle) -> int:
        return self._ledger.get(p, Property).kind

    def obs_property_enabled(self, p: Handle) -> bool:
        return self._ledger.get(p, Property).enabled

    def obs_property_visible(self, p: Handle) -> bool:
        return self._ledger.get(p, Property).visible

    def obs_property_text_type(self, p: Handle) -> int:
        return int(self._detail(p, "TEXT")["type"])

    def obs_property_text_info_type(self, p: Handle) -> int:
        return int(self._detail(p, "TEXT")["info_type"])

    def obs_property_text_set_info_type(self, p: Handle, type: int) -> None:  # noqa: A002 - OBS's name
        self._detail(p, "TEXT")["info_type"] = type

    def obs_property_text_set_info_word_wrap(self, p: Handle, word_wrap: bool) -> None:
        self._detail(p, "TEXT")["word_wrap"] = word_wrap

    def obs_property_text_set_monospace(self, p: Handle, monospace: bool) -> None:
        self._detail(p, "TEXT")["monospace"] = monospace

    def obs_property_int_set_suffix(self, p: Handle, suffix: str | None) -> None:
        self._detail(p, "INT")["suffix"] = suffix

    def obs_property_int_set_limits(
        self,
        p: Handle,
        min: int,  # noqa: A002 - OBS's name
        max: int,  # noqa: A002 - OBS's name
        step: int,
    ) -> None:
        self._detail(p, "INT").update(min=min, max=max, step=step)

    def obs_property_button_set_type(self, p: Handle, type: int) -> None:  # noqa: A002 - OBS's name
        self._detail(p, "BUTTON")["type"] = type

    def obs_property_button_set_url(self, p: Handle, url: str) -> None:
        self._detail(p, "BUTTON")["url"] = url

    def obs_property_list_clear(self, p: Handle) -> None:
        self._items(p).clear()

    def obs_property_list_add_string(self, p: Handle, name: str, val: str | None) -> int:
        items = self._items(p)
        items.append((name, val))
        return len(items) - 1

    def obs_property_list_add_int(self, p: Handle, name: str, val: int) -> int:
        items = self._items(p)
        items.append((name, val))
        return len(items) - 1

    def obs_property_list_item_count(self, p: Handle) -> int:
        return len(self._items(p))

    def obs_property_list_item_name(self, p: Handle, idx: int) -> str:
        return self._items(p)[idx][0]

    def obs_property_list_item_string(self, p: Handle, idx: int) -> str | None:
        value = self._items(p)[idx][1]
        return value if isinstance(value, str) else None

    def _add(self, props: Handle, name: str, kind: str, description: str | None, **detail: Any) -> Handle:
        panel = self._ledger.get(props, Properties)
        if panel.top().find(name) is not None:
            raise self._recorder.violation(f"property {name!r} exists already: OBS gives NULL")
        prop = Property(name, CONSTANTS[f"OBS_PROPERTY_{kind}"], description, detail)
        panel.own.append(prop)
        return self._ledger.borrow(prop)

    def _detail(self, p: Handle, kind: str) -> dict[str, Any]:
        prop = self._ledger.get(p, Property)
        if prop.kind != CONSTANTS[f"OBS_PROPERTY_{kind}"]:
            raise self._recorder.violation(f"property {prop.name!r} is not of kind {kind}")
        return prop.detail

    def _items(self, p: Handle) -> list[tuple[str, Any]]:
        self._detail(p, "LIST")
        return self._ledger.get(p, Property).items
