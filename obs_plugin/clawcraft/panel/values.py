"""Between the script's settings, as OBS keeps and saves them, and the values the service understands.

OBS writes a script's settings to the scene collection in plain text, at moments of its own choosing, also while
somebody types. So no secret goes from here to the service, and ``erase_secrets`` takes them out right before a save.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from clawcraft.panel.fields import ACTIONS, BY_NAME, DISABLED, FIELDS, OWN_LIMITS, POLICY, SECRETS, Field, Kind
from clawcraft.settings import SECRET_NAMES

SHOWN_TOKEN: Final = "shown_token"
KEEP_PAUSED: Final = "keep_paused"
HOTKEY: Final = "pause_hotkey"
NEVER_SAVED: Final = (SHOWN_TOKEN, *(name.lower() for name in SECRET_NAMES))


def set_defaults(obs: ModuleType, settings: Any) -> None:
    """Give OBS the default of each field, so that an untouched field shows what is in force."""
    for field in FIELDS:
        default = field.setting.default
        if field.kind is Kind.NUMBER:
            obs.obs_data_set_default_int(settings, field.key, default)
        elif field.kind is Kind.FLAG:
            obs.obs_data_set_default_bool(settings, field.key, default)
        elif field.kind is not Kind.SECRET:
            obs.obs_data_set_default_string(settings, field.key, str(default))
    for each in ACTIONS:
        obs.obs_data_set_default_bool(settings, each.switch_key, each.on_at_first)
        obs.obs_data_set_default_int(settings, each.limit_key, 0)
    obs.obs_data_set_default_bool(settings, KEEP_PAUSED, False)


def service_values(raw: Mapping[str, Any]) -> dict[str, object]:
    """The panel's values by the lower-case names of SETTINGS; without secrets, and without what is the panel's own."""
    values: dict[str, object] = {
        name.lower(): raw[name.lower()] for name, row in BY_NAME.items() if not row.secret and name.lower() in raw
    }
    off = [each.action.name for each in ACTIONS if each.on_at_first and raw.get(each.switch_key) is False]
    if off:
        values[DISABLED.key] = ",".join(off)
    on = [f"{each.action.name}=allow" for each in ACTIONS if not each.on_at_first and raw.get(each.switch_key) is True]
    if on:
        values[POLICY.key] = ",".join(on)
    limits = [f"{each.action.name}={raw[each.limit_key]}" for each in ACTIONS if raw.get(each.limit_key)]
    if limits:
        values[OWN_LIMITS.key] = ",".join(limits)
    return values


def typed_secrets(raw: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the fields of secrets now, by the name of the setting; empty text where it was deleted."""
    return {field.name: str(raw[field.key]).strip() for field in SECRETS if field.key in raw}


def erase_secrets(obs: ModuleType, settings: Any) -> None:
    """Take every secret out of ``settings``; called in script_save, before OBS reads them."""
    for key in NEVER_SAVED:
        obs.obs_data_erase(settings, key)


def problem(field: Field, text: str) -> str:
    """What is wrong with ``text`` in this field, or an empty string. Empty text means 'not set'."""
    if not text.strip():
        return ""
    try:
        field.setting.parse(text)
    except ValueError as error:
        return f"{field.label} {error}"
    return ""
