"""The box "Actions": what the agent may do unasked, what only after a yes, what not at all; and how often.

What is chosen counts at once and is kept on this machine, never in the scene collection. Limits are part of one setting
that lists actions; where the environment sets such a list, the list is shown instead.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.obs.script_ui import Choice, Info, Number, Row, ScriptSettings
from clawcraft.panel import fields
from clawcraft.panel.fields import environment_origin, rows_of
from clawcraft.panel.status import AMBER, coloured
from clawcraft.panel.steps import Steps
from clawcraft.service import Service
from clawcraft.settings import MAX_PER_MIN

_CHOICES: Final = (("Allow", Policy.ALLOW), ("Ask me first", Policy.ASK), ("Off", Policy.OFF))


class Actions:
    """``raw`` is what the scene collection said when the script was loaded."""

    def __init__(self, service: Service, settings: ScriptSettings, writes: Steps, raw: Mapping[str, Any]) -> None:
        self._service = service
        self._settings = settings
        self._writes = writes
        # Version 0.1.0 kept its switches there. One that is off still counts; one that is on opens nothing.
        old = [action for action in ACTIONS if raw.get(fields.old_switch_key(action)) is False]
        self._choose({a.name: Policy.OFF for a in old if service.policies.get(a.name) is None})
        settings.erase(*map(fields.old_switch_key, ACTIONS))

    def changed(self, raw: Mapping[str, Any]) -> None:
        """script_update: take over what was chosen, and leave none of it in the settings: it would look chosen anew at
        the next edit, when the operator page may long have chosen otherwise."""
        chosen = {action: str(raw[key]) for action in ACTIONS if (key := fields.policy_key(action)) in raw}
        self._settings.erase(*map(fields.policy_key, chosen))
        self._choose({action.name: Policy(text) for action, text in chosen.items()})

    def rows(self) -> Iterator[Row]:
        policies = self._service.policies
        given = {} if self._service.settings is None else self._service.settings.given_policies
        yield Info("actions_off", "Switched off", environment_origin(fields.DISABLED))
        yield Info("actions_policy", "Policies", environment_origin(fields.POLICY))
        for action in ACTIONS:
            chosen = policies.get(action.name) or action.policy
            choices = [(label, str(policy)) for label, policy in _CHOICES]
            label = f"The agent wants to {action.label}"
            visible = action.name not in given
            yield Choice(fields.policy_key(action), label, choices, chosen=str(chosen), visible=visible)
        yield Info("actions_scopes", "", coloured(AMBER, self._missing()))
        yield Info("actions_problem", "", coloured(AMBER, policies.problem))
        yield from rows_of(fields.RATE, "")
        limits = environment_origin(fields.OWN_LIMITS)
        yield Info("actions_limits", "Own limits", limits)
        if not limits:
            yield Info("actions_hint", "Of one action", "0 means: the limit above")
            for action in ACTIONS:
                yield Number(fields.limit_key(action), action.label.capitalize(), 0, MAX_PER_MIN, " a minute")

    def _missing(self) -> str:
        """What is on and cannot work: the login was made before it was switched on."""
        assembly = self._service.assembly
        missing = [] if assembly is None else assembly.twitch.status()["scopes_missing"]
        labels = [BY_NAME[name].label for each in missing for name in each["blocks"] if name in BY_NAME]
        if not labels:
            return ""
        return f"The Twitch login does not cover this yet: {', '.join(labels)}. Press Connect Twitch again."

    def _choose(self, policies: Mapping[str, Policy]) -> None:
        if policies:
            self._service.policies.choose(policies)
            self._writes.submit(self._service.policies.save)
            self._service.note("policies", **{name: str(each) for name, each in policies.items()})
