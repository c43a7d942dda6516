"""Settings: obs_data_t and obs_data_array_t. Any thread, as in OBS."""

import json
from typing import Any, ClassVar, Union

from obs_mock.handles import Handle, Ledger

Value = Union[str, int, float, bool, "Data", "DataArray"]


class Data:
    """Values the user set, and the defaults below them."""

    c_type: ClassVar[str] = "obs_data_t *"

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values: dict[str, Value] = {}
        self.defaults: dict[str, Value] = {}
        self.apply(values or {})

    def apply(self, values: dict[str, Any]) -> None:
        """Take over JSON values. OBS has no null: such a value is left out."""
        for name, value in values.items():
            if isinstance(value, dict):
                self.values[name] = Data(value)
            elif isinstance(value, list):
                self.values[name] = DataArray([Data(item) for item in value])
            elif value is not None:
                self.values[name] = value

    def to_dict(self) -> dict[str, Any]:
        """What OBS saves: the user's values without the defaults."""
        return {name: _plain(value) for name, value in sorted(self.values.items())}

    def get(self, name: str) -> Value | None:
        return self.values.get(name, self.defaults.get(name))


class DataArray:
    """A list of obs_data_t."""

    c_type: ClassVar[str] = "obs_data_array_t *"

    def __init__(self, items: list[Data] | None = None) -> None:
        self.items = list(items or [])


def _plain(value: Value) -> Any:
    if isinstance(value, Data):
        return value.to_dict()
    if isinstance(value, DataArray):
        return [item.to_dict() for item in value.items]
    return value


class DataApi:
    """``obs_data_*``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def obs_data_create(self) -> Handle:
        return self._ledger.take(Data())

    def obs_data_create_from_json(self, json_string: str) -> Handle:
        return self._ledger.take(Data(json.loads(json_string)))

    def obs_data_addref(self, data: Handle) -> None:
        self._ledger.take(self._data(data))

    def obs_data_release(self, data: Handle | None) -> None:
        self._ledger.release(data, Data)

    def obs_data_get_json(self, data: Handle) -> str:
        return json.dumps(self._data(data).to_dict(), ensure_ascii=False, separators=(",", ":"))

    def obs_data_erase(self, data: Handle, name: str) -> None:
        self._data(data).values.pop(name, None)
        self._data(data).defaults.pop(name, None)

    def obs_data_set_string(self, data: Handle, name: str, val: str | None) -> None:
        self._data(data).values[name] = val or ""

    def obs_data_set_int(self, data: Handle, name: str, val: int) -> None:
        self._data(data).values[name] = int(val)

    def obs_data_set_bool(self, data: Handle, name: str, val: bool) -> None:
        self._data(data).values[name] = val

    def obs_data_set_array(self, data: Handle, name: str, array: Handle) -> None:
        self._data(data).values[name] = self._ledger.get(array, DataArray)

    def obs_data_set_default_string(self, data: Handle, name: str, val: str | None) -> None:
        self._data(data).defaults[name] = val or ""

    def obs_data_set_default_int(self, data: Handle, name: str, val: int) -> None:
        self._data(data).defaults[name] = int(val)

    def obs_data_set_default_bool(self, data: Handle, name: str, val: bool) -> None:
        self._data(data).defaults[name] = val

    def obs_data_get_string(self, data: Handle, name: str) -> str:
        value = self._data(data).get(name)
        return value if isinstance(value, str) else ""

    def obs_data_get_int(self, data: Handle, name: str) -> int:
        value = self._data(data).get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def obs_data_get_bool(self, data: Handle, name: str) -> bool:
        return self._data(data).get(name) is True

    def obs_data_get_array(self, data: Handle, name: str) -> Handle | None:
        found = self._data(data).get(name)
        return self._ledger.take(found) if isinstance(found, DataArray) else None

    def obs_data_array_create(self) -> Handle:
        return self._ledger.take(DataArray())

    def obs_data_array_release(self, array: Handle | None) -> None:
        self._ledger.release(array, DataArray)

    def obs_data_array_count(self, array: Handle | None) -> int:
        return 0 if array is None else len(self._ledger.get(array, DataArray).items)

    def _data(self, handle: Handle) -> Data:
        return self._ledger.get(handle, Data)
