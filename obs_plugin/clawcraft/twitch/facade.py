"""Twitch, as the rest of the service sees it: conversations for the actions, metadata for a start, status, login.

Owns the transport, the token thread and the login thread. ``close`` ends all of them at once, even while Twitch hangs.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import Busy, ClawcraftError
from clawcraft.secrets import SecretStore, SecretStoreError
from clawcraft.twitch.broadcaster import Broadcaster, Broadcasters
from clawcraft.twitch.calls import Wait
from clawcraft.twitch.config import TwitchConfig
from clawcraft.twitch.credentials import CredentialStore
from clawcraft.twitch.deadline import Deadline
from clawcraft.twitch.helix import Helix
from clawcraft.twitch.live_check import LiveCheck
from clawcraft.twitch.login import PanelLogin
from clawcraft.twitch.metadata import ChannelMetadata
from clawcraft.twitch.oauth import OAuth
from clawcraft.twitch.tokens import EventLog, TokenKeeper
from clawcraft.twitch.transport import OnCall, Transport

DEFAULT_SLOTS: Final = 4
_CHECK_TIMEOUT_S: Final = 5.0
_REFRESH_GRACE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Conversation:
    """One sync action's talk with Twitch: its Helix and the channel it is about."""

    helix: Helix
    broadcaster: Broadcaster
    metadata: ChannelMetadata
    pause: Callable[[float], None]


class Twitch:
    """The Twitch side of the service.

    Parameters: ``config`` gives the settings of now; ``on_call`` is told ``(endpoint, outcome, seconds)`` of each
    call; ``slots`` is how many sync actions may talk to Twitch at once, fewer than the server has threads, so that a
    Twitch that hangs never stops job polling.
    """

    def __init__(
        self,
        config: Callable[[], TwitchConfig],
        store: SecretStore,
        clock: Clock,
        log: EventLog,
        on_call: OnCall,
        *,
        version: str,
        slots: int = DEFAULT_SLOTS,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._config = config
        self._clock = clock
        self._log = log
        self._transport = Transport(clock, wait, on_call, f"twitch-clawcraft/{version}")
        self._oauth = OAuth(self._transport, config)
        self._tokens = TokenKeeper(config, CredentialStore(store), self._oauth, clock, log)
        self._broadcasters = Broadcasters(config)
        self._changes = ChannelMetadata(self._transport)
        self._slots = threading.BoundedSemaphore(slots)
        self._revoker: threading.Thread | None = None
        self.login = PanelLogin(self._oauth, self._tokens, config, clock, wait, log)
        self.metadata = StreamMetadata(self, self._changes, LiveCheck(clock, self._transport))

    def start(self) -> None:
        """Begin to watch over the token; returns at once."""
        self._tokens.start()

    def close(self) -> None:
        """Cut every call, end every thread; idempotent. A refresh that is just being answered may still arrive."""
        self.login.close()
        self._tokens.stop(_REFRESH_GRACE_S)
        self._transport.close()
        self._tokens.join()
        self.login.join()
        if self._revoker is not None:
            self._revoker.join()

    def status(self) -> dict[str, Any]:
        """``{"state", "identity", "client_id", "scopes", "scopes_missing", "expires_at", "refreshable", "checked_at",
        "last_error", "login"}``; ``state`` is one of not_configured, unchecked, ok, refreshing, revoked, unreachable.
        Never waits, never calls Twitch, holds no secret."""
        return {**self._tokens.status(), "login": self.login.status()}

    def recheck(self) -> None:
        """Validate the token now (the panel's button); returns at once."""
        self._tokens.wake()

    def disconnect(self) -> None:
        """Forget the stored tokens and revoke them at Twitch in the background. Raises SecretStoreError."""
        used = self._tokens.forget()
        self._log.event("twitch_disconnected")
        if used is None or not used[1] or self._transport.closing:
            return
        access, client_id = used

        def revoke() -> None:
            try:
                self._oauth.revoke(access, client_id, Deadline(self._clock, _CHECK_TIMEOUT_S))
            except ClawcraftError as error:
                self._log.event("twitch_revoke_failed", code=error.code, reason=error.message)

        self._revoker = threading.Thread(target=revoke, name="twitch-revoke", daemon=True)
        self._revoker.start()

    @contextlib.contextmanager
    def conversation(self, action: str, channel: str | None) -> Iterator[Conversation]:
        """All a sync action needs, within TOOL_SERVICE_TIMEOUT_MS.

        Raises Busy, ChannelNotAllowed and whatever ``Helix`` raises, before anything is sent for the action.
        """
        if not self._slots.acquire(blocking=False):
            raise Busy("too many actions wait for Twitch already", retry_after_s=1.0)
        try:
            helix = self.helix(action).ready()
            broadcaster = self._broadcasters.resolve(helix, channel)
            yield Conversation(helix, broadcaster, self._changes, self._transport.pause)
        except SecretStoreError as error:
            raise ClawcraftError(str(error)) from error
        finally:
            self._slots.release()

    def helix(self, action: str, deadline: Deadline | None = None) -> Helix:
        """Helix for one action, by default within the time of a sync action."""
        until = deadline or Deadline(self._clock, self._config().action_timeout_s)
        return Helix(self._transport, self._tokens, self._config, until, action)

    def broadcaster(self, helix: Helix, channel: str | None) -> Broadcaster:
        """The channel an action is about. Raises ChannelNotAllowed."""
        return self._broadcasters.resolve(helix, channel)

    def check_channel(self, channel: str) -> None:
        """Whether an agent may name ``channel``. Raises ChannelNotAllowed; TwitchNotConfigured, TwitchUnavailable and
        the like where only Twitch could tell."""

        def helix() -> Helix:
            return self.helix("", Deadline(self._clock, _CHECK_TIMEOUT_S))

        self._broadcasters.check(channel, helix, self._tokens.identity)


class StreamMetadata:
    """What a start needs of Twitch. Called on the stream worker; not counted against the slots of sync actions."""

    def __init__(self, twitch: Twitch, changes: ChannelMetadata, live_check: LiveCheck) -> None:
        self._twitch = twitch
        self._changes = changes
        self._live_check = live_check

    def check_channel(self, channel: str) -> None:
        """See ``Twitch.check_channel``."""
        self._twitch.check_channel(channel)

    def apply(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Set the title and game of ``args``; ``{}`` without a call if it has neither. Raises ClawcraftError."""
        if not {"title", "game", "game_id"} & set(args):
            return {}
        helix = self._twitch.helix("twitch.start_stream").ready()
        return self._changes.apply(helix, self._twitch.broadcaster(helix, args.get("channel")).id, args)

    def wait_until_live(self, progress: Callable[[int, str], None], channel: str | None = None) -> dict[str, Any]:
        """See ``LiveCheck.wait``: at most 180 s, raises only Interrupted and what ``progress`` raises."""

        def helix(deadline: Deadline) -> Helix:
            return self._twitch.helix("", deadline)

        def broadcaster_id() -> str:
            return self._twitch.broadcaster(self._twitch.helix(""), channel).id

        return self._live_check.wait(broadcaster_id, helix, progress)
