"""The box "Guard rails": the bounds for agents, and what they come to now.

OBS's widgets edit the script's settings, which OBS saves in the scene collection; guard rails are kept on this machine
instead (kept_rails.py). So the fields show what is kept as if it were their default, which OBS does not save, and
what somebody types is taken over at once and erased before each save.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from clawcraft.obs.script_ui import Box, Info, Row, ScriptSettings
from clawcraft.panel.fields import RAILS, Field, rows_of
from clawcraft.panel.status import AMBER, dot, escape, local_time
from clawcraft.panel.steps import Steps
from clawcraft.service import Service

_HINT: Final = (
    "They hold for agents only, never for you, and in every scene collection of this machine; one from somebody else"
    " can neither loosen nor tighten them. Scenes are separated by semicolons, words by commas or spaces."
)


class RailFields:
    """Made in script_load, before anything is drawn."""

    def __init__(self, service: Service, settings: ScriptSettings, writes: Steps) -> None:
        self._service = service
        self._settings = settings
        self._writes = writes
        self._typed = dict(service.rails.values())
        """What stands in the fields, right or wrong."""
        self._problem = ""
        self.show()

    def show(self) -> None:
        """Leave nothing of the rails for OBS to save, and show them all the same."""
        for field in RAILS:
            self._settings.erase(field.key)
            self._settings.set_default(field.key, self._shown(field))

    def note(self, raw: Mapping[str, Any]) -> None:
        """script_update: take over what is typed; what is wrong counts once it is right."""
        typed = {field.name: str(raw[field.key]) for field in RAILS if field.key in raw}
        if typed.items() <= self._typed.items():
            return
        self._typed |= typed
        right = {name: text for name, text in typed.items() if not _BY_NAME[name].problem(text)}
        self._service.rails.take({**self._service.rails.values(), **right})
        self._service.secrets_changed()
        self._writes.submit(self.save)

    def save(self) -> None:
        """Not on OBS's UI thread."""
        try:
            self._service.rails.save()
            self._problem = ""
        except OSError as error:
            self._problem = f"they count until OBS ends, and could not be kept: {error.strerror or error}"

    def box(self) -> Box:
        return Box("group_rails", "Guard rails", tuple(self._rows()))

    def _rows(self) -> Iterator[Row]:
        yield Info("rails_hint", "", text=_HINT)
        for field in RAILS:
            yield from rows_of(field, self._typed.get(field.name, ""))
        assembly = self._service.assembly
        now = "" if assembly is None else _now(assembly.rails.status() | assembly.longest_stream.status())
        yield Info("rails_now", "Now", text=now)
        yield Info("rails_problem", "", text=f"{dot(AMBER)}{escape(self._problem)}" if self._problem else "")

    def _shown(self, field: Field) -> bool | int | str:
        """As the widget takes it."""
        row = field.setting
        text = self._typed.get(field.name, "")
        if isinstance(row.default, str):
            return text
        value = row.default if not text.strip() or field.problem(text) else row.value(text)
        return value if isinstance(value, bool | int) else 0


_BY_NAME: Final = {field.name: field for field in RAILS}


def _now(status: Mapping[str, Any]) -> str:
    """What the rails that are in force come to, as HTML; ``status`` as ``GET /status`` has it."""
    parts = []
    if status["stream_ends_at"]:
        parts.append(f"the agent's stream ends at <b>{escape(local_time(status['stream_ends_at']))}</b>")
    elif status["max_stream_minutes"]:
        parts.append(f"a stream that an agent starts ends after {status['max_stream_minutes']} minutes")
    if status["last_stream_ended_at"]:
        parts.append(f"the last one was ended at {escape(local_time(status['last_stream_ended_at']))}")
    if status["next_start_at"]:
        parts.append(f"no start by an agent before <b>{escape(local_time(status['next_start_at']))}</b>")
    if status["start_hours"]:
        parts.append(f"agents start at {escape(status['start_hours'])}")
    if status["starts_per_hour"]:
        parts.append(f"{status['starts_in_last_hour']} of {status['starts_per_hour']} starts in the last hour")
    if status["allowed_scenes"]:
        parts.append(f"scenes: {escape(', '.join(status['allowed_scenes']))}")
    parts += ["words are refused"] * status["refuses_words"] + ["links are refused"] * status["refuses_links"]
    return " · ".join(parts) or "none is set"
