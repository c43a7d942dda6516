"""What a start needs and may lack: the Python packages, and the script's place in each scene collection. Each box is
there only while something is to do. The work is done by the project's own tools, in a process of their own."""

import time
from typing import Final

from clawcraft import dependencies
from clawcraft.obs.script_ui import Box, Button, Info
from clawcraft.panel.background import INSTALLER, OTHER_COLLECTIONS, Background
from clawcraft.panel.status import AMBER, GREEN, RED, dot, escape
from clawcraft.service import Service

_CHECK_EVERY_S: Final = 10.0
_ERROR: Final = "error: "
_ANSWERED: Final = (0, 3)
"""The exit statuses with which ``other_collections.py`` names collections: all is well, or some were left alone."""


class Packages:
    """Missing packages, installed at a click for the Python that OBS embeds."""

    def __init__(self, service: Service, background: Background) -> None:
        self._service = service
        self._background = background
        self._running = False
        self._line = ""

    def box(self) -> Box:
        missing = self._service.view.missing
        rows = (
            Info("packages_missing", "", f"{escape(', '.join(missing))}, for Python {dependencies.python_version()}"),
            Info("packages_progress", "", self._line),
            Button("packages_install", "Look again" if self._running else "Install them", self._install),
        )
        return Box("group_packages", "Missing Python packages", rows, bool(missing) or self._running)

    def _install(self) -> None:
        if self._running:
            return
        self._running = True
        self._line = f"{dot(AMBER)}installing, which takes a minute; press Look again"
        self._background.submit(self._run)

    def _run(self) -> None:
        def progress(line: str) -> None:
            self._line = f"{dot(AMBER)}{escape(line)}"

        try:
            status, lines = self._background.run_tool(
                INSTALLER, "--deps-only", "--python-version", dependencies.python_version(), progress=progress
            )
            text = "<br>".join(map(escape, lines[-6:]))
            self._line = f"{dot(RED)}{text}" if status else f"{dot(GREEN)}installed; the service starts by itself"
            if not status:
                self._service.secrets_changed()
        except OSError as error:
            self._line = f"{dot(RED)}{escape(error)}"
        finally:
            self._running = False


class OtherCollections:
    """Scene collections that do not list the script: switching to one would end the service without a word."""

    def __init__(self, service: Service, background: Background) -> None:
        self._service = service
        self._background = background
        self._lacking: tuple[str, ...] = ()
        self._problem = ""
        self._checked_at_s: float | None = None

    def box(self) -> Box:
        self._check()
        names = ", ".join(f"<b>{escape(name)}</b>" for name in self._lacking)
        text = f"{dot(AMBER)}Not in {names}: OBS ends the service when it switches there." if names else ""
        rows = (
            Info("collections_lacking", "", "<br>".join(filter(None, (text, escape(self._problem))))),
            Button("collections_add", "Add the script to them", self._submit, visible=bool(names)),
        )
        return Box("group_collections", "Scene collections", rows, bool(names or self._problem))

    def _check(self) -> None:
        """Look again, unless that was just done; the answer shows at the redraw after it."""
        now_s = time.monotonic()
        if self._checked_at_s is None or now_s - self._checked_at_s > _CHECK_EVERY_S:
            self._checked_at_s = now_s
            self._submit("--check")

    def _submit(self, *option: str) -> None:
        # Asked here, on the UI thread.
        in_use = self._service.obs.scene_collection()
        folder = str(self._service.data_dir.parents[1])

        def run() -> None:
            arguments = ("--obs-config-dir", folder, "--in-use", in_use, *option)
            try:
                status, lines = self._background.run_tool(OTHER_COLLECTIONS, *arguments)
            except OSError as error:
                self._problem = str(error)
                return
            if status not in _ANSWERED:
                self._problem = f"the other scene collections cannot be looked at: {(lines or ['no reason given'])[-1]}"
                self._lacking = ()
                return
            self._problem = "; ".join(line for line in lines if line.startswith(_ERROR))
            lacking = tuple(line for line in lines if not line.startswith(_ERROR))
            self._lacking = lacking if option else ()

        self._background.submit(run)
