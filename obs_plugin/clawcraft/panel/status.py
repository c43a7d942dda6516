"""The box "Status": what is going on at a glance, in sentences of HTML. Pure functions of what the service says of
itself."""

import html
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from clawcraft import VERSION
from clawcraft.obs.port import ObsSnapshot
from clawcraft.obs.script_ui import Box, Button, Info, Row
from clawcraft.service import Phase, Service, View
from clawcraft.telemetry.events import Happened

GREEN: Final = "#3fb950"
AMBER: Final = "#d29922"
RED: Final = "#f85149"
GREY: Final = "#8b949e"


_RENEWAL: Final = {
    "proven": ", renewed by itself",
    "untried": ", whether it can be renewed was not tried yet",
    "refused": ", not renewed",
    "none": ", cannot be renewed",
}


def escape(text: object) -> str:
    return html.escape(str(text))


def coloured(colour: str, text: str) -> str:
    return f'<span style="color:{colour}">{escape(text)}</span>' if text else ""


def dot(colour: str) -> str:
    return f"{coloured(colour, '●')} "


def status_box(service: Service, toggle_pause: Callable[[], None], keep_paused: Row, hotkeys: Row) -> Box:
    """Service, OBS, Twitch, agent; Refresh and Pause."""
    assembly = service.assembly
    twitch = hearing = error = storage = ""
    paused = service.pause.paused
    agent = agent_line(paused) if paused or assembly is not None else ""
    if assembly is not None:
        last_error, storage = assembly.log.last_error, assembly.trouble
        twitch = twitch_line(assembly.twitch.status())
        hearing = hearing_line(assembly.twitch.hearing.status())
        error = "" if last_error is None else _happened(last_error)
    rows = (
        Info("status_service", f"Service {VERSION}", service_line(service.view)),
        Info("status_obs", "OBS", obs_line(service.obs.snapshot())),
        Info("status_twitch", "Twitch", twitch),
        Info("status_hearing", "Hearing", hearing),
        Info("status_agent", "Agent", agent),
        Info("status_error", "Last error", error),
        Info("status_storage", "Disk", f"{dot(RED)}{escape(storage)}" if storage else ""),
        Button("refresh", "Refresh", lambda: None),
        Button("pause", "Let the agent go on" if paused else "Pause the agent", toggle_pause),
        keep_paused,
        hotkeys,
    )
    return Box("group_status", "Status", rows)


def service_line(view: View) -> str:
    """Whether the service listens, where, and if not, what to do."""
    problems = "<br>".join(escape(problem) for problem in view.problems)
    if view.phase is Phase.LISTENING:
        listening = f"{dot(AMBER if problems else GREEN)}listening on {escape(view.url)}"
        return f"{listening}<br>{problems}" if problems else listening
    if view.phase is Phase.STARTING:
        return f"{dot(AMBER)}starting; press Refresh"
    return f"{dot(RED)}{escape(view.phase)}" + (f"<br>{problems}" if problems else "")


def obs_line(snapshot: ObsSnapshot) -> str:
    """OBS's version, its stream and its scene."""
    stream = snapshot.stream
    if stream.reconnecting:
        state = f"{dot(AMBER)}reconnecting"
    elif stream.active:
        state = f"{dot(GREEN)}streaming, {stream.dropped_frames} of {stream.total_frames} frames dropped"
    else:
        state = f"{dot(GREY)}not streaming"
    return f"{state} · scene {escape(snapshot.current_scene or 'none')} · OBS {escape(snapshot.version)}"


def twitch_line(status: Mapping[str, Any]) -> str:
    """Whose account, how long the token lives, what is wrong or will be. ``status`` as ``Twitch.status`` gives it."""
    state = status.get("state", "")
    identity = status.get("identity") or {}
    if not status or state == "not_configured":
        return f"{dot(GREY)}not connected (starting and stopping the stream works without)"
    who = f"connected as <b>{escape(identity['login'])}</b>" if identity.get("login") else "token not checked yet"
    parts = [who]
    troubles = status.get("troubles") or []
    if identity and not status.get("scopes_missing"):
        parts.append("all scopes")
    if status.get("expires_at"):
        renewed = _RENEWAL.get(status.get("renewal", ""), "")
        parts.append(f"token until {escape(local_time(status['expires_at']))}{renewed}")
    if troubles:
        parts += [f"<b>{escape(trouble['message'])}</b>. {escape(trouble['fix'])}" for trouble in troubles]
    elif status.get("last_error"):
        parts.append(escape(status["last_error"]["message"]))
    colour = {"ok": AMBER if troubles else GREEN, "refreshing": AMBER, "unchecked": GREY}.get(state, RED)
    return dot(colour) + " · ".join(parts)


def hearing_line(status: Mapping[str, Any]) -> str:
    """What an agent hears, and what keeps it from hearing; empty while it may hear nothing. ``status`` as
    ``Hearing.status`` gives it."""
    if not status["enabled"]:
        return ""
    kinds = ", ".join(each["kind"] for each in status["subscriptions"])
    if not status["connected"]:
        return f"{dot(RED)}{escape(kinds)}: not connected<br>{escape(status['problem'] or '')}"
    problem = f"<br>{escape(status['problem'])}" if status["problem"] else ""
    return f"{dot(AMBER if problem else GREEN)}{escape(kinds)}{problem}"


def bot_line(status: Mapping[str, Any]) -> str:
    """In whose name the agent speaks in chat, and what keeps it from that. ``status`` as ``Twitch.status`` gives it."""
    bot, streamer = status["bot"], status.get("identity") or {}
    if bot["state"] == "not_configured":
        return ""
    name = (bot.get("identity") or {}).get("login")
    line = twitch_line(bot)
    if name and name == streamer.get("login"):
        return f"{line}<br>That is your own account: log in to twitch.tv as the bot before you enter the code."
    return line


def agent_line(paused: bool) -> str:
    """Whether agents may act."""
    return f"{dot(RED)}<b>paused by you</b>: every action but a stop is refused" if paused else f"{dot(GREEN)}may act"


def _happened(what: Happened) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(what.at_s))
    words = (what.action.removeprefix("twitch."), what.outcome, f"by {what.agent_id}" if what.agent_id else "", at)
    return escape(" · ".join(filter(None, words)))


def login_line(login: Mapping[str, Any]) -> str:
    """How far a login with a code is. ``login`` as ``PanelLogin.status`` gives it."""
    state = login.get("state", "idle")
    if state == "pending":
        uri, code = escape(login["verification_uri"]), escape(login["user_code"])
        return f'Open <a href="{uri}">{uri}</a> and enter the code<br><b style="font-size:18pt">{code}</b>'
    texts = {
        "starting": f"{dot(AMBER)}asking Twitch for a code",
        "done": f"{dot(GREEN)}connected",
        "expired": f"{dot(RED)}the code has expired: connect again",
        "denied": f"{dot(RED)}Twitch says that the login was refused",
        "failed": f"{dot(RED)}{escape(login.get('message', 'the login failed'))}",
        "cancelled": "the login was cancelled",
    }
    return texts.get(state, "")


def local_time(rfc3339: str) -> str:
    return moment(datetime.fromisoformat(rfc3339).timestamp())


def moment(unix_s: float) -> str:
    """By the clock of the computer."""
    return time.strftime("%d %b %H:%M", time.localtime(unix_s))
