"""Twitch, as the rest of the service sees it: sessions for the sync actions, what a start needs, status, login.

Owns the transport, the token thread and the login thread. ``close`` ends all of them at once, even while Twitch hangs.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.actions.catalogue import Policy
from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, TwitchUnavailable
from clawcraft.secrets import SecretStore
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.broadcaster import Broadcaster, Broadcasters
from clawcraft.twitch.call import Deadline, Wait
from clawcraft.twitch.credentials import CredentialStore
from clawcraft.twitch.helix import Row
from clawcraft.twitch.helix_show import ShowHelix
from clawcraft.twitch.live_check import wait_until_live
from clawcraft.twitch.login import PanelLogin
from clawcraft.twitch.metadata import ChannelMetadata
from clawcraft.twitch.oauth import OAuth
from clawcraft.twitch.scopes import login_scopes, missing_scopes
from clawcraft.twitch.shoutouts import ShoutoutTimes
from clawcraft.twitch.tokens import TokenKeeper
from clawcraft.twitch.transport import OnCall, Transport

JOIN_S: Final = 1.0
_CHECK_TIMEOUT_S: Final = 5.0
_REFRESH_GRACE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class HelixSession:
    """What one sync action talks to Twitch with, and the channel it is about. ``pause`` waits so many seconds, and
    raises Stopping when the service stops meanwhile."""

    helix: ShowHelix
    broadcaster: Broadcaster
    metadata: ChannelMetadata
    shoutouts: ShoutoutTimes
    pause: Callable[[float], None]


class Twitch:
    """The Twitch side of the service. Any thread.

    Parameters: ``settings`` gives those in force; ``on_call`` is told ``(endpoint, outcome, seconds)`` of each call;
    ``wait`` is how a thread waits for an event; ``policies`` are those in force, by the name of the action.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        store: SecretStore,
        clock: Clock,
        log: EventLog,
        on_call: OnCall,
        *,
        version: str,
        policies: Callable[[], Mapping[str, Policy]],
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._settings = settings
        self._policies = policies
        self._log = log
        self._transport = Transport(settings, clock, wait, on_call, f"twitch-clawcraft/{version}")
        self._oauth = OAuth(self._transport, settings)
        self._tokens = TokenKeeper(CredentialStore(store, settings), self._oauth, clock, log)
        self._broadcasters = Broadcasters(settings)
        self._metadata = ChannelMetadata(self._transport.pause)
        self._shoutouts = ShoutoutTimes(clock)
        self._revokers: list[threading.Thread] = []
        self.login = PanelLogin(
            self._oauth, self._tokens, settings, clock, wait, log, lambda: login_scopes(self._policies())
        )

    def start(self) -> None:
        """Begin to watch over the token; returns at once."""
        self._tokens.start()

    def close(self) -> None:
        """Cut every call, end every thread; idempotent. A refresh that is just being answered may still arrive."""
        self.login.close()
        self._tokens.stop(_REFRESH_GRACE_S)
        threads = [*self._transport.close(), *self._tokens.threads, *self.login.threads, *self._revokers]
        until = time.monotonic() + JOIN_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if left := [thread.name for thread in threads if thread.is_alive()]:
            self._log.event("threads_left", message=", ".join(left))

    def status(self) -> dict[str, Any]:
        """``{"state", "identity", "client_id", "scopes", "scopes_missing", "expires_at", "refreshable", "checked_at",
        "last_error", "login"}``; ``state`` is one of not_configured, unchecked, ok, refreshing, revoked, unreachable.
        Never waits, never calls Twitch, holds no secret."""
        token = self._tokens.status()
        missing = missing_scopes(token["scopes"], self._policies()) if token["identity"] else []
        return {**token, "scopes_missing": missing, "login": self.login.status()}

    def disconnect(self) -> None:
        """Forget the stored tokens and revoke them at Twitch in the background. Raises SecretStoreError."""
        used = self._tokens.forget()
        self._log.event("twitch_disconnected")
        if used is None or not used[1] or self._transport.closing:
            return
        access, client_id = used

        def revoke() -> None:
            try:
                self._oauth.revoke(access, client_id, _CHECK_TIMEOUT_S)
            except ClawcraftError as error:
                self._log.event("twitch_revoke_failed", code=error.code, reason=error.message)

        revoker = threading.Thread(target=revoke, name="twitch-revoke", daemon=True)
        self._revokers = [*(thread for thread in self._revokers if thread.is_alive()), revoker]
        revoker.start()

    # --- sync actions ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self, action: str, channel: str | None) -> Iterator[HelixSession]:
        """All a sync action needs, within TOOL_SERVICE_TIMEOUT_MS.

        Raises ChannelNotAllowed and whatever ``Helix`` raises, before anything is sent for the action.
        """
        helix = self.helix(action).ready()
        broadcaster = self._broadcasters.resolve(helix, channel)
        yield HelixSession(helix, broadcaster, self._metadata, self._shoutouts, self._transport.pause)

    def helix(self, action: str, deadline: Deadline | None = None) -> ShowHelix:
        """Helix for one action, by default within the time of a sync action."""
        until = deadline or self._transport.deadline(self._settings().action_timeout_s)
        return ShowHelix(self._transport, self._tokens, self._settings, until, action)

    # --- a start of the stream, on the stream worker --------------------------------------------------------------

    def check_channel(self, channel: str, *, ask: bool = True) -> None:
        """Whether an agent may name ``channel``. Raises ChannelNotAllowed; TwitchNotConfigured, TwitchUnavailable and
        the like where only Twitch could tell; without ``ask``, TwitchUnavailable there at once."""

        def helix() -> ShowHelix:
            if not ask:
                raise TwitchUnavailable("Whose channel this is was not known here, and Twitch was not asked.")
            return self.helix("", self._transport.deadline(_CHECK_TIMEOUT_S))

        self._broadcasters.check(channel, helix, self._tokens.identity)

    def apply_metadata(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Set the title and game of a start's ``args``; ``{}`` without a call if it has neither. Raises
        ClawcraftError."""
        if not {"title", "game", "game_id"} & set(args):
            return {}
        with self.session("twitch.start_stream", args.get("channel")) as session:
            return session.metadata.apply(session.helix, session.broadcaster.id, args)

    def wait_until_live(self, progress: Callable[[int, str], None], channel: str | None = None) -> dict[str, Any]:
        """See ``live_check``: at most 180 s, raises only Interrupted and what ``progress`` raises."""

        def find(deadline: Deadline) -> Row | None:
            broadcaster = self._broadcasters.resolve(self.helix(""), channel)
            return self.helix("", deadline).stream(broadcaster.id)

        return wait_until_live(self._transport, find, progress)
