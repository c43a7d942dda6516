"""The box "Actions": what the agent may do unasked, what only after a yes, what not at all; and how often.

What is chosen counts at once and is kept on this machine, never in the scene collection. Limits are part of one setting
that lists actions; where the environment sets such a list, the list is shown instead.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.authority.policy import ChosenPolicies
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
        self._unnoted: dict[str, str] = {}
        self._take_over(raw)
        settings.erase(*map(fields.old_switch_key, ACTIONS))

    def changed(self, raw: Mapping[str, Any]) -> None:
        """script_update: take over what was chosen, and leave none of it in the settings: it would look chosen anew at
        the next edit, when the operator page may long have chosen otherwise."""
        chosen = {action: str(raw[key]) for action in ACTIONS if (key := fields.policy_key(action)) in raw}
        self._settings.erase(*map(fields.policy_key, chosen))
        self._choose({action.name: Policy(text) for action, text in chosen.items()})

    def rows(self) -> Iterator[Row]:
        self._note()
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

    def _take_over(self, raw: Mapping[str, Any]) -> None:
        """What version 0.1.0 kept in the scene collection and is off still counts, until something is kept on this
        machine: any later collection may be somebody else's. What is on opens nothing, and a stop is the safe
        direction."""
        if os.access(self._service.data_dir / ChosenPolicies.FILE_NAME, os.F_OK):  # which never raises
            return
        old = [each for each in ACTIONS if raw.get(fields.old_switch_key(each)) is False and not each.supersedes]
        if old:
            names = ", ".join(action.name for action in old)
            self._service.obs.log(f"switched off, as the scene collection has it from version 0.1.0: {names}")
            self._choose({action.name: Policy.OFF for action in old})

    def _choose(self, policies: Mapping[str, Policy]) -> None:
        if policies:
            self._service.policies.choose(policies)
            self._writes.submit(self._service.policies.save)
            self._unnoted |= {name: str(each) for name, each in policies.items()}
            self._note()

    def _note(self) -> None:
        """What was chosen before there was an audit trail is noted at the next look at the panel."""
        if self._unnoted and self._service.assembly is not None:
            noted, self._unnoted = self._unnoted, {}
            self._service.note("policies", **noted)
