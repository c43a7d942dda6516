"""Logging in to Twitch with a code: show it, wait for the person, get the tokens.

Needs no client secret with a public client, and no browser on the streaming machine. ``DeviceLogin`` is one login, on
any thread; ``PanelLogin`` runs it on a thread of its own, because the panel's buttons run on OBS's UI thread.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import ClawcraftError, Stopping, Timeout, TwitchRejected, TwitchUnavailable
from clawcraft.secrets import Secret, SecretStoreError
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.call import Wait
from clawcraft.twitch.oauth import DeviceCode, Grant, GrantRefused, OAuth
from clawcraft.twitch.tokens import TokenKeeper

CALL_TIMEOUT_S: Final = 15.0
_REVOKE_TIMEOUT_S: Final = 5.0


class LoginState(StrEnum):
    """How a login stands."""

    PENDING = "pending"
    DONE = "done"
    EXPIRED = "expired"
    DENIED = "denied"


class DeviceLogin:
    """One login. ``start`` it, show the code, ``wait`` (or ``poll`` every ``interval_s`` seconds)."""

    def __init__(self, oauth: OAuth, clock: Clock, client_id: str, scopes: tuple[str, ...]) -> None:
        self._oauth = oauth
        self._clock = clock
        self._expires_at = 0.0
        self._code: DeviceCode | None = None
        self._scopes = scopes
        self.client_id = client_id
        self.interval_s = 5.0
        self.grant: Grant | None = None

    def start(self) -> DeviceCode:
        """Ask for a code. Raises TwitchRejected (an unknown client id), TwitchUnavailable, Timeout, Stopping."""
        code = self._oauth.device_code(self.client_id, self._scopes, CALL_TIMEOUT_S)
        self._code = code
        self._expires_at = self._clock.monotonic() + code.expires_in_s
        self.interval_s = code.interval_s
        return code

    def wait(self, pause: Callable[[float], bool]) -> LoginState:
        """Poll until the login ends. ``pause`` waits so many seconds and is true if the waiting shall end: then the
        login is still PENDING. Raises as ``start`` does, but bears with a Twitch that does not answer."""
        state = LoginState.PENDING
        while state is LoginState.PENDING and not pause(self.interval_s):
            with contextlib.suppress(TwitchUnavailable, Timeout):
                state = self.poll()
        return state

    def poll(self) -> LoginState:
        """Ask once. With DONE, ``grant`` has the tokens. Raises as ``start`` does."""
        if self._code is None:
            raise RuntimeError("poll before start")
        if self._clock.monotonic() >= self._expires_at:
            return LoginState.EXPIRED
        try:
            self.grant = self._oauth.device_token(self.client_id, self._code, self._scopes, CALL_TIMEOUT_S)
        except GrantRefused as refusal:
            said = refusal.reply.message.lower()
            if "slow_down" in said:
                self.interval_s += 5.0
            # Twitch says the last of a code that was refused, and of one that still waits: only its end tells.
            if any(words in said for words in ("authorization_pending", "slow_down", "device code")):
                return LoginState.PENDING
            if "denied" in said:
                return LoginState.DENIED
            raise TwitchRejected(
                f"Twitch refuses the login: {refusal.reply.message or refusal.reply.status}",
                details=refusal.reply.evidence,
            ) from None
        return LoginState.DONE


@dataclass(eq=False)
class PanelLogin:
    """At most one login at a time, and its end. Every method but ``disconnect``, which writes to the disk, returns at
    once; ``status`` tells how far it is. ``scopes`` gives what to ask for."""

    _oauth: OAuth
    _tokens: TokenKeeper
    _settings: Callable[[], Settings]
    _clock: Clock
    _wait: Wait
    _log: EventLog
    _scopes: Callable[[], tuple[str, ...]]
    _thread_name: str = "twitch-login"

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._revokers: list[threading.Thread] = []
        self._stop = threading.Event()
        self._closed = False
        self._status: dict[str, Any] = {"state": "idle"}

    def status(self) -> dict[str, Any]:
        """``{"state": "idle" | "starting" | "pending" | "done" | "expired" | "denied" | "failed" | "cancelled",
        "user_code", "verification_uri", "expires_at", "message"}``, the latter where they apply."""
        return self._status

    def start(self) -> dict[str, Any]:
        """Begin a login, or go on with the one under way."""
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return self._status
            settings = self._settings()
            client_id = settings.twitch_client_id
            if not client_id:
                self._status = {"state": "failed", "message": "Enter the client id of your Twitch application first."}
                return self._status
            self._stop = threading.Event()
            self._status = {"state": "starting"}
            login = DeviceLogin(self._oauth, self._clock, client_id, self._scopes())
            run = (login, self._stop)
            self._thread = threading.Thread(target=self._run, args=run, name=self._thread_name, daemon=True)
            self._thread.start()
        return self._status

    def cancel(self) -> None:
        self._stop.set()

    def disconnect(self) -> None:
        """Forget the stored tokens and revoke them at Twitch in the background. Raises SecretStoreError."""
        used = self._tokens.forget()
        self._log.event("twitch_disconnected")
        if used is not None and used[1] and not self._closed:
            revoker = threading.Thread(target=self._revoke, args=used, name="twitch-revoke", daemon=True)
            self._revokers = [*(thread for thread in self._revokers if thread.is_alive()), revoker]
            revoker.start()

    def close(self) -> None:
        """No further login; ends the waiting one."""
        with self._lock:
            self._closed = True
        self._stop.set()

    @property
    def threads(self) -> list[threading.Thread]:
        """What runs: to be joined once the transport is closed, after which nothing at Twitch holds it."""
        return [each for each in (self._thread, *self._revokers) if each is not None and each.is_alive()]

    def _revoke(self, access: Secret, client_id: str) -> None:
        try:
            self._oauth.revoke(access, client_id, _REVOKE_TIMEOUT_S)
        except ClawcraftError as error:
            self._log.event("twitch_revoke_failed", code=error.code, reason=error.message)

    def _run(self, login: DeviceLogin, stop: threading.Event) -> None:
        try:
            self._status = self._wait_for_person(login, stop)
        except Stopping:
            self._status = {"state": "cancelled"}
        except (ClawcraftError, SecretStoreError) as error:
            self._status = {"state": "failed", "message": str(error)}
        self._log.event("twitch_login", state=self._status["state"])

    def _wait_for_person(self, login: DeviceLogin, stop: threading.Event) -> dict[str, Any]:
        code = login.start()
        shown = {
            "user_code": code.user_code,
            "verification_uri": code.verification_uri,
            "expires_at": rfc3339(self._clock.time() + code.expires_in_s),
        }
        self._status = {"state": "pending", **shown}
        self._log.event("twitch_login_code", expires_at=shown["expires_at"])
        state = login.wait(lambda seconds: self._wait(stop, seconds))
        if state is LoginState.PENDING:
            return {"state": "cancelled"}
        if login.grant is not None:
            self._tokens.adopt(login.grant, login.client_id)
        return {"state": str(state)}
