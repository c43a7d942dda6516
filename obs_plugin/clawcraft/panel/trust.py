"""The box "Scene collection": what this collection says that does not count, and the button that makes it count.

OBS keeps a script's settings in the scene collection, which people share: it must not be able to open the service, to
send Twitch's tokens elsewhere, or to bring secrets of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from clawcraft.obs.script_ui import Box, Button, Info
from clawcraft.panel.fields import FIELDS
from clawcraft.panel.status import AMBER, dot, escape
from clawcraft.panel.steps import Steps
from clawcraft.service import Service

_LABELS: Final = {field.name: field.label for field in FIELDS}


class CollectionTrust:
    """``ignored`` names what the collection said when the script was loaded, and what may not come from there."""

    def __init__(self, service: Service, writes: Steps, ignored: Sequence[str]) -> None:
        self._service = service
        self._writes = writes
        self._ignored = ignored
        self._asked: Mapping[str, str] = {}
        self._problem = ""
        if ignored:
            service.obs.log(f"ignored, since a scene collection may not set it: {', '.join(ignored)}")

    def box(self) -> Box:
        # What the button confirms is what was shown: nothing may come in between.
        self._asked, confirmed = self._service.unconfirmed, self._service.confirmed.values()
        ignored = f"{dot(AMBER)}ignored: {escape(', '.join(self._ignored))}" if self._ignored else ""
        asked = f"{dot(AMBER)}not in force until you confirm it: {_listed(self._asked)}" if self._asked else ""
        rows = (
            Info("trust_ignored", "", ignored),
            Info("trust_asked", "", asked),
            Button("trust_confirm", "Confirm: I want this on this machine", self._confirm, visible=bool(asked)),
            Info("trust_confirmed", "Confirmed here", _listed(confirmed)),
            Button("trust_withdraw", "Serve this machine only again", self._withdraw, visible=bool(confirmed)),
            Info("trust_problem", "", escape(self._problem)),
        )
        return Box("group_trust", "Scene collection", rows, bool(ignored or asked or confirmed))

    def _confirm(self) -> None:
        self._keep({**self._service.confirmed.values(), **self._asked})

    def _withdraw(self) -> None:
        self._keep({})

    def _keep(self, values: Mapping[str, str]) -> None:
        def write() -> None:
            try:
                self._service.confirmed.confirm(values)
                self._problem = ""
            except OSError as error:
                self._problem = f"this could not be kept: {error.strerror or error}"
            self._service.secrets_changed()

        self._writes.submit(write)


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{escape(_LABELS[name])} <b>{escape(value)}</b>" for name, value in values.items())
