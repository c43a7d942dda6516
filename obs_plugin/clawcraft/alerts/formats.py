"""The body of an alert in the receiver's form. Pure.

Words of agents and of Twitch are cut, put on one line, and shown as a quotation in which nothing is a mention, a link
or markup.
"""

import json
import re
from typing import Any, Final

from clawcraft.alerts.alert import Alert, State
from clawcraft.clock import rfc3339
from clawcraft.settings import AlertFormat
from clawcraft.text import cleaned

MAX_SAID: Final = 300
MAX_FIX: Final = 500
MAX_ID: Final = 200
SUPPRESS_EMBEDS: Final = 4
"""Discord's flag for a message that shows no preview of what looks like a link."""
_MARKS: Final = {State.RAISED: "🔴", State.RECOVERED: "🟢", State.TEST: "⚪"}
_MARKDOWN: Final = re.compile(r"([\\*_~`|>#\[\]()<@:-])")


def body(form: AlertFormat, alert: Alert, version: str, lost: int) -> bytes:
    """``lost``: how many alerts before this one were never sent."""
    built = {AlertFormat.DISCORD: _discord, AlertFormat.SLACK: _slack, AlertFormat.JSON: _json}[form]
    return json.dumps(built(alert, version, lost)).encode()


def _discord(alert: Alert, _version: str, lost: int) -> dict[str, Any]:
    lines = [f"{_MARKS[alert.state]} **{_plain_markdown(alert.summary)}**"]
    lines += _lines(alert, lost, _plain_markdown)
    return {"content": "\n".join(lines), "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS}


def _slack(alert: Alert, _version: str, lost: int) -> dict[str, Any]:
    lines = [f"{_MARKS[alert.state]} *{_entities(alert.summary)}*", *_lines(alert, lost, _entities)]
    return {"text": "\n".join(lines), "link_names": False, "unfurl_links": False, "unfurl_media": False}


def _json(alert: Alert, version: str, lost: int) -> dict[str, Any]:
    ids = {name: cleaned(text, MAX_ID) for name, text in alert.ids.items()}
    return {
        "service": "twitch-clawcraft",
        "version": version,
        "id": alert.id,
        "at": rfc3339(alert.at_s),
        "event": alert.event,
        "state": alert.state,
        "summary": alert.summary,
        "fix": cleaned(alert.fix, MAX_FIX),
        "repeats": alert.repeats,
        "lost_before": lost,
        "untrusted": {"message": cleaned(alert.said, MAX_SAID), **ids},
    }


def _lines(alert: Alert, lost: int, plain: Any) -> list[str]:
    lines = []
    if alert.said:
        lines.append(_quoted(alert.said, MAX_SAID, plain))
    if alert.fix:
        lines.append(plain(cleaned(alert.fix, MAX_FIX)))
    if alert.ids:
        lines.append(" · ".join(_quoted(text, MAX_ID, plain) for text in alert.ids.values()))
    if alert.repeats:
        lines.append(f"{alert.repeats} more times since it was told last")
    if lost:
        lines.append(f"{lost} alerts before this one could not be sent")
    return lines


def _quoted(text: str, limit: int, plain: Any) -> str:
    """As code, which shows every character as it is; in Slack entities count there too."""
    shown = cleaned(text, limit).replace("`", "'")
    return f"`{_entities(shown) if plain is _entities else shown}`"


def _plain_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
