"""Logging in to Twitch with a code: show it, wait for the person, get the tokens. Any thread; one login an object.

Shared by the OBS panel (through ``login.py``) and ``tools/twitch_login.py``. Needs no client secret with a public
client, and no browser on the streaming machine.
"""

import contextlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from clawcraft.clock import Clock
from clawcraft.errors import Timeout, TwitchRejected, TwitchUnavailable
from clawcraft.twitch.deadline import Deadline
from clawcraft.twitch.oauth import DeviceCode, Grant, GrantRefused, OAuth
from clawcraft.twitch.scopes import LOGIN_SCOPES

CALL_TIMEOUT_S: Final = 15.0


class LoginState(StrEnum):
    """How a login stands."""

    PENDING = "pending"
    DONE = "done"
    EXPIRED = "expired"
    DENIED = "denied"


class DeviceLogin:
    """One login. ``start`` it, show the code, ``wait`` (or ``poll`` every ``interval_s`` seconds)."""

    def __init__(self, oauth: OAuth, clock: Clock, client_id: str) -> None:
        self._oauth = oauth
        self._clock = clock
        self._expires_at = 0.0
        self._code: DeviceCode | None = None
        self.client_id = client_id
        self.interval_s = 5.0
        self.grant: Grant | None = None

    def start(self) -> DeviceCode:
        """Ask for a code. Raises TwitchRejected (an unknown client id), TwitchUnavailable, Timeout, Stopping."""
        code = self._oauth.device_code(self.client_id, LOGIN_SCOPES, Deadline(self._clock, CALL_TIMEOUT_S))
        self._code = code
        self._expires_at = self._clock.time() + code.expires_in_s
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
        if self._clock.time() >= self._expires_at:
            return LoginState.EXPIRED
        try:
            deadline = Deadline(self._clock, CALL_TIMEOUT_S)
            self.grant = self._oauth.device_token(self.client_id, self._code, LOGIN_SCOPES, deadline)
        except GrantRefused as refusal:
            said = refusal.reply.message.lower()
            if "authorization_pending" in said:
                return LoginState.PENDING
            if "slow_down" in said:
                self.interval_s += 5.0
                return LoginState.PENDING
            # Twitch has one wording for a code that is over: refused, used or unknown.
            if "device code" in said or "denied" in said:
                return LoginState.DENIED
            raise TwitchRejected(
                f"Twitch refuses the login: {refusal.reply.message or refusal.reply.status}",
                details=refusal.reply.evidence,
            ) from None
        return LoginState.DONE
