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
    items: list[tuple[str, Any]] = field(default_factory=list)
    group: "Properties | None" = None
    clicked: Callback | None = None
    modified: Callback | None = None


class Properties:
    """A panel, or a group of one."""

    c_type: ClassVar[str] = "obs_properties_t *"

    def __init__(self) -> None:
        self.own: dict[str, Property] = {}
        self.parent: Properties | None = None

    def __iter__(self) -> Iterator[Property]:
        """All of it, groups' contents included."""
        for prop in self.own.values():
            yield prop
            if prop.group is not None:
                yield from prop.group

    def find(self, name: str) -> Property | None:
        if (found := self.own.get(name)) is not None:
            return found
        groups = (prop.group.find(name) for prop in self.own.values() if prop.group is not None)
        return next((found for found in groups if found is not None), None)

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

    def obs_properties_get(self, props: Handle, property: str) -> Handle | None:  # noqa: A002 - OBS's name
        found = self._ledger.get(props, Properties).find(property)
        return None if found is None else self._ledger.borrow(found)

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
        return self._add(props, name, "INT", description, min=min, max=max, step=step)

    def obs_properties_add_text(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
    ) -> Handle:
        return self._add(props, name, "TEXT", description, type=type)

    def obs_properties_add_list(
        self,
        props: Handle,
        name: str,
        description: str | None,
        type: int,  # noqa: A002 - OBS's name
        format: int,  # noqa: A002 - OBS's name
    ) -> Handle:
        return self._add(props, name, "LIST", description, type=type, format=format)

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
        handle = self._add(props, name, "BUTTON", text)
        self._ledger.get(handle, Property).clicked = clicked
        return handle

    def obs_property_set_modified_callback(self, p: Handle, modified: object, /) -> None:
        prop = self._ledger.get(p, Property)
        prop.modified = self._scripting.add(modified, f"modified {prop.name}", "obs_property_set_modified_callback")

    def obs_property_set_visible(self, p: Handle, visible: bool) -> None:
        self._ledger.get(p, Property).visible = visible

    def obs_property_set_description(self, p: Handle, description: str | None) -> None:
        self._ledger.get(p, Property).description = description

    def obs_property_set_long_description(self, p: Handle, long_description: str | None) -> None:
        self._ledger.get(p, Property).long_description = long_description

    def obs_property_name(self, p: Handle) -> str:
        return self._ledger.get(p, Property).name

    def obs_property_int_set_suffix(self, p: Handle, suffix: str | None) -> None:
        self._of_kind(p, "INT").detail["suffix"] = suffix

    def obs_property_list_clear(self, p: Handle) -> None:
        self._of_kind(p, "LIST").items.clear()

    def obs_property_list_add_string(self, p: Handle, name: str, val: str | None) -> int:
        items = self._of_kind(p, "LIST").items
        items.append((name, val))
        return len(items) - 1

    def _add(self, props: Handle, name: str, kind: str, description: str | None, **detail: Any) -> Handle:
        panel = self._ledger.get(props, Properties)
        if panel.top().find(name) is not None:
            raise self._recorder.violation(f"property {name!r} exists already: OBS gives NULL")
        prop = Property(name, CONSTANTS[f"OBS_PROPERTY_{kind}"], description, detail)
        panel.own[name] = prop
        return self._ledger.borrow(prop)

    def _of_kind(self, p: Handle, kind: str) -> Property:
        prop = self._ledger.get(p, Property)
        if prop.kind != CONSTANTS[f"OBS_PROPERTY_{kind}"]:
            raise self._recorder.violation(f"property {prop.name!r} is not of kind {kind}")
        return prop
