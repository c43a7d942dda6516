"""The secrets in the panel: the agent's token to copy, show or replace, and secrets that are typed.

A typed secret goes to the secret store when the streamer presses Store, never before: ``script_update`` comes at each
keystroke, and half a secret must not count. Until then it is kept here in memory, since OBS may save, and so erase it
from the settings, in the middle of the typing.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from clawcraft.authority.agent_file import AgentFileError
from clawcraft.obs.script_ui import Box, Button, Copy, Info, Row, ScriptSettings, ScriptUi
from clawcraft.panel.fields import (
    HANDOVER,
    SECRETS,
    SHOWN_TOKEN,
    SIGNATURE,
    TIMESTAMP,
    TOKEN,
    Field,
    environment_origin,
    rows_of,
)
from clawcraft.panel.handover import Handover, text_for_agent
from clawcraft.panel.press_again import PressAgain
from clawcraft.panel.status import escape, moment
from clawcraft.panel.steps import Steps
from clawcraft.secrets import Secret, SecretStoreError, new_token
from clawcraft.service import Phase, Service

_ASK: Final = "Make a new token"
_SURE: Final = "Press again: the agent's present token will stop working"
_OWN_TOKEN: Final = "It may do all that you allow any agent; the text of a named one is under Agents, when it is added."
_ROTATE: Final = "Make a new token; the present one works for one more day"
OVERLAP_S: Final = 86_400.0


class TypedSecrets:
    """What is typed and not stored yet, by the name of the setting; and what is being done with the store."""

    def __init__(self, service: Service, settings: ScriptSettings, writes: Steps) -> None:
        self._service = service
        self._settings = settings
        self._writes = writes
        self._typed: dict[str, Secret] = {}
        self._notes: dict[str, str] = {}

    def note(self, raw: Mapping[str, Any]) -> None:
        """Take over what stands in the fields now; a field that OBS's save erased keeps its text here."""
        for field in SECRETS:
            if field.key in raw:
                self._typed.pop(field.name, None)
                if text := str(raw[field.key]).strip():
                    self._typed[field.name] = Secret(text)

    def put(self, changes: Mapping[str, Secret | None]) -> None:
        """Change the secret store, not on this thread; the service then reads it again."""

        def write() -> None:
            self._service.secrets.update(changes)
            if TOKEN.name in changes:
                self._service.note("new token")
                self._end_former()

        if changes:
            notes = {name: "being stored" if secret else "being removed" for name, secret in changes.items()}
            self._submit(write, notes)

    def _end_former(self) -> None:
        """Whoever makes or types a new token wants all others out. Behind the store: what keeps the former ones from
        ending must not keep the present one."""
        try:
            self._service.agents.end_service_overlap()
        except AgentFileError as error:
            raise AgentFileError(f"it is new, but one from before a rotation may still work: {error}") from error

    def rotate_token(self, old: Secret) -> None:
        """A new token of the service, not on this thread; ``old`` stays good for OVERLAP_S."""

        def write() -> None:
            new, now_s = new_token(), time.time()
            self._service.agents.rotate_service(old, new, now_s + OVERLAP_S, now_s)
            self._service.secrets.update({TOKEN.name: new})
            self._service.note("new token", overlap="1 day")

        self._submit(write, {TOKEN.name: "being stored"})

    def _submit(self, write: Callable[[], None], notes: Mapping[str, str]) -> None:
        """Write, not on this thread; ``notes`` say until then, by setting, what is being done, and why it failed."""
        self._notes |= notes

        def run() -> None:
            try:
                write()
            except (AgentFileError, SecretStoreError) as error:
                self._notes |= dict.fromkeys(notes, str(error))
            else:
                for name in notes:
                    self._notes.pop(name, None)
            self._service.secrets_changed()

        self._writes.submit(run)

    def rows(self, name: str, *chosen: Field) -> Iterator[Row]:
        """Each field, what is known of it, and the button that removes it; then the button that stores them all."""
        for field in chosen:
            secret = self._typed.get(field.name)
            yield from rows_of(field, secret.reveal() if secret else "")
            stored = field is not TOKEN and self._origin(field) == "secret store"
            known = self._notes.get(field.name, "one is stored" if stored else "")
            yield Info(f"{field.key}_known", "", "typed, not stored yet: press Store" if secret else escape(known))
            remove = functools.partial(self.put, {field.name: None})
            yield Button(f"{field.key}_remove", f"Remove the {field.label.lower()}", remove, visible=stored)
        editable = not all(map(environment_origin, chosen))
        yield Button(f"{name}_store", "Store what is typed above", lambda: self._store(chosen), visible=editable)

    def _store(self, chosen: tuple[Field, ...]) -> None:
        """Store the valid ones of ``chosen`` and empty their fields."""
        typed = {field: self._typed[field.name] for field in chosen if field.name in self._typed}
        valid = {field: secret for field, secret in typed.items() if not field.problem(secret.reveal())}
        for field in valid:
            del self._typed[field.name]
            self._settings.erase(field.key)
        self.put({field.name: secret for field, secret in valid.items()})

    def _origin(self, field: Field) -> str:
        settings = self._service.settings
        return settings.origins[field.name] if settings is not None else ""


class Access:
    """The box "Agent access"."""

    def __init__(self, service: Service, ui: ScriptUi, secrets: TypedSecrets) -> None:
        self._service = service
        self._secrets = secrets
        self._shown = False
        self._renewal = PressAgain()
        self._handover = Handover(HANDOVER, ui, self._text, lambda: service.note("access copied"))

    def box(self) -> Box:
        settings, given = self._service.settings, environment_origin(TOKEN)
        known = settings is not None
        token = settings.service_token.reveal() if settings is not None and self._shown else ""
        asked = _SURE if self._renewal.asks_again() else _ASK
        assembly = self._service.assembly
        named = assembly is not None and bool(assembly.agents.all)
        rows = (
            *self._handover.rows(_OWN_TOKEN if named else "", soon=self._service.view.phase is Phase.STARTING),
            Info("token_place", "Token", given or f"kept in {escape(self._service.secrets.path)}"),
            Copy(SHOWN_TOKEN, "Token to copy", token, visible=bool(token)),
            Button("token_show", "Hide the token" if token else "Show the token", self._toggle, visible=known),
            Button("token_new", asked, self._new_token, visible=known and not given),
            Button("token_rotate", _ROTATE, self._rotate, visible=known and not given),
            Info("token_former", "Former token", self._former()),
            *self._secrets.rows("access", TOKEN, SIGNATURE),
            *rows_of(TIMESTAMP, ""),
        )
        return Box("group_access", "Agent access", rows)

    def _text(self) -> str:
        settings = self._service.settings
        return "" if settings is None else text_for_agent(settings, settings.service_token)

    def _toggle(self) -> None:
        self._shown = not self._shown

    def _former(self) -> str:
        assembly = self._service.assembly
        until_s = None if assembly is None else assembly.agents.service_overlap_until
        return "" if until_s is None else f"works until {moment(until_s)}"

    def _rotate(self) -> None:
        settings = self._service.settings
        if settings is not None:
            self._secrets.rotate_token(settings.service_token)

    def _new_token(self) -> None:
        if self._renewal.pressed():
            self._secrets.put({TOKEN.name: new_token()})
