"""Twitch, as the rest of the service sees it: sessions for the sync actions, what a start needs, status, login.

Owns the transport, the token thread and the login thread. ``close`` ends all of them at once, even while Twitch hangs.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft import twitch_health as health
from clawcraft.actions.catalogue import Policy
from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, Interrupted, Stopping, TwitchUnavailable
from clawcraft.heard import missing_event_scopes
from clawcraft.secrets import SecretStore
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.bot import BOT_SCOPES, BotLog, BotSecrets, bot_settings, missing_bot_scopes
from clawcraft.twitch.broadcaster import Broadcaster, Broadcasters
from clawcraft.twitch.call import Deadline, May, Wait, no_objection
from clawcraft.twitch.channel_page import ChannelPage
from clawcraft.twitch.channel_sections import ADS_SCOPE
from clawcraft.twitch.credentials import CredentialStore
from clawcraft.twitch.eventsub import Account
from clawcraft.twitch.hearing import Hearing, OnHeard
from clawcraft.twitch.helix import Helix, Stream
from clawcraft.twitch.helix_show import ShowHelix
from clawcraft.twitch.live_check import ANY, Expected, wait_until_live
from clawcraft.twitch.login import PanelLogin
from clawcraft.twitch.metadata import change_metadata
from clawcraft.twitch.oauth import OAuth
from clawcraft.twitch.scopes import login_scopes, missing_scopes
from clawcraft.twitch.shoutouts import ShoutoutTimes
from clawcraft.twitch.speaker import Speaker
from clawcraft.twitch.tokens import TokenKeeper
from clawcraft.twitch.transport import OnCall, Transport

JOIN_S: Final = 1.0
_CHECK_TIMEOUT_S: Final = 5.0
_LISTED_TIMEOUT_S: Final = 3.0
_ONLINE_SLACK_S: Final = 10.0
"""Twitch can tell of a stream while OBS still says that it connects."""


@dataclass(frozen=True, slots=True)
class HelixSession:
    """What one sync action talks to Twitch with, and the channel it is about. ``pause`` waits so many seconds, and
    raises Stopping when the service stops meanwhile."""

    helix: ShowHelix
    broadcaster: Broadcaster
    shoutouts: ShoutoutTimes
    pause: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class ChatSession:
    """What one action says something in a chat with."""

    speaker: Speaker
    broadcaster: Broadcaster


class Twitch:
    """The Twitch side of the service. Any thread.

    Parameters: ``settings`` gives those in force; ``on_call`` is told ``(endpoint, outcome, seconds)`` of each call,
    ``on_heard`` the type of each event; ``wait`` is how a thread waits for an event; ``policies`` are those in force,
    by the name of the action.
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
        on_heard: OnHeard = lambda _type: None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._policies = policies
        self._log = log
        self._transport = Transport(settings, clock, wait, on_call, f"twitch-clawcraft/{version}")
        self._oauth = OAuth(self._transport, settings)
        self._tokens = TokenKeeper(CredentialStore(store, settings), self._oauth, clock, log)
        self._broadcasters = Broadcasters(settings)
        self._shoutouts = ShoutoutTimes(clock)
        account = Account(
            self._helix_within,
            self._own_channel,
            lambda: self._tokens.connected,
            lambda: self._tokens.identity,
            lambda: self._bot.identity,
        )
        self.hearing = Hearing(settings, account, clock, wait, log, on_heard)
        self.login = PanelLogin(self._oauth, self._tokens, settings, clock, wait, log, self._login_scopes)
        self.page = ChannelPage(
            self._tokens.status,
            lambda until: self.helix("", until),
            self._own_channel,
            self._transport.deadline,
            clock,
            log,
        )
        pair = CredentialStore(BotSecrets(store), lambda: bot_settings(settings()))
        self._bot = TokenKeeper(pair, self._oauth, clock, BotLog(log), "twitch-bot-tokens")
        self.bot_login = PanelLogin(
            self._oauth, self._bot, settings, clock, wait, BotLog(log), lambda: BOT_SCOPES, "twitch-bot-login"
        )

    def start(self) -> None:
        """Begin to watch over the tokens, and to hear what the streamer chose; returns at once."""
        self._tokens.start()
        self._bot.start()
        self.page.start()
        self.hearing.apply()

    def close(self) -> None:
        """Cut every call, end every thread, within JOIN_S; idempotent.

        A refresh that was sent is not cut: it has JOIN_S to arrive. After a reload it may take longer, and then does
        nothing but store its answer, which the next life waits for and takes over.
        """
        self.page.close()
        self.hearing.begin_stop()
        self.login.close()
        self.bot_login.close()
        self._tokens.stop()
        self._bot.stop()
        threads = [*self._transport.close(), *self._tokens.threads, *self.login.threads]
        threads += [*self._bot.threads, *self.bot_login.threads, *self.page.threads, *self.hearing.threads]
        until = time.monotonic() + JOIN_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        waits = self._tokens.threads if self._tokens.refreshing else []
        if waits:
            self._log.event("twitch_refresh_goes_on", message="its answer will be stored")
        if left := [thread.name for thread in threads if thread.is_alive() and thread not in waits]:
            self._log.event("threads_left", message=", ".join(left))

    def status(self) -> dict[str, Any]:
        """``{"state", "identity", "client_id", "scopes", "scopes_missing", "expires_at", "refreshable", "checked_at",
        "last_error", "renewal", "login", "troubles", "bot"}``; ``state`` is one of not_configured, unchecked, ok,
        refreshing, revoked, unreachable; ``troubles`` see ``health``; ``bot`` has the same of the account that speaks
        in chat. Never waits, never calls Twitch, holds no secret."""
        token = self._tokens.status()
        missing: list[dict[str, Any]] = []
        if token["identity"]:
            missing += missing_scopes(token["scopes"], self._policies())
            missing += missing_event_scopes(token["scopes"], self._settings().twitch_events)
        token = {**token, "scopes_missing": missing}
        found = [trouble.to_json() for trouble in health.troubles(token, self._settings())]
        return {**token, "login": self.login.status(), "troubles": found, "bot": self._bot_status()}

    def _login_scopes(self) -> tuple[str, ...]:
        return (*login_scopes(self._policies(), self._settings().twitch_events), ADS_SCOPE)

    @property
    def token_expires_in_s(self) -> float | None:
        """Seconds that the access token still lives; None: not known, or for ever. Any thread, no waiting."""
        return self._tokens.expires_in_s

    def _bot_status(self) -> dict[str, Any]:
        status = self._bot.status()
        missing = missing_bot_scopes(status["scopes"]) if status["identity"] else []
        code, fix = health.MISSING_SCOPE, "Connect it again."
        found = [health.Trouble(code, f"its token lacks {each['scope']}", fix).to_json() for each in missing]
        error = status["last_error"] or {}
        if error.get("code") == health.SECRET_STORE:
            found.append(health.Trouble(health.NOT_STORED, error["message"], error["hint"]).to_json())
        return {**status, "scopes_missing": missing, "login": self.bot_login.status(), "troubles": found}

    # --- sync actions ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(self, action: str, channel: str | None, may: May) -> Iterator[HelixSession]:
        """All a sync action needs, within TOOL_SERVICE_TIMEOUT_MS. ``may`` is asked before each try of what changes
        something, and what it raises ends the action.

        Raises ChannelNotAllowed and whatever ``Helix`` raises, before anything is sent for the action.
        """
        helix = self.helix(action, may=may).ready()
        try:
            broadcaster = self._broadcasters.resolve(helix, channel)
            yield HelixSession(helix, broadcaster, self._shoutouts, self._transport.pause)
        finally:
            self.page.expire()

    @contextlib.contextmanager
    def chat_session(self, action: str, channel: str | None, may: May) -> Iterator[ChatSession]:
        """``session`` for what is said in chat. The streamer's token tells whose channel it is; the bot's, where there
        is one, only says it."""
        is_bot = self._bot.configured
        until = self._transport.deadline(self._settings().action_timeout_s)
        speaks = Helix(self._transport, self._bot if is_bot else self._tokens, self._settings, until, action, may)
        speaker = Speaker(speaks, is_bot=is_bot)
        yield ChatSession(speaker, self._broadcasters.resolve(self.helix("", until), channel))

    def helix(self, action: str, deadline: Deadline | None = None, may: May = no_objection) -> ShowHelix:
        """Helix for one action, by default within the time of a sync action."""
        until = deadline or self._transport.deadline(self._settings().action_timeout_s)
        return ShowHelix(self._transport, self._tokens, self._settings, until, action, may)

    # --- a start of the stream, on the stream worker --------------------------------------------------------------

    def check_channel(self, channel: str, *, ask: bool = True) -> None:
        """Whether an agent may name ``channel``. Raises ChannelNotAllowed; TwitchNotConfigured, TwitchUnavailable and
        the like where only Twitch could tell; without ``ask``, TwitchUnavailable there at once."""

        def helix() -> ShowHelix:
            if not ask:
                raise TwitchUnavailable("Whose channel this is was not known here, and Twitch was not asked.")
            return self.helix("", self._transport.deadline(_CHECK_TIMEOUT_S))

        self._broadcasters.check(channel, helix, self._tokens.identity)

    def apply_metadata(self, args: Mapping[str, Any], may: May) -> dict[str, Any]:
        """Set the title and game of a start's ``args``; ``{}`` without a call if it has neither. ``may`` as for
        ``session``. Raises ClawcraftError."""
        if not {"title", "game", "game_id"} & set(args):
            return {}
        with self.session("twitch.start_stream", args.get("channel"), may) as session:
            return change_metadata(session.helix, session.broadcaster, args, session.pause)

    def listed_stream(self, channel: str | None = None) -> str:
        """The id of the stream that Twitch lists at this moment, which may have ended; empty if there is none, or if
        Twitch does not say so within 3 s. Raises Interrupted."""
        try:
            helix = self.helix("", self._transport.deadline(_LISTED_TIMEOUT_S))
            found = helix.stream(self._broadcasters.resolve(helix, channel).id)
        except Stopping as error:
            raise Interrupted(error.message) from None
        except ClawcraftError:
            return ""
        return "" if found is None else found.id

    def wait_until_live(
        self,
        progress: Callable[[int, str], None],
        channel: str | None = None,
        expected: Expected = ANY,
        is_over: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """See ``live_check``: at most 180 s, raises only Interrupted and what ``progress`` raises."""

        def find(deadline: Deadline) -> Stream | None:
            broadcaster = self._broadcasters.resolve(self.helix(""), channel)
            return self.helix("", deadline).stream(broadcaster.id)

        # Only what was heard since OBS has been streaming is about this stream.
        since_s = self._clock.monotonic() - (expected.up_s or 0.0) - _ONLINE_SLACK_S
        heard = functools.partial(self.hearing.live_since, since_s, channel)
        return wait_until_live(self._transport, find, progress, expected, heard, is_over)

    # --- hearing, on the EventSub thread ---------------------------------------------------------------------------

    def _helix_within(self, total_s: float) -> Helix:
        return self.helix("", self._transport.deadline(total_s))

    def _own_channel(self, helix: Helix) -> Broadcaster:
        return self._broadcasters.resolve(helix, None)
