"""The box "Operator page": its address and the code that pairs it, how it becomes a dock, and which pages are paired.

No browser is started from here: OBS would wait for it. The address is a link, which OBS opens.
"""

from typing import Final

from clawcraft.dependencies import launcher
from clawcraft.obs.script_ui import Box, Button, Choice, Info, ScriptSettings
from clawcraft.operator.pages import PairedPage
from clawcraft.panel.handover import service_url
from clawcraft.panel.press_again import PressAgain
from clawcraft.panel.status import AMBER, GREEN, GREY, coloured, dot, escape, moment
from clawcraft.panel.steps import Steps
from clawcraft.secrets import SecretStoreError
from clawcraft.service import Service

CHOSEN: Final = "operator_page"
ALL: Final = "all of them"
_REVOKE: Final = "Revoke the page chosen here"
_SURE: Final = "Press again: it shows nothing any more, and can do nothing"


class OperatorPages:
    """There once the service listens."""

    def __init__(self, service: Service, settings: ScriptSettings, writes: Steps) -> None:
        self._service = service
        self._settings = settings
        self._writes = writes
        self._revocation = PressAgain()
        self._explains_dock = False
        self._note = ""

    def box(self) -> Box:
        access, url = self._service.page_access, self._url
        pages = access.pages.all()
        listed = "<br>".join(_line(page, access.pages.last_seen.get(page.id)) for page in pages)
        code, left_s = access.pairing.shown()
        asked = _SURE if self._revocation.asks_again() else _REVOKE
        choices = [("Choose one", ""), *((page.name, page.id) for page in pages), ("All of them", ALL)]
        rows = (
            Button("operator_open", "Open the operator page", self._open),
            Info("operator_code", "", _code(url, code, left_s) if code else ""),
            Button("operator_dock", "Add it as a dock", self._explain_dock),
            Info("operator_dock_how", "", _dock(url) if self._explains_dock else ""),
            Info("operator_pages", "Paired", listed or "none"),
            Choice(CHOSEN, "A page", choices, visible=bool(pages)),
            Button("operator_revoke", asked, self._revoke, visible=bool(pages)),
            Info("operator_note", "", coloured(AMBER, self._note)),
        )
        return Box("group_operator", "Operator page", rows, bool(url))

    @property
    def _url(self) -> str:
        settings = self._service.settings
        return "" if settings is None or self._service.assembly is None else f"{service_url(settings)}/operator"

    def _open(self) -> None:
        self._service.page_access.pairing.open()
        self._service.note("pairing code shown")

    def _explain_dock(self) -> None:
        self._explains_dock = not self._explains_dock

    def _revoke(self) -> None:
        chosen = self._settings.text(CHOSEN)
        if not chosen or not self._revocation.pressed(chosen):
            return
        pages = self._service.page_access.pages
        ended = [page for page in pages.all() if chosen in (ALL, page.id)]
        self._note = ""

        def revoke() -> None:
            try:
                for page in ended:
                    pages.revoke(page.id)
            except SecretStoreError as error:
                self._note = f"{error}; with the next start of OBS the page would be paired again"
            for page in ended:
                self._service.note("page revoked", page=page.name)

        self._writes.submit(revoke)


def _code(url: str, code: str, left_s: float) -> str:
    link = f'<a href="{escape(url)}">{escape(url)}</a>'
    spaced = f"{code[:3]} {code[3:]}"
    return f'Open {link} and enter the code<br><b style="font-size:18pt">{spaced}</b><br>It is good for {left_s:.0f} s.'


def _dock(url: str) -> str:
    return (
        f"In OBS choose <b>Docks, Custom Browser Docks</b>, enter a name and <b>{escape(url)}</b>, and press Apply. "
        f"Or close OBS and run <b>{launcher()} tools/install.py --dock</b>. Then enter the code in the dock. "
        "(An OBS without that menu was built without a browser: open the page in one of your own.)"
    )


def _line(page: PairedPage, seen_s: float | None) -> str:
    seen = f"last seen {moment(seen_s)}" if seen_s else "not seen since the service started"
    words = (f"<b>{escape(page.name)}</b>", f"paired {moment(page.paired_at)}", seen)
    return dot(GREEN if seen_s else GREY) + " · ".join(words)
