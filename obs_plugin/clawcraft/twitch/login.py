"""The login that the OBS panel starts: a thread of its own, because the panel's buttons run on OBS's UI thread."""

import threading
from collections.abc import Callable
from typing import Any

from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import ClawcraftError, Stopping
from clawcraft.secrets import SecretStoreError
from clawcraft.twitch.calls import Wait
from clawcraft.twitch.config import TwitchConfig
from clawcraft.twitch.device_flow import DeviceLogin, LoginState
from clawcraft.twitch.oauth import OAuth
from clawcraft.twitch.tokens import EventLog, TokenKeeper


class PanelLogin:
    """At most one device code login at a time. Every method returns at once; ``status`` tells how far it is."""

    def __init__(
        self,
        oauth: OAuth,
        tokens: TokenKeeper,
        config: Callable[[], TwitchConfig],
        clock: Clock,
        wait: Wait,
        log: EventLog,
    ) -> None:
        self._oauth = oauth
        self._tokens = tokens
        self._config = config
        self._clock = clock
        self._wait = wait
        self._log = log
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
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
            client_id = self._config().client_id
            if not client_id:
                self._status = {"state": "failed", "message": "Enter the client id of your Twitch application first."}
                return self._status
            self._stop = threading.Event()
            self._status = {"state": "starting"}
            login = DeviceLogin(self._oauth, self._clock, client_id)
            self._thread = threading.Thread(
                target=self._run, args=(login, self._stop), name="twitch-login", daemon=True
            )
            self._thread.start()
        return self._status

    def cancel(self) -> None:
        self._stop.set()

    def close(self) -> None:
        """No further login; ends the waiting one. ``join`` after the transport is closed."""
        with self._lock:
            self._closed = True
        self._stop.set()

    def join(self) -> None:
        thread = self._thread
        if thread is not None:
            thread.join()

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
