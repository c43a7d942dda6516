"""The operator page as a dock of OBS's: its entry among the custom browser docks, a list that OBS keeps as JSON in
``[BasicWindow]`` and writes from memory when it exits, so it is changed only while OBS is closed.
"""

import hashlib
import json
from typing import Any, Final

from installer import Problem

SECTION: Final = "BasicWindow"
KEY: Final = "ExtraBrowserDocks"
TITLE: Final = "twitch-clawcraft"
_PATH: Final = "/operator"


def url(port: int) -> str:
    """The page's address. It holds no secret: OBS keeps it in plain text."""
    return f"http://127.0.0.1:{port}{_PATH}"


def with_dock(docks: str, port: int) -> str:
    """The list ``docks`` with the page at ``port``, once; what else is in it stays. Raises Problem."""
    entries = _read(docks)
    wanted = url(port)
    ours = [entry for entry in entries if _is_ours(entry)]
    if any(entry.get("url") == wanted for entry in ours):
        return docks
    if ours:  # on another port now; OBS keeps its place by the id
        ours[0]["url"] = wanted
    else:
        entries.append({"title": TITLE, "url": wanted, "uuid": hashlib.sha256(TITLE.encode()).hexdigest()[:32]})
    return json.dumps(entries, ensure_ascii=False)


def without_dock(docks: str) -> str:
    """The list without the page. Raises Problem."""
    entries = _read(docks)
    others = [entry for entry in entries if not _is_ours(entry)]
    return docks if len(others) == len(entries) else json.dumps(others, ensure_ascii=False)


def _is_ours(entry: dict[str, Any]) -> bool:
    address = str(entry.get("url"))
    return entry.get("title") == TITLE and address.startswith("http://127.0.0.1:") and address.endswith(_PATH)


def _read(docks: str) -> list[dict[str, Any]]:
    try:
        entries = json.loads(docks) if docks else []
    except ValueError as error:
        raise Problem(
            f"OBS's list of browser docks is not JSON ({error}); remove {KEY} from its [{SECTION}]"
        ) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Problem(f"OBS's list of browser docks has a form that OBS does not write; remove {KEY} from [{SECTION}]")
    return entries
