"""The box "Actions": each action on or off, and how often a minute."""

from clawcraft.panel import fields
from clawcraft.panel.context import Context
from clawcraft.panel.rows import Rows, View, environment_origin

_A_MINUTE = " a minute"


class ActionsSection:
    """Switches and limits. They are parts of two settings that list actions; where the environment sets such a list,
    the list is shown instead."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def add(self, top: Rows) -> None:
        rows = top.group("actions", "Actions")
        switches, limits = environment_origin(fields.DISABLED), environment_origin(fields.OWN_LIMITS)
        rows.info("actions_off", "Switched off", switches)
        rows.info("actions_policy", "Policies", environment_origin(fields.POLICY))
        if not switches:
            for each in fields.ACTIONS:
                rows.switch(each.switch_key, f"The agent may {each.action.label}")
        rows.field(fields.RATE)
        rows.info("actions_limits", "Own limits", limits)
        if not limits:
            rows.info("actions_hint", "Of one action", "0 means: the limit above")
            for each in fields.ACTIONS:
                rows.number(each.limit_key, each.action.label.capitalize(), 0, fields.LARGEST_LIMIT, _A_MINUTE)

    def update(self, view: View) -> None:
        """Nothing here changes by itself."""
