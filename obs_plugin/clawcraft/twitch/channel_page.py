"""The body of ``GET /channel``: what Twitch shows of the channel, asked for at most once in ten seconds.

Requests read it on HTTP workers and never call Twitch there. One thread, ``twitch-channel``, reads what is due while
somebody asks, so that many callers cost one refresh, and a Twitch that hangs costs each of them no more than the wait
it chose: whoever's wait ends first is answered with what there is, its age, and why it is no younger.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import ClawcraftError, Stopping, TwitchNotConfigured, TwitchUnavailable
from clawcraft.telemetry.events import EventLog, incident
from clawcraft.twitch.broadcaster import Broadcaster
from clawcraft.twitch.call import Deadline
from clawcraft.twitch.channel_sections import LIVE_S, SECTIONS, Data, NotPermitted, Section, public
from clawcraft.twitch.helix import Helix

SECTION_S: Final = 4.0
ROUND_S: Final = 10.0
"""The longest time for one section, and for all that are due."""

Missing = Mapping[str, str]


@dataclass
class _Kept:
    """One section as it was read last. ``read_at_s`` is monotonic, ``as_of_s`` wall time; both None until Twitch has
    answered. ``error`` and ``missing`` tell why the last try gave nothing."""

    section: Section
    due_at_s: float = float("-inf")
    read_at_s: float | None = None
    as_of_s: float | None = None
    data: Data | None = None
    error: ClawcraftError | None = None
    missing: Missing | None = None


@dataclass(eq=False)
class ChannelPage:
    """``read`` may be called from any thread.

    Parameters: ``token`` gives the status of the streamer's token; ``helix`` makes Helix for a deadline; ``own`` tells
    whose channel it is; ``deadline`` is a time from now.
    """

    _token: Callable[[], Mapping[str, Any]]
    _helix: Callable[[Deadline], Helix]
    _own: Callable[[Helix], Broadcaster]
    _deadline: Callable[[float], Deadline]
    _clock: Clock
    _log: EventLog

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._wanted = self._closing = False
        self._waiting = self._expired = 0
        self._user_id: str | None = None
        self._broadcaster: Broadcaster | None = None
        self._kept = _nothing()
        self._thread = threading.Thread(target=self._run, name="twitch-channel", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No further call; whoever waits gets Stopping."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    @property
    def threads(self) -> list[threading.Thread]:
        """What runs: to be joined once the transport is closed, after which nothing at Twitch holds it."""
        return [self._thread] if self._thread.is_alive() else []

    def expire(self) -> None:
        """An action has changed something: who asks next must not be shown the moment before."""
        with self._changed:
            self._expired += 1
            for kept in self._kept:
                kept.due_at_s = float("-inf")

    def read(self, wait_s: float) -> dict[str, Any]:
        """``{"broadcaster", "channel", "stream", "next_ad", "latest_vod", "latest_clip"}``, waiting at most ``wait_s``
        for what is due; see ``schemas/responses/channel.json``. Raises TwitchNotConfigured, Stopping."""
        token = self._token()
        if token["state"] == "not_configured":
            raise TwitchNotConfigured((token["last_error"] or {}).get("message") or "Twitch is not connected")
        with self._changed:
            self._forget_other_account((token["identity"] or {}).get("user_id"))
            if self._due():
                self._wanted = True
                self._changed.notify_all()
                self._waiting += 1
                self._changed.wait_for(lambda: self._closing or not self._due(), wait_s)
                self._waiting -= 1
            if self._closing:
                raise Stopping("the service stops")
            return self._page()

    # --- under the lock -------------------------------------------------------------------------------------------

    def _due(self) -> list[_Kept]:
        now_s = self._clock.monotonic()
        return [kept for kept in self._kept if now_s >= kept.due_at_s]

    def _forget_other_account(self, user_id: str | None) -> None:
        """Another account is connected: nothing of the former one's may be shown as its own."""
        if user_id is not None and user_id != self._user_id:
            if self._user_id is not None:
                self._broadcaster, self._kept = None, _nothing()
            self._user_id = user_id

    def _page(self) -> dict[str, Any]:
        owner = self._broadcaster
        shown = {kept.section.name: self._shown(kept) for kept in self._kept}
        return {"broadcaster": {"login": owner.login, "id": owner.id} if owner else None, **shown}

    def _shown(self, kept: _Kept) -> dict[str, Any]:
        known = kept.read_at_s is not None
        error = kept.error
        if error is None and not known and kept.missing is None:
            error = TwitchUnavailable("Twitch has not answered yet", hint="Ask again in a few seconds.")
        return {
            "as_of": rfc3339(kept.as_of_s) if kept.as_of_s is not None else None,
            "age_s": round(self._clock.monotonic() - kept.read_at_s, 1) if kept.read_at_s is not None else None,
            "data": public(kept.section.show(kept.data, self._clock.time())) if kept.data is not None else None,
            **({"error": error.to_json()} if error is not None else {}),
            **({"missing": dict(kept.missing)} if kept.missing is not None else {}),
        }

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or ((self._wanted or self._waiting) and self._due()))
                if self._closing:
                    return
                self._wanted = False
                expired = self._expired
            self._refresh(expired)

    def _refresh(self, expired: int) -> None:
        """Read what is due. ``expired`` is how often that was said by then: what is said meanwhile counts later."""
        until = self._deadline(ROUND_S)
        try:
            helix = self._helix(self._within(until))
            owner, user_id = self._own(helix), helix.identity.user_id
        except Exception as error:  # noqa: BLE001 - a defect must not end the only thread that reads
            failure = self._told(error)
            for kept in self._due_now():
                self._keep(kept, expired, error=failure)
            return
        with self._changed:
            self._forget_other_account(user_id)
            if self._broadcaster is not None and owner.id != self._broadcaster.id:
                self._kept = _nothing()
            self._broadcaster = owner
        for kept in self._due_now():
            try:
                data = kept.section.read(self._helix(self._within(until)), owner.id, self._clock.time())
            except NotPermitted as refusal:
                self._keep(kept, expired, missing=refusal.missing)
            except Exception as error:  # noqa: BLE001 - see above
                self._keep(kept, expired, error=self._told(error))
            else:
                self._keep(kept, expired, data=data, answered=True)

    def _due_now(self) -> list[_Kept]:
        with self._changed:
            return self._due()

    def _within(self, until: Deadline) -> Deadline:
        return self._deadline(min(SECTION_S, until.remaining_s))

    def _told(self, error: Exception) -> ClawcraftError:
        return error if isinstance(error, ClawcraftError) else incident(self._log, error)

    def _keep(
        self,
        kept: _Kept,
        expired: int,
        *,
        data: Data | None = None,
        answered: bool = False,
        error: ClawcraftError | None = None,
        missing: Missing | None = None,
    ) -> None:
        """What a try gave. One that failed leaves what was known before, and is repeated soon."""
        with self._changed:
            now_s = self._clock.monotonic()
            kept.error, kept.missing = error, missing
            if answered or missing is not None:
                kept.data = data
                kept.read_at_s, kept.as_of_s = (now_s, self._clock.time()) if answered else (None, None)
            if expired == self._expired:
                kept.due_at_s = now_s + (kept.section.counts_s if answered else LIVE_S)
            self._changed.notify_all()


def _nothing() -> list[_Kept]:
    return [_Kept(section) for section in SECTIONS]
