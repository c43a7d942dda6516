"""The box "The agent asks": the oldest question with its arguments whole, and the buttons that answer it.

A button answers what was drawn beside it, never what came since: OBS redraws a panel only after a press. The hotkeys
answer the oldest question, on OBS's hotkey thread.
"""

import functools
from typing import TYPE_CHECKING, Final

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.obs.script_ui import Box, Button, Info
from clawcraft.panel.status import AMBER, dot, escape
from clawcraft.service import Service

if TYPE_CHECKING:  # the panel is there when the packages that those need are not
    from clawcraft.authority.approval import Approvals, Question

PANEL: Final = "panel"
HOTKEY: Final = "hotkey"


class Questions:
    """What waits for the streamer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._drawn = ""
        """The job that the panel shows."""

    def box(self) -> Box:
        approvals = self._approvals
        questions = () if approvals is None else approvals.questions()
        first = questions[0] if questions else None
        self._drawn = first.job.id if first is not None else ""
        text = "" if first is None or approvals is None else _worded(first, approvals.remaining_s(first))
        asked = first is not None and first.begins_s is None
        more = f"{len(questions) - 1} more after this one" if len(questions) > 1 else ""
        label = "Deny" if asked else "Stop the countdown"
        rows = (
            Info("question", "", text),
            Button("question_allow", "Allow", functools.partial(self._allow, False), visible=asked),
            Button(
                "question_allow_show",
                "Allow this action for the rest of the show",
                functools.partial(self._allow, True),
                visible=asked and first is not None and first.for_show,
            ),
            Button("question_deny", label, self._deny, visible=first is not None),
            Info("question_more", "", more),
        )
        return Box("group_question", "The agent asks", rows, first is not None)

    def allow_oldest(self) -> None:
        if self._approvals is not None:
            self._approvals.allow(HOTKEY)

    def deny_oldest(self) -> None:
        if self._approvals is not None:
            self._approvals.deny(HOTKEY)

    @property
    def _approvals(self) -> "Approvals | None":
        assembly = self._service.assembly
        return None if assembly is None else assembly.approvals

    def _allow(self, for_show: bool) -> None:
        if self._approvals is not None and self._drawn:
            self._approvals.allow(PANEL, self._drawn, for_show=for_show)

    def _deny(self) -> None:
        if self._approvals is not None and self._drawn:
            self._approvals.deny(PANEL, self._drawn)


def _worded(question: "Question", remaining_s: float) -> str:
    """Who wants what, with every argument whole. None of them can begin a line of its own: see ``text.py``."""
    job = question.job
    wants = f"{dot(AMBER)}<b>{escape(job.agent_id)}</b> wants to <b>{escape(BY_NAME[job.action].label)}</b>"
    args = [f"{escape(name)}: <b>{escape(value)}</b>" for name, value in job.args.items()]
    if question.begins_s is None:
        ends = f"No answer within {remaining_s:.0f} s is a no. Press Refresh to see what is true now."
    else:
        ends = f"Allowed: begins in {remaining_s:.0f} s."
    return "<br>".join((wants, *args, ends))
