"""The button "Copy for my agent", and its text: all that an agent has to know, with the token in it.

OBS's UI thread. The text goes to the clipboard, and is kept nowhere; where no clipboard can be reached, the panel shows
it to be copied by hand, until the button is pressed again.
"""

from collections.abc import Callable, Iterator
from typing import Final

from clawcraft.obs.script_ui import Button, Copy, Info, Row, ScriptUi
from clawcraft.panel.status import AMBER, GREEN, dot, escape
from clawcraft.secrets import Secret
from clawcraft.settings import McpAccess, Settings

COPY: Final = "Copy for my agent"
_HIDE: Final = "I have copied the text: hide it"
_COPIED: Final = (
    "copied. Paste it into your agent's chat or settings, and nowhere else: the token is in it, and whoever has it can "
    "go live as you."
)
_BY_HAND: Final = "the clipboard cannot be reached. Click into the text, press Ctrl+A and Ctrl+C, and paste it."
_SOON: Final = "The service is just starting: press once more."
_ANY_AGENT: Final = "my-agent"


class Handover:
    """``key`` is the button's; ``text`` gives what to copy, empty while there is nothing. ``copied`` is told of it."""

    def __init__(self, key: str, ui: ScriptUi, text: Callable[[], str], copied: Callable[[], None]) -> None:
        self._key = key
        self._ui = ui
        self._text = text
        self._copied = copied
        self._told = ""
        self._by_hand = False

    def rows(self, remark: str = "", soon: bool = False) -> Iterator[Row]:
        """``remark`` stands behind the word that it was copied, which the next redraw takes away. ``soon``: there is
        nothing yet, and will be when OBS does not draw the panel."""
        text = self._text()
        self._by_hand = self._by_hand and bool(text)
        told, self._told = self._told, ""
        yield Button(self._key, _HIDE if self._by_hand else COPY, self._press, visible=bool(text) or soon)
        yield Info(f"{self._key}_told", "", " ".join(filter(None, (told, escape(remark)))) if told else "")
        shown = text if self._by_hand else ""
        yield Copy(shown_key(self._key), "For your agent", shown, visible=bool(shown), lines=True)

    def _press(self) -> None:
        text = self._text()
        if not text:
            self._told = _SOON
        elif self._by_hand:
            self._by_hand = False
        elif self._ui.clipboard is not None and self._ui.clipboard.put(text):
            self._told = f"{dot(GREEN)}{escape(_COPIED)}"
            self._copied()
        else:
            self._by_hand = True
            self._told = f"{dot(AMBER)}{escape(_BY_HAND)}"


def shown_key(button: str) -> str:
    """The key of the field that shows the text of this button."""
    return f"shown_{button}"


def service_url(settings: Settings) -> str:
    """By the address that this machine itself can call, whatever the service is bound to."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.bind, settings.bind)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def text_for_agent(settings: Settings, token: Secret, name: str = "") -> str:
    """What a streamer pastes into an agent's chat. ``name`` is that of the named agent whose ``token`` it is."""
    url = service_url(settings)
    signed = settings.signature_secret is not None
    served = settings.mcp is McpAccess.UNSIGNED or (settings.mcp is McpAccess.ON and not signed)
    lines = [
        "You may run my Twitch stream. twitch-clawcraft in OBS on my computer takes your requests:",
        f"URL: {url}",
        f"Header of each request: Authorization: Bearer {token.reveal()}",
        f"MCP (Streamable HTTP, same header): {url}/mcp" if served else "",
        "Without MCP: GET /tools lists your actions and their arguments. POST /tools/execute with the JSON "
        f'{{"agent_id": "{name or _ANY_AGENT}", "request_id": "a new one for each action", '
        '"action": "twitch.start_stream", "args": {}} runs one. '
        "A 202 is a job: GET /tools/jobs/JOB_ID?wait=30 says how it went.",
        f"Your agent_id is {name}." if name else "",
        "Each POST also needs X-Tool-Timestamp and X-Tool-Signature, made with a signing secret that I give you apart."
        if signed
        else "",
        "The token is a secret: never write it into a chat, a title or a file that others see.",
    ]
    return "\n".join(filter(None, lines))
