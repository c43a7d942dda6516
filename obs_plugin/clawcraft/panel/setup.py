"""What a start needs and may lack: the Python packages, and the script's place in each scene collection. Each box is
there only while something is to do. The work is done by the project's own tools, in a process of their own."""

import html
import time
from typing import Final

from clawcraft import dependencies
from clawcraft.panel.background import INSTALLER, OTHER_COLLECTIONS
from clawcraft.panel.context import Context
from clawcraft.panel.rows import AMBER, GREEN, RED, Rows, View, dot, escape

_CHECK_EVERY_S: Final = 10.0
_ERROR: Final = "error: "


class PackagesSection:
    """Missing packages, installed at a click for the Python that OBS embeds."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._running = False
        self._line = ""

    def add(self, top: Rows) -> None:
        rows = top.group("packages", "Missing Python packages")
        rows.info("packages_missing")
        rows.info("packages_progress")
        rows.button("packages_install", "Install them", self._install)

    def update(self, view: View) -> None:
        missing = self._context.service.view.missing
        view.show("group_packages", bool(missing) or self._running)
        view.info("packages_missing", f"{escape(', '.join(missing))}, for Python {dependencies.python_version()}")
        view.info("packages_progress", self._line)
        view.label("packages_install", "Look again" if self._running else "Install them")

    def _install(self) -> None:
        if self._running:
            return
        self._running = True
        self._line = f"{dot(AMBER)}installing, which takes a minute; press Look again"
        self._context.background.submit(self._run)

    def _run(self) -> None:
        def progress(line: str) -> None:
            self._line = f"{dot(AMBER)}{html.escape(line)}"

        try:
            status, lines = self._context.background.run_tool(
                INSTALLER, "--deps-only", "--python-version", dependencies.python_version(), progress=progress
            )
            text = "<br>".join(map(html.escape, lines[-6:]))
            self._line = f"{dot(RED)}{text}" if status else f"{dot(GREEN)}installed; the service starts by itself"
            if not status:
                self._context.service.secrets_changed()
        except OSError as error:
            self._line = f"{dot(RED)}{html.escape(str(error))}"
        finally:
            self._running = False


class CollectionsSection:
    """Scene collections that do not list the script: switching to one would end the service without a word."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lacking: tuple[str, ...] = ()
        self._problem = ""
        self._checked_at_s: float | None = None

    def add(self, top: Rows) -> None:
        rows = top.group("collections", "Scene collections")
        rows.info("collections_lacking")
        rows.button("collections_add", "Add the script to them", self._submit)
        self._check()

    def update(self, view: View) -> None:
        self._check()
        names = ", ".join(f"<b>{escape(name)}</b>" for name in self._lacking)
        text = f"{dot(AMBER)}Not in {names}: OBS ends the service when it switches there." if names else ""
        view.info("collections_lacking", "<br>".join(filter(None, (text, escape(self._problem)))))
        view.show("collections_add", bool(names))
        view.show("group_collections", bool(names or self._problem))

    def _check(self) -> None:
        """Look again, unless that was just done; the answer shows at the redraw after it."""
        now_s = time.monotonic()
        if self._checked_at_s is None or now_s - self._checked_at_s > _CHECK_EVERY_S:
            self._checked_at_s = now_s
            self._submit("--check")

    def _submit(self, *option: str) -> None:
        # Asked here, on the UI thread.
        in_use = str(self._context.obs.obs_frontend_get_current_scene_collection())
        folder = str(self._context.service.data_dir.parents[1])

        def run() -> None:
            arguments = ("--obs-config-dir", folder, "--in-use", in_use, *option)
            try:
                _status, lines = self._context.background.run_tool(OTHER_COLLECTIONS, *arguments)
            except OSError as error:
                self._problem = str(error)
                return
            self._problem = "; ".join(line for line in lines if line.startswith(_ERROR))
            lacking = tuple(line for line in lines if not line.startswith(_ERROR))
            self._lacking = lacking if option else ()

        self._context.background.submit(run)
