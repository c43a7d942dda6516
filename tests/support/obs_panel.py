"""OBS's Scripts window, driven as the streamer drives it: with the keyboard and the mouse. Test's own thread."""

import contextlib
import itertools
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.heard import KINDS
from clawcraft.panel.fields import hear_key, limit_key, policy_key
from tests.support.real_obs import RealObs
from tests.support.tool_client import ToolClient
from tests.support.waiting import HANG_S, TRY_AGAIN_S, insist, wait_until

ADD_BUTTON, CLOSE_BUTTON = (37, 687), (1225, 740)
"""In pixels from the window's left and top edge: the same in every OBS. The next is OBS 29's."""
RELOAD_BUTTON = (122, 687)
# What can have the focus, in the order of the Tab key; a password field has its Show button behind it.
BEFORE = ("list", "add", "remove", "reload", "defaults", "edit", "log", "close", "scroll area")
PANEL = (
    *("refresh", "pause", "keep_paused"),
    *("operator_open", "operator_dock"),
    *("client_id", "connect", "bot_connect", "client_secret", "client_secret_show", "twitch_store", "channels"),
    *("copy_for_agent", "token_show", "token_new", "token_rotate"),
    *("own_token", "own_token_show", "signing", "signing_show", "access_store", "timestamp"),
    *("agent_name", "agent_add"),
    *map(policy_key, ACTIONS),
    *("rate", *map(limit_key, ACTIONS), "approval_timeout", "countdown"),
    *("max_minutes", "start_hours", "starts", "scenes", "words", "links", "raid_targets"),
    *(hear_key(kind) for kind in KINDS),
    *("scene", "start_timeout", "retries"),
    *("port", "bind", "clients"),
    *("webhook", "webhook_show", "alerts_store"),
)


def policies(agent: ToolClient) -> dict[str, Policy]:
    """By action."""
    return {tool["name"]: Policy(tool["policy"]) for tool in agent.get("/tools").json()["tools"]}


class ScriptsWindow:
    """``artefacts`` is where the screenshots go."""

    def __init__(self, obs: RealObs, artefacts: Path) -> None:
        self._obs = obs
        self._display = obs.display
        self._artefacts = artefacts
        self._shots = 0
        self.widgets = list(PANEL)
        self.window = ""
        self._takes_keys = False

    def open(self) -> None:
        """Tools → Scripts, made as large as the screen."""
        main = self._obs.window()
        tries = itertools.count()

        def choose_in_menu() -> None:
            self._display.activate(main)
            if next(tries):  # a key came before the menu: it is closed, wherever it stands, and opened again
                self._display.xdotool("key", "--delay", "150", "Escape", "Escape")
            # Since OBS 31 or 32 the Plugin Manager stands before it.
            steps = ["Down"] * (3 if self._obs.major_version() < 31 else 4)
            self._display.xdotool("key", "--delay", "150", "alt+t", *steps, "Return")

        self._takes_keys = False
        self.window = insist(choose_in_menu, lambda: self._display.windows("^Scripts$"), "the Scripts window opens")[0]
        self._display.xdotool("windowmove", self.window, "0", "0")
        self._display.xdotool("windowsize", "--sync", self.window, "1270", "770")
        self.settle()

    def reopen(self) -> None:
        """Now and then it has the focus, and no key reaches it for as long as it is open: some go to OBS's main
        window."""
        self.close()
        self.open()

    def close(self) -> None:
        def click() -> None:
            with contextlib.suppress(RuntimeError):  # it was slow only, and is gone
                self._display.activate(self.window)
                if self._obs.major_version() < 30:
                    self._click(*CLOSE_BUTTON)
                else:
                    self._display.xdotool("key", "Escape")

        insist(click, lambda: not self._display.windows("^Scripts$"), "the Scripts window closes")

    def add_script(self, path: Path | str, look: Callable[[str], object] = lambda _dialog: None) -> None:
        """The + button, and the path typed into the file dialog, at which ``look`` looks first."""
        tries = itertools.count()

        def type_path() -> None:
            if next(tries) and not self._dismiss_dialog():
                return
            dialog = self._open_dialog()
            look(dialog)
            with contextlib.suppress(RuntimeError):  # the dialog was slow only, and is gone
                self._display.activate(dialog)
                self._display.xdotool("key", "alt+n", "ctrl+a")  # the name field, whatever has the focus
                self._display.xdotool("type", "--delay", "5", str(path))
                self._display.xdotool("key", "Return")

        insist(type_path, lambda: self._dialogs() == [], f"the file dialog takes {path}")
        self.settle()

    def focus(self, name: str) -> None:
        """Tab to a widget; OBS scrolls it into view."""
        tries = itertools.count()

        def try_list() -> None:
            if next(tries):
                self.reopen()
            self.to_list()

        if not self._takes_keys:
            insist(try_list, self._moves_the_focus, "the Scripts window takes keys")
            self._takes_keys = True
        self.to_list()
        index = (*BEFORE, *self.widgets).index(name)
        self._display.xdotool("key", "--delay", "8", *["Tab"] * index)

    def to_list(self) -> None:
        """Select the first script."""
        self._display.activate(self.window)
        self._click(120, 67)
        self.settle()  # keys that come while OBS builds the panel anew are lost with the old one

    def _moves_the_focus(self) -> bool:
        before = self._picture()
        self._display.xdotool("key", "Tab")
        with contextlib.suppress(TimeoutError):
            return bool(wait_until(lambda: self._picture() != before, "the focus is elsewhere", TRY_AGAIN_S))
        return False

    def press(self, name: str) -> None:
        """Press a button, or switch a check box."""
        self.focus(name)
        self._display.xdotool("key", "space")
        self.settle()

    def type(self, name: str, *texts: str) -> None:
        """Replace what stands in a field; several texts one after the other, without a pause."""
        self.focus(name)
        for text in texts:
            self._display.xdotool("key", "ctrl+a", "type", "--delay", "12", text)
        self.settle()

    def copy(self, name: str) -> None:
        """All of a field, to the clipboard."""
        self.focus(name)
        self._display.xdotool("key", "ctrl+a", "ctrl+c")
        self.settle()

    def paste(self, name: str) -> None:
        self.focus(name)
        self._display.xdotool("key", "ctrl+a", "ctrl+v")
        self.settle()

    def go_on_typing(self, name: str, text: str) -> None:
        """At the end of what stands in a field already."""
        self.focus(name)
        self._display.xdotool("key", "End")
        self._display.xdotool("type", "--delay", "12", text)
        self.settle()

    def add_scene(self) -> None:
        """The + button of the Scenes dock, and the name it proposes; then back to the Scripts window."""
        main = self._obs.window()

        def asks() -> list[str]:
            return self._display.windows("^Add Scene$")

        def click() -> None:
            self._display.activate(main)
            self._obs.wait_clicks_taken()
            if not asks():  # it was slow only
                self._display.click_at(main, 22, 685)

        self._obs.answer(insist(click, asks, "OBS asks for the scene's name")[0])
        self._display.activate(self.window)

    def reload(self, is_done: Callable[[], bool] | None = None) -> None:
        """Press "Reload scripts" for the first script of the list until it is done, or the service listens anew. In OBS
        29 by mouse: a Tab too many or too few, and the key hits a button beside, which takes the script's settings, or
        removes it, without a question. In 32 the main window may stand before this one, and takes the click."""
        mark = self._obs.process.mark()
        by_mouse = self._obs.major_version() < 30
        tries = itertools.count()

        def listens() -> bool:
            return any("listening http" in line for line in self._obs.process.lines()[mark:])

        done = is_done or listens

        def press() -> None:
            if by_mouse:
                self.to_list()
            else:
                self._takes_keys = self._takes_keys and next(tries) == 0
                self.focus("reload")
            if done():  # it was slow only
                return
            if by_mouse:
                self.press_reload()
            else:
                self._display.xdotool("key", "space")

        insist(press, done, "the script is reloaded")

    def press_reload(self) -> None:
        """For the script that is chosen, by mouse, in OBS 29."""
        self._click(*RELOAD_BUTTON)

    def choose_policy(self, agent: ToolClient, action: str, policy: Policy) -> None:
        """What agents may do with ``action``, until it and nothing else is so: a key that goes astray hits the action
        beside it."""
        wanted = {**policies(agent), action: policy}

        def choose() -> None:
            for name, now in policies(agent).items():
                if now != wanted[name]:
                    self._choose(policy_key(BY_NAME[name]), list(Policy).index(wanted[name]))

        insist(choose, lambda: policies(agent) == wanted, f"{policy} counts for {action}, and only for that")

    def _choose(self, name: str, index: int) -> None:
        """An entry of a list, counted from the first one, 0."""
        self.focus(name)
        self._display.xdotool("key", "--delay", "30", "Home", *["Down"] * index)
        self.settle()

    def appeared(self, names: Iterable[str], before: str) -> None:
        """Further widgets stand before this one now."""
        at = self.widgets.index(before)
        self.widgets[at:at] = list(names)

    def vanished(self, *names: str) -> None:
        self.widgets = [name for name in self.widgets if name not in names]

    def settle(self) -> None:
        """Until OBS has taken every key and drawn everything: it waits for events, and the window stands still."""
        pictures: list[bytes] = [b""]

        def still() -> bool:
            idle = self._obs.ui_thread_sleeps()
            pictures[:] = pictures[-1], self._picture()
            return idle and pictures[0] == pictures[1] and self._obs.ui_thread_sleeps()

        wait_until(still, "the Scripts window stands still")

    def screenshot(self, name: str, at: str = "") -> Path:
        """The window as PNG among the artefacts, numbered in the order of the session. With ``at`` this widget is in
        view, else the top of the panel."""
        if at:
            self.focus(at)
        else:
            self.to_top()
        self.settle()
        self._shots += 1
        path = self._artefacts / f"{self._shots:02d}-{name}.png"
        path.write_bytes(self._picture("png"))
        return path

    def to_top(self) -> None:
        """Scroll the panel to its beginning."""
        self._display.xdotool("mousemove", "--window", self.window, "900", "200", "click", "--repeat", "30", "4")
        self.settle()

    def _picture(self, kind: str = "ppm") -> bytes:
        command = ["import", "-window", self.window, f"{kind}:-"]
        return subprocess.run(command, env=self._display.env(), capture_output=True, check=True, timeout=HANG_S).stdout

    def _click(self, x: int, y: int) -> None:
        self._display.click_at(self.window, x, y)

    def _open_dialog(self) -> str:
        """The + button."""
        return str(insist(lambda: self._click(*ADD_BUTTON), self._dialogs, "the + button opens the file dialog")[0])

    def _dismiss_dialog(self) -> bool:
        """Where a key was lost while it was still drawing itself: with its complaint, its list of names and what was
        typed. False if it was slow only, and is gone."""
        if not self._dialogs():
            return False
        insist(lambda: self._display.xdotool("key", "Escape"), lambda: self._dialogs() == [], "the file dialog closes")
        return True

    def _dialogs(self) -> list[str]:
        return self._display.windows("^(Add Scripts|Open|Open File|Open Files)$")
