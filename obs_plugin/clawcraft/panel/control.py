"""The box "Status": what is going on at a glance, and the switch that keeps the streamer in charge."""

from collections.abc import Mapping
from typing import Any

from clawcraft.panel.context import Context
from clawcraft.panel.rows import Rows, View
from clawcraft.panel.status import agent_line, error_line, obs_line, service_line, twitch_line
from clawcraft.panel.values import KEEP_PAUSED


class PauseControl:
    """The pause, for the button and the hotkey. Any thread."""

    def __init__(self, context: Context, raw: Mapping[str, Any]) -> None:
        self._service = context.service
        self._keep = bool(raw.get(KEEP_PAUSED))

    @property
    def paused(self) -> bool:
        assembly = self._service.assembly
        return assembly is not None and assembly.pause.paused

    def toggle(self) -> None:
        """At once: whoever presses this wants it now. The file of a kept pause is a few bytes."""
        assembly = self._service.assembly
        if assembly is not None:
            paused = assembly.pause.toggle(survive_restart=self._keep)
            self._service.obs.log("the agent is paused" if paused else "the agent may act again")

    def changed(self, raw: Mapping[str, Any]) -> None:
        """UI thread: the option was switched; it counts for a pause that is on, too."""
        keep, before = bool(raw.get(KEEP_PAUSED)), self._keep
        self._keep = keep
        assembly = self._service.assembly
        if keep != before and assembly is not None and assembly.pause.paused:
            assembly.pause.pause(survive_restart=keep)


class StatusSection:
    """Service, OBS, Twitch, agent; Refresh and Pause."""

    def __init__(self, context: Context, pause: PauseControl) -> None:
        self._service = context.service
        self._pause = pause

    def add(self, top: Rows) -> None:
        rows = top.group("status", "Status")
        rows.info("status_service", "Service")
        rows.info("status_obs", "OBS")
        rows.info("status_twitch", "Twitch")
        rows.info("status_agent", "Agent")
        rows.info("status_error", "Last error")
        rows.button("refresh", "Refresh", lambda: None)
        rows.button("pause", "", self._pause.toggle)
        rows.switch(KEEP_PAUSED, "A pause outlasts a restart of OBS")

    def update(self, view: View) -> None:
        service, assembly = self._service, self._service.assembly
        view.info("status_service", service_line(service.view))
        view.info("status_obs", obs_line(service.obs.snapshot()))
        view.info("status_twitch", twitch_line(assembly.twitch.status()) if assembly is not None else "")
        log = assembly.log if assembly is not None else None
        view.info("status_agent", agent_line(self._pause.paused, log.last_action) if log else "")
        # What failed last was often what an agent did last, which the line above tells already.
        failure = log.last_error if log and log.last_error is not log.last_action else None
        view.info("status_error", error_line(failure))
        view.label("pause", "Let the agent go on" if self._pause.paused else "Pause the agent")
        view.show("pause", assembly is not None)
