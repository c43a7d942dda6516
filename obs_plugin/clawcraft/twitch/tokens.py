"""The streamer's token: who it is, whether it still works, and a new one in time.

One thread, ``twitch-tokens``, makes every validate and refresh call, so that a refresh is single-flight by
construction and outlives the action that asked for it: a refresh token of a public client works once, and an answer
that nobody waits for any more would be a lost login. Actions call ``lease`` and wait, each within its own deadline.

How a refresh itself is made safe against crashes, reloads and other processes: ``renewal.py``.
"""

import contextlib
import copy
import threading
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import (
    ClawcraftError,
    InternalError,
    Stopping,
    Timeout,
    TwitchNotConfigured,
    TwitchTokenInvalid,
    TwitchUnavailable,
)
from clawcraft.secrets import Secret, SecretStoreError
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.call import Deadline
from clawcraft.twitch.credentials import Credentials, CredentialStore
from clawcraft.twitch.oauth import Grant, GrantRefused, Identity, OAuth
from clawcraft.twitch.renewal import CALL_TIMEOUT_S, Renewal, refusal
from clawcraft.twitch.token_state import TokenState
from clawcraft.twitch_health import SECRET_STORE

LOOK_EVERY_S: Final = 15.0
"""How soon a login made by another process, or a due refresh, is noticed."""
RETRY_AFTER_S: Final = 30.0
MAX_RETRY_AFTER_S: Final = 600.0
"""Whatever Twitch asks for: until then nothing is stored either that the disk refused."""
_NOTICE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Lease:
    """A token that is valid as far as anybody knows, and whose it is."""

    access: Secret
    identity: Identity


@dataclass(eq=False)
class TokenKeeper:
    """Keeps the pair of tokens valid. Public methods may be called from any thread."""

    _store: CredentialStore
    _oauth: OAuth
    _clock: Clock
    _log: EventLog
    _thread_name: str = "twitch-tokens"

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._renewal = Renewal(self._store, self._oauth, self._closing, self._log)
        self._thread = threading.Thread(target=self._run, name=self._thread_name, daemon=True)
        self._begun = self._done = 0
        self._wanted = self._check_wanted = False
        self.refreshing = False
        """Whether a refresh is under way: its answer is not stored yet."""
        self._failure: ClawcraftError | None = None
        self._next_try_at = float("-inf")
        self._token = TokenState(self._clock)
        self._publish()

    def start(self) -> None:
        """Read the store and begin to watch over the token."""
        with self._changed:
            self._look_at_store()
        self._thread.start()

    def stop(self) -> None:
        """Accept nothing new. A refresh that was sent goes on until its answer is stored, and does nothing else: its
        thread is among ``threads`` as long as it runs."""
        self._closing.set()
        # Not ``with``: a store that hangs holds the lock, and must not hold up the end of the service.
        if self._changed.acquire(timeout=_NOTICE_S):
            self._changed.notify_all()
            self._changed.release()

    @property
    def threads(self) -> list[threading.Thread]:
        """What runs: to be joined once the transport is closed, after which nothing at Twitch holds it."""
        return [self._thread] if self._thread.is_alive() else []

    def status(self) -> dict[str, Any]:
        """``TokenState.to_json`` as of the last change: no network, no file, no waiting."""
        return self._status

    @property
    def expires_in_s(self) -> float | None:
        """Seconds that the access token still lives; None: not known, or for ever. No waiting."""
        return self._token.expires_in_s

    @property
    def identity(self) -> Identity | None:
        """Whose token it was at the last check; no waiting."""
        return self._token.identity

    @property
    def connected(self) -> bool:
        """Whether there was a pair at the last look; no waiting."""
        return self._token.credentials is not None

    @property
    def configured(self) -> bool:
        """Whether there is a pair, now."""
        with self._changed:
            self._look_at_store()
            return self._token.credentials is not None

    def lease(self, deadline: Deadline) -> Lease:
        """The current token, waiting for a check or refresh if it needs one.

        Raises TwitchNotConfigured, TwitchTokenInvalid, TwitchUnavailable, Timeout, Stopping.
        """
        with self._changed:
            while True:
                self._raise_if_closing()
                self._look_at_store()
                token = self._token
                if token.credentials is None:
                    raise TwitchNotConfigured(self._store.trouble or "Twitch is not connected")
                # Whatever is due by the clock is done now, at the latest; nobody waits for it here.
                self._changed.notify_all()
                if token.revoked is not None:
                    raise copy.copy(token.revoked)
                if token.usable() and token.access is not None and token.identity is not None:
                    return Lease(token.access, token.identity)
                self._await_round(deadline, self._begun if self._begun > self._done else self._begun + 1)

    def refused(self, lease: Lease, deadline: Deadline) -> Lease:
        """Helix calls this token invalid: the next one, or the same if Twitch's validation stands by it."""
        with self._changed:
            if self._token.access == lease.access:
                self._token.refused = lease.access
        return self.lease(deadline)

    def confirm(self, lease: Lease, deadline: Deadline) -> Lease:
        """Helix answered 401 without saying that the token is invalid: ask the authority before anything else."""
        with self._changed:
            if self._token.access == lease.access:
                self._check_wanted = True
                self._await_round(deadline, self._begun + 1)
        return self.lease(deadline)

    def adopt(self, grant: Grant, client_id: str) -> None:
        """Store a pair that a login gave, and check it. Waits for a refresh under way, which would store its own pair
        over it. Raises SecretStoreError."""
        with contextlib.ExitStack() as held:
            # Also where the turn does not come, or the service stops: the tokens exist nowhere else.
            with contextlib.suppress(TwitchUnavailable):
                held.enter_context(self._renewal.turn())
            with self._changed:
                self._store.write(grant.access, grant.refresh, client_id)
                self._wanted = True
                self._changed.notify_all()

    def forget(self) -> tuple[Secret, str] | None:
        """Remove the stored pair; gives the access token that was in use, with its client id. Raises
        SecretStoreError."""
        with self._changed:
            used, identity = self._token.credentials, self._token.identity
            self._store.forget()
            self._look_at_store()
            self._wanted = True
            self._changed.notify_all()
        if used is None or used.access is None:
            return None
        return used.access, identity.client_id if identity else used.client_id

    # --- under the lock --------------------------------------------------------------------------------------------

    def _look_at_store(self) -> None:
        """Take over a pair that somebody else stored, or that the operator set, since the last look."""
        trouble = self._store.trouble
        if self._store.look():
            self._token = TokenState(self._clock, self._store.pair)
            self._failure = None
            self._next_try_at = float("-inf")
        elif trouble == self._store.trouble:
            return
        self._publish()

    def _await_round(self, deadline: Deadline, number: int) -> None:
        """Wait until the thread ended its round ``number``, under way or next. Raises what it failed with."""
        if number > self._begun:
            self._wanted = True
            self._changed.notify_all()
        if not self._changed.wait_for(lambda: self._done >= number or self._closing.is_set(), deadline.remaining_s):
            raise Timeout(
                f"the Twitch token could not be checked within the {deadline.total_s:g} s of the action",
                retryable=True,
                hint="Nothing was sent for this action; try again.",
            )
        self._raise_if_closing()
        if self._failure is not None and not self._token.usable():
            failure = copy.copy(self._failure)
            # For the token's own call it may be otherwise: of the action nothing was sent.
            failure.retryable = failure.retryable or isinstance(failure, TwitchUnavailable | Timeout)
            raise failure

    def _raise_if_closing(self) -> None:
        if self._closing.is_set():
            raise Stopping("the service stops")

    def _publish(self) -> None:
        self._status: dict[str, Any] = self._token.to_json(self._failure, refreshing=self.refreshing)
        unsaved = "the new Twitch token is in use but could not be stored" if self._store.unsaved else ""
        if trouble := self._store.trouble or unsaved:
            hint = "Look at the disk and the permissions of OBS's configuration folder."
            self._status["last_error"] = {"code": SECRET_STORE, "message": trouble, "hint": hint}

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing.is_set() and not self._wanted and not self._due():
                    self._changed.wait(LOOK_EVERY_S)
                if self._closing.is_set():
                    return
                self._wanted = False
                self._begun += 1
            failure: ClawcraftError | None = None
            try:
                self._round()
            except ClawcraftError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - a defect here must not end the only thread that can refresh
                failure = InternalError(f"checking the Twitch token failed ({type(error).__name__})")
            with self._changed:
                self._failure = failure
                self.refreshing = False
                if failure is not None:
                    wait_s = min(max(RETRY_AFTER_S, failure.retry_after_s or 0.0), MAX_RETRY_AFTER_S)
                    self._next_try_at = self._clock.monotonic() + wait_s
                    self._log.event("twitch_token_check_failed", code=failure.code, reason=failure.message)
                self._done = self._begun
                self._publish()
                self._changed.notify_all()

    def _due(self) -> bool:
        """Whether something has to be done unasked."""
        self._look_at_store()
        token = self._token
        if token.credentials is None or self._clock.monotonic() < self._next_try_at:
            return False
        if token.revoked is not None:
            return token.access is not None and not token.expires_within(0) and token.check_due()
        renewable = token.refreshable and token.refresh_due()
        checked = not self._check_wanted and not token.check_due()
        return self._store.unsaved or not checked or renewable or token.expires_within(0)

    def _round(self) -> None:
        with self._changed:
            self._look_at_store()
            if self._store.unsaved and self._token.credentials is not None:
                self._token.credentials = self._save(self._token.credentials)
            token = self._token
            doubted = token.revoked is None and token.access == token.refused
            asked, self._check_wanted = self._check_wanted, False
            check = asked or token.check_due() or doubted
            refresh = token.revoked is None and token.refreshable and token.refresh_due()
            over = token.access is None or token.expires_within(0)
            if over and not refresh:
                if token.credentials is not None and token.revoked is None:
                    self._revoke("the Twitch token has expired, and there is no refresh token")
                return
        if refresh:
            try:
                self._refresh()
            except ClawcraftError:
                if check and not over:
                    self._check(asked=asked)  # the access token is not worse for it
                raise
        elif check:
            self._check(asked=asked)

    def _check(self, *, asked: bool) -> None:
        """``asked``: somebody did, and it stays so until there is an answer."""
        try:
            self._validate()
        except ClawcraftError:
            with self._changed:
                self._check_wanted = self._check_wanted or asked
            raise

    def _validate(self) -> None:
        token = self._token
        if token.access is None:
            return
        identity = self._oauth.validate(token.access, CALL_TIMEOUT_S)
        with self._changed:
            if self._token is not token:
                return
            token.checked_at = self._clock.monotonic()
            if identity is not None and not identity.user_id:
                self._revoke("the Twitch token is an app token, which belongs to no streamer")
                return
            if identity is not None:
                name = "twitch_validated" if token.usable() else "twitch_connected"
                token.validated(identity)
                self._log.event(name, login=identity.login, scopes=sorted(identity.scopes))
                return
            token.refused = token.access
            # If Twitch does not accept what the last refresh gave, the next one gives no better.
            futile = token.unproved and not token.expires_within(0)
            if token.revoked is None and (futile or not token.refreshable):
                self._revoke("Twitch says that the token is not valid: revoked, or expired without a refresh token")
            if token.revoked is not None:
                return
        self._refresh()

    def _refresh(self) -> None:
        with self._renewal.turn() as mine:
            with self._changed:
                token = self._token
                self._look_at_store()
                found = token.credentials
                if not mine or self._token is not token or found is None or found.refresh is None:
                    return
                client_id = token.identity.client_id if token.identity else found.client_id
                if not client_id:
                    raise TwitchNotConfigured(
                        "a refresh token needs its client id", hint="Set TWITCH_CLIENT_ID, or connect Twitch again."
                    )
                self.refreshing = True
                self._publish()
                doubtful = self._store.doubtful
            if doubtful and found.access is not None and token.access != token.refused:
                # While the access token beside it is valid, the refresh token that was not answered is unused.
                identity = self._oauth.validate(found.access, CALL_TIMEOUT_S)
                if identity is not None:
                    doubtful = False
                    with self._changed:
                        token.validated(identity)
            self._take_next_pair(token, found, found.refresh, client_id, doubtful=doubtful)

    def _take_next_pair(
        self, token: TokenState, found: Credentials, refresh: Secret, client_id: str, *, doubtful: bool
    ) -> None:
        try:
            grant = self._renewal.ask(found, refresh, client_id)
        except GrantRefused as refused:
            with self._changed:
                # Another process may have used the refresh token and stored the answer: then that pair counts.
                self._look_at_store()
                if self._token is token:
                    token.grant_refused(refusal(refused, lost=doubtful))
                    self._log.event("twitch_refresh_refused", status=refused.reply.status, reason=refused.reply.message)
            return
        with self._changed:
            self._look_at_store()
            current = self._token.credentials
            if self._token is not token and (current is None or current.refresh != refresh):
                return
            self._token = token
            renewed = Credentials(grant.access, grant.refresh, client_id, found.client_secret, proved=True)
            token.renewed(self._save(renewed), grant)
            self._log.event("twitch_token_refreshed", expires_in_s=grant.expires_in_s)

    def _revoke(self, message: str) -> None:
        self._token.end(TwitchTokenInvalid(message))
        self._log.event("twitch_token_invalid", reason=message)

    def _save(self, pair: Credentials) -> Credentials:
        """Store a pair. If that fails it is used nevertheless, and the next rounds try again."""
        again = self._store.unsaved
        try:
            saved = self._store.save(pair)
        except SecretStoreError as error:
            self._log.event("twitch_token_not_stored", reason=str(error))
            self._next_try_at = self._clock.monotonic() + RETRY_AFTER_S
            return pair
        if again:
            self._log.event("twitch_token_stored")
        return saved
