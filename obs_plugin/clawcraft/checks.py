"""The pre-show check: what in the running service would keep an agent from its work, and what to do about it.

Pure: judges a ``GET /status`` body and the settings. Behind ``GET /status?check=1`` and in ``tools/doctor.py``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from clawcraft import twitch_health as health
from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.settings import Settings


class Outcome(StrEnum):
    """FAILED: an action would be refused or fail. WARNING: something works less than it could."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``fix`` says what to do; empty where all is well."""

    name: str
    outcome: Outcome
    message: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        return {key: str(value) for key, value in asdict(self).items()}


def ok(name: str, message: str) -> Check:
    return Check(name, Outcome.OK, message)


def warning(name: str, message: str, fix: str) -> Check:
    return Check(name, Outcome.WARNING, message, fix)


def failed(name: str, message: str, fix: str) -> Check:
    return Check(name, Outcome.FAILED, message, fix)


def run(status: Mapping[str, Any], settings: Settings, policies: Mapping[str, Policy]) -> list[dict[str, str]]:
    """``[{"name", "outcome": "ok" | "warning" | "failed", "message", "fix"}]`` for a ``GET /status`` body. ``policies``
    by the name of the action."""
    checks = [
        _obs(status["obs"]),
        *_stream(status["obs"]),
        _scene(status["obs"], settings.default_scene),
        _pause(bool(status["paused"])),
        _actions(policies),
        *_guard_rails(status.get("guard_rails", {})),
        *_twitch(status["twitch"], settings),
        *_bot(status["twitch"].get("bot", {})),
        *_hearing(status.get("events", {})),
        *_storage(status.get("storage", {})),
        *_alerts(status.get("alerts", {})),
    ]
    return [check.to_json() for check in checks]


def watched(
    status: Mapping[str, Any], settings: Settings, policies: Mapping[str, Policy], dropped: bool
) -> list[dict[str, str]]:
    """What the alerts look at: as ``run``, without Twitch where nobody is connected, and with ``stream_dropped``, which
    is ok while a stream is up and missing otherwise."""
    found = run(status, settings, policies)
    if status["twitch"]["state"] == "not_configured":
        found = [check for check in found if check["name"] != "twitch"]
    return [*found, *(check.to_json() for check in _dropped(status["obs"]["stream"], dropped))]


def _dropped(stream: Mapping[str, Any], dropped: bool) -> Iterator[Check]:
    """``dropped``: after a stream that ended by itself, until one is up again or somebody makes a stop."""
    if dropped:
        fix = "Look at the connection to the streaming server, then start the stream again."
        yield failed("stream_dropped", "OBS lost the streaming server and gave up", fix)
    elif stream["live"] or stream["reconnecting"]:
        yield ok("stream_dropped", "a stream is up")


def _obs(obs: Mapping[str, Any]) -> Check:
    if obs["responsive"]:
        return ok("obs", f"OBS {obs['version']} answers")
    return failed("obs", obs.get("problem") or "OBS does not answer", "Look at OBS: its window is busy or blocked.")


def _stream(obs: Mapping[str, Any]) -> Iterator[Check]:
    stream = obs["stream"]
    if stream["reconnecting"]:
        yield warning(
            "stream",
            "OBS has lost the connection and is reconnecting",
            "Check the network; stop the stream if it stays.",
        )
    else:
        yield ok("stream", "live" if stream["live"] else f"{stream['state']}, ready to start")


def _scene(obs: Mapping[str, Any], default_scene: str) -> Check:
    if not default_scene:
        return ok("scene", "a start keeps the scene that is on")
    if default_scene in obs["scenes"]:
        return ok("scene", f"a start switches to {default_scene!r}")
    return failed(
        "scene",
        f"the scene at start, {default_scene!r}, is not in this scene collection",
        f"Choose one of {', '.join(map(repr, obs['scenes']))} in the panel, or set OBS_STREAM_SCENE.",
    )


def _pause(paused: bool) -> Check:
    if paused:
        return failed("pause", "the streamer has paused the agent", "Press 'Let the agent go on' in the panel.")
    return ok("pause", "the agent may act")


def _actions(policies: Mapping[str, Policy]) -> Check:
    off = [action.name for action in ACTIONS if action.policy is Policy.ALLOW and policies[action.name] is Policy.OFF]
    asked = [name for name, policy in policies.items() if policy is Policy.ASK]
    if not off:
        on = sum(policy is not Policy.OFF for policy in policies.values())
        waits = f"; the streamer is asked for {', '.join(asked)}" if asked else ""
        return ok("actions", f"all {on} actions are on{waits}")
    fix = "Switch them on in the panel, Actions, if the show needs them."
    return warning("actions", f"switched off: {', '.join(off)}", fix)


def _guard_rails(rails: Mapping[str, Any]) -> Iterator[Check]:
    if next_start_at := rails.get("next_start_at"):
        message = f"a guard rail of the streamer lets no agent start the stream before {next_start_at}"
        yield failed("guard_rails", message, "Wait, start by hand, or change it in the panel, Guard rails.")


def _storage(storage: Mapping[str, Any]) -> Iterator[Check]:
    if problem := storage.get("problem"):
        yield failed("storage", problem, "Free disk space: no job can be accepted; the service goes on by itself then.")


def _alerts(alerts: Mapping[str, Any]) -> Iterator[Check]:
    if not alerts.get("configured"):
        return
    if problem := alerts["problem"]:
        fix = "Check the webhook's address (panel, Alerts, or TOOL_ALERT_WEBHOOK_URL), then send a test from the panel."
        yield warning("alerts", f"the webhook for alerts did not take the last one: {problem}", fix)
    else:
        yield ok("alerts", f"what goes wrong is told to a webhook ({alerts['format']})")


def _hearing(events: Mapping[str, Any]) -> Iterator[Check]:
    if not events.get("enabled"):
        return
    if problem := events["problem"]:
        yield warning("events", f"not everything is heard: {problem}", "Connect Twitch again in the panel if it stays.")
    else:
        yield ok("events", f"heard: {', '.join(each['kind'] for each in events['subscriptions'])}")


_TROUBLES: Final = {
    health.RENEWAL_REFUSED: "twitch_token",
    health.TOKEN_ENDS: "twitch_token",
    health.NOT_STORED: "twitch_token",
    health.MISSING_SCOPE: "twitch_scopes",
    health.NOT_THE_OWNER: "twitch_channel",
}


def _twitch(twitch: Mapping[str, Any], settings: Settings) -> Iterator[Check]:
    state = twitch["state"]
    if state == "not_configured":
        message = "not connected: title, game, chat and clips will be refused; a stream starts"
        yield warning("twitch", message, health.CONNECT)
        return
    found = health.troubles(twitch, settings)
    by_code = {trouble.code: trouble for trouble in found}
    if (revoked := by_code.get(health.REVOKED)) is not None:
        yield failed("twitch", revoked.message, revoked.fix)
        return
    if (unreachable := by_code.get(health.UNREACHABLE)) is not None:
        yield warning("twitch", unreachable.message, unreachable.fix)
    elif state == "ok":
        yield ok("twitch", f"connected as {twitch['identity']['login']}")
    else:
        yield warning("twitch", f"the token is {state}", "Wait a moment and check again.")
    for trouble in found:
        if (name := _TROUBLES.get(trouble.code)) is not None:
            yield warning(name, trouble.message, trouble.fix)
    if twitch["identity"] and not twitch["scopes_missing"]:
        yield ok("twitch_scopes", "the token has every scope")
    if health.NOT_STORED in by_code:
        return
    if twitch.get("renewal") == "proven":
        yield ok("twitch_token", "the token is renewed by itself")
    elif twitch.get("renewal") == "untried" and twitch["expires_at"]:
        yield ok("twitch_token", f"renewing was not tried yet; it will be an hour before {twitch['expires_at']}")
    elif twitch.get("renewal") != "refused" and state == "ok" and not twitch["expires_at"]:
        yield ok("twitch_token", "the token does not end")


def _bot(bot: Mapping[str, Any]) -> Iterator[Check]:
    """The second account for chat, where there is one: without it, nobody speaks."""
    state, error = bot.get("state", "not_configured"), bot.get("last_error") or {}
    connect = "Connect the bot again or disconnect it, in the panel or with tools/twitch_login.py --bot."
    if state == "not_configured":
        return
    if state == "revoked":
        yield failed("twitch_bot", f"the bot for chat: {error.get('message', 'its token is not valid')}", connect)
    elif state != "ok":
        message = f"the bot for chat: {error.get('message', f'its token is {state}')}"
        yield warning("twitch_bot", message, "Wait a moment and check again.")
    elif bot["scopes_missing"]:
        yield failed("twitch_bot", "the bot's token lacks user:write:chat: it cannot speak in chat", connect)
    else:
        yield ok("twitch_bot", f"{bot['identity']['login']} speaks in chat")
        if bot["expires_at"] and not bot["refreshable"]:
            yield warning("twitch_bot", f"the bot's token ends at {bot['expires_at']} and cannot be renewed", connect)
        if error.get("code") == health.SECRET_STORE:
            yield warning("twitch_bot", f"the bot for chat: {error['message']}", error["hint"])
