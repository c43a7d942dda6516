"""The secrets in the panel: the agent's token to show or replace, and secrets that are typed.

A typed secret goes to the secret store when the streamer presses Store, never before: ``script_update`` comes at each
keystroke, and half a secret must not count. Until then it is kept here in memory, since OBS may save, and so erase it
from the settings, in the middle of the typing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft.panel import fields
from clawcraft.panel.context import Context
from clawcraft.panel.fields import Field
from clawcraft.panel.rows import Rows, View, environment_origin, escape
from clawcraft.panel.values import SHOWN_TOKEN, problem
from clawcraft.secrets import Secret, SecretStoreError, new_token
from clawcraft.settings import SECRET_NAMES

TOKEN: Final = "TOOL_SERVICE_TOKEN"
_TOKEN_FIELD: Final = fields.ACCESS[0]
_ASK: Final = "Make a new token"
_SURE: Final = "Press again: the agent's present token will stop working"


class TypedSecrets:
    """What is typed and not stored yet, by the name of the setting; and the last word on the store."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._typed: dict[str, Secret] = {}
        self.notes: dict[str, str] = {}

    def note(self, typed: Mapping[str, str]) -> None:
        """Take over what stands in the fields now; a field that OBS's save erased keeps its text here."""
        for name, text in typed.items():
            self._typed.pop(name, None)
            if text:
                self._typed[name] = Secret(text)

    def waiting(self, name: str) -> bool:
        return name in self._typed

    def problem(self, field: Field) -> str:
        """What is wrong with what is typed, which keeps it from being stored."""
        secret = self._typed.get(field.name)
        return problem(field, secret.reveal()) if secret is not None else ""

    def store(self, chosen: tuple[Field, ...]) -> None:
        """Store the valid ones of ``chosen`` and empty their fields."""
        changes: dict[str, Secret | None] = {}
        for field in chosen:
            secret = self._typed.get(field.name)
            if secret is not None and not self.problem(field):
                del self._typed[field.name]
                self._context.obs.obs_data_erase(self._context.settings, field.key)
                changes[field.name] = secret
        if changes:
            self.put(changes)

    def adopt(self, raw: Mapping[str, Any]) -> None:
        """Secrets that somebody wrote into the scene collection move to the store; the next save erases them there."""
        found = {name: str(raw[name.lower()]).strip() for name in SECRET_NAMES if raw.get(name.lower())}
        if found:
            self.put({name: Secret(text) for name, text in found.items()})
        for name in found:
            self._context.obs.obs_data_erase(self._context.settings, name.lower())

    def put(self, changes: Mapping[str, Secret | None]) -> None:
        """Change the secret store in the background; the service then reads it again."""
        service = self._context.service
        for name, secret in changes.items():
            self.notes[name] = "being stored" if secret else "being removed"

        def write() -> None:
            try:
                service.secrets.update(changes)
            except SecretStoreError as error:
                self.notes.update(dict.fromkeys(changes, str(error)))
                return
            for name in changes:
                self.notes.pop(name, None)
            service.secrets_changed()

        self._context.background.submit(write)


class SecretRows:
    """The rows of typed secrets: each field, what is known of it, and the button that removes it."""

    def __init__(self, context: Context, typed: TypedSecrets, chosen: tuple[Field, ...], button: str) -> None:
        self._context = context
        self._typed = typed
        self._chosen = chosen
        self._button = button

    def add(self, rows: Rows) -> None:
        for field in self._chosen:
            rows.field(field)
            rows.info(f"{field.key}_known")
            rows.button(f"{field.key}_remove", f"Remove the {field.label.lower()}", self._remover(field))
        rows.button(f"{self._button}_store", "Store what is typed above", lambda: self._typed.store(self._chosen))

    def update(self, view: View) -> None:
        editable = any(not environment_origin(field) for field in self._chosen)
        view.show(f"{self._button}_store", editable)
        for field in self._chosen:
            view.problem(field, self._typed.problem(field))
            view.info(f"{field.key}_known", self._known(field))
            view.show(f"{field.key}_remove", field.name != TOKEN and self._origin(field.name) == "secret store")

    def _known(self, field: Field) -> str:
        if self._typed.waiting(field.name):
            return "typed, not stored yet: press Store"
        note = self._typed.notes.get(field.name, "")
        if not note and self._origin(field.name) == "secret store" and field.name != TOKEN:
            note = "one is stored"
        return escape(note)

    def _origin(self, name: str) -> str:
        settings = self._context.service.settings
        return settings.origins[name] if settings is not None else ""

    def _remover(self, field: Field) -> Callable[[], None]:
        return lambda: self._typed.put({field.name: None})


class AccessSection:
    """The box "Agent access"."""

    def __init__(self, context: Context, typed: TypedSecrets) -> None:
        self._context = context
        self._typed = typed
        self._secrets = SecretRows(context, typed, fields.ACCESS, "access")
        self._shown = False
        self._sure_for_redraws = 0

    def add(self, top: Rows) -> None:
        rows = top.group("access", "Agent access")
        rows.info("token_place", "Token")
        rows.text(SHOWN_TOKEN, "Token to copy", self._context.obs.OBS_TEXT_DEFAULT)
        rows.button("token_show", "", self._toggle)
        rows.button("token_new", _ASK, self._new_token)
        self._secrets.add(rows)
        rows.field(fields.TIMESTAMP)

    def update(self, view: View) -> None:
        obs, settings = self._context.obs, self._context.service.settings
        given = environment_origin(_TOKEN_FIELD)
        view.info("token_place", given or f"kept in {escape(self._context.service.secrets.path)}")
        shown = self._shown and settings is not None
        # As a default, which OBS does not save, and erased before each save besides.
        token = settings.service_token.reveal() if shown and settings is not None else ""
        obs.obs_data_erase(self._context.settings, SHOWN_TOKEN)
        obs.obs_data_set_default_string(self._context.settings, SHOWN_TOKEN, token)
        view.show(SHOWN_TOKEN, shown)
        view.label("token_show", "Hide the token" if shown else "Show the token")
        view.show("token_show", settings is not None)
        # Sure means: this button twice in a row, with nothing but its own redraw in between.
        self._sure_for_redraws = max(0, self._sure_for_redraws - 1)
        view.label("token_new", _SURE if self._sure_for_redraws else _ASK)
        view.show("token_new", settings is not None and not given)
        self._secrets.update(view)

    def _toggle(self) -> None:
        self._shown = not self._shown

    def _new_token(self) -> None:
        if not self._sure_for_redraws:
            self._sure_for_redraws = 2
            return
        self._sure_for_redraws = 0
        self._typed.put({TOKEN: new_token()})
