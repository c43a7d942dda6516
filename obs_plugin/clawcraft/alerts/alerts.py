"""What waits to be sent, and the one thread that looks for what is wrong and sends it: ``clawcraft-alerts``.

There is a thread only where there is a webhook. Nothing waits for it: whoever has something to tell leaves it in a
queue that is bounded. It is told to end with the rest, gets FLUSH_S to send what waits, and is joined.
"""

import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.alerts.alert import Alert, EndedJob, State
from clawcraft.alerts.conditions import Conditions
from clawcraft.alerts.formats import body
from clawcraft.alerts.webhook import Outcome, Try, Webhook
from clawcraft.clock import Clock, rfc3339
from clawcraft.secrets import Secret
from clawcraft.settings import AlertFormat, Settings, alert_format_of
from clawcraft.telemetry.events import EventLog

LOOK_S: Final = 5.0
"""How often what is wrong is looked for."""
MAX_WAITING: Final = 50
MAX_TRIES: Final = 5
FIRST_BACKOFF_S: Final = 2.0
SEND_TIMEOUT_S: Final = 10.0
FLUSH_S: Final = 0.8
"""How long the end of the service waits for what was not sent yet; OBS waits meanwhile."""
_CUT_S: Final = 0.2


@dataclass(eq=False)
class Alerts:
    """``checks`` gives what ``Conditions.look`` takes, and may ask OBS, within its own deadline. ``count`` is told
    sent, given_up or dropped for each alert."""

    _settings: Callable[[], Settings]
    _checks: Callable[[], list[dict[str, str]]]
    _webhook: Webhook
    _clock: Clock
    _log: EventLog
    _count: Callable[[str], None]
    _version: str

    def __post_init__(self) -> None:
        self._conditions = Conditions()
        self._changed = threading.Condition()
        self._waiting: deque[Alert] = deque()
        self._tries = 0
        """Of the oldest one."""
        self._counts = {"sent": 0, "given_up": 0, "dropped": 0}
        self._lost = 0
        self._url: Secret | None = None
        self._problem = ""
        self._sent_at_s: float | None = None
        self._look_at_s = self._send_at_s = float("-inf")
        self._flush_until_s: float | None = None
        self._woken = False
        self._thread: threading.Thread | None = None

    # --- any thread -----------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """The settings may be others. Supervisor thread."""
        url = self._settings().alert_webhook_url
        with self._changed:
            if url != self._url:
                self._url, self._problem, self._send_at_s = url, "", float("-inf")
            if url is None or self._flush_until_s is not None:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="clawcraft-alerts", daemon=True)
                self._thread.start()
            self._wake()

    def job_ended(self, job: EndedJob) -> None:
        """Returns at once."""
        if self._settings().alert_webhook_url is None:
            return
        with self._changed:
            alert = self._conditions.job_ended(job, self._clock.monotonic(), self._clock.time())
            if alert is not None:
                self._put(alert)
                self._wake()

    def test(self) -> None:
        """Send one that says it is a test. Returns at once."""
        at_s = self._clock.time()
        alert = Alert("test", State.TEST, "This is a test: alerts of twitch-clawcraft arrive here", at_s)
        with self._changed:
            self._put(alert)
            self._wake()

    def status(self) -> dict[str, Any]:
        """The ``alerts`` object of ``GET /status``; nothing of the address."""
        settings = self._settings()
        url = settings.alert_webhook_url
        with self._changed:
            return {
                "configured": url is not None,
                "format": None if url is None else str(alert_format_of(settings)),
                "problem": (self._problem or None) if url is not None else None,
                "open": self._conditions.open,
                "waiting": len(self._waiting),
                **self._counts,
                "last_sent_at": None if self._sent_at_s is None else rfc3339(self._sent_at_s),
            }

    def begin_stop(self) -> None:
        """From now on nothing is looked for, and what waits has FLUSH_S. Returns at once."""
        with self._changed:
            if self._flush_until_s is None:
                self._flush_until_s = self._clock.monotonic() + FLUSH_S
            self._wake()

    def stop(self) -> None:
        """Join the thread, at the latest FLUSH_S after ``begin_stop`` and a moment; idempotent."""
        self.begin_stop()
        thread, until_s = self._thread, self._flush_until_s
        if thread is not None and until_s is not None:
            thread.join(max(0.0, until_s - self._clock.monotonic()))
            self._webhook.close()
            thread.join(_CUT_S)
        self._webhook.close()

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            wait_s = self.step()
            with self._changed:
                if self._flush_until_s is None:
                    self._changed.wait_for(lambda: self._woken, wait_s)
                elif not self._waiting:
                    return
                self._woken = False

    def step(self) -> float | None:
        """Do what is due; the seconds until something else is, None for nothing before the settings change."""
        settings = self._settings()
        url = settings.alert_webhook_url
        flush = self._flush_until_s is not None
        if url is None and not flush:
            with self._changed:
                self._waiting.clear()
                self._tries = 0
                self._conditions = Conditions()
            return None
        now_s = self._clock.monotonic()
        if not flush and now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look(now_s)
        with self._changed:
            waiting = self._waiting[0] if self._waiting else None
            lost = self._lost
        if waiting is not None and url is not None and (flush or now_s >= self._send_at_s):
            within_s = SEND_TIMEOUT_S if self._flush_until_s is None else self._flush_until_s - now_s
            form = alert_format_of(settings)
            self._note(waiting, self._try(url, form, waiting, lost, within_s), lost)
        elif waiting is not None and flush:
            self._note(waiting, Try(Outcome.REFUSED, "the service stops"))
        now_s = self._clock.monotonic()
        next_s = min(self._look_at_s, self._send_at_s) if self._waiting else self._look_at_s
        return max(0.0, next_s - now_s)

    def _try(self, url: Secret, form: AlertFormat, alert: Alert, lost: int, within_s: float) -> Try:
        if within_s <= 0:
            return Try(Outcome.REFUSED, "the service stops")
        try:
            return self._webhook.post(url, body(form, alert, self._version, lost), within_s)
        except Exception as error:  # noqa: BLE001 - one alert that cannot be said must not end those that can
            return Try(Outcome.REFUSED, f"internal error: {type(error).__name__}")

    def _look(self, now_s: float) -> None:
        try:
            checks: list[dict[str, str]] = self._checks()
        except Exception as error:  # noqa: BLE001 - the next look may succeed
            self._log.event("alerts_blind", reason=type(error).__name__)
            return
        at_s = self._clock.time()
        with self._changed:
            for alert in self._conditions.look(checks, now_s, at_s):
                if alert.again:  # not lost after all
                    self._lost = max(0, self._lost - 1)
                self._put(alert)

    def _note(self, alert: Alert, tried: Try, told_lost: int = 0) -> None:
        """What became of a try of the oldest that waits, which told of so many that were lost before."""
        self._tries += 1
        now_s, flush = self._clock.monotonic(), self._flush_until_s is not None
        with self._changed:
            self._problem = tried.problem
            if tried.outcome is Outcome.SENT:
                self._sent_at_s, self._send_at_s = self._clock.time(), now_s
                self._lost -= told_lost
                self._take("sent")
                return
            backoff_s = FIRST_BACKOFF_S * 2 ** (self._tries - 1) * random.uniform(1.0, 1.25)  # noqa: S311
            if tried.outcome is Outcome.AGAIN:
                self._send_at_s = now_s + max(backoff_s, tried.told_s or 0.0)
            if tried.outcome is Outcome.REFUSED or self._tries >= MAX_TRIES or flush:
                self._lost += 1
                self._log.event("alert_not_sent", alert=alert.event, tries=self._tries, reason=tried.problem)
                self._take("given_up")
                # What a receiver refuses it would refuse again; one that was not reached can be by then.
                if tried.outcome is Outcome.AGAIN and alert.state is State.RAISED:
                    self._raise_again(alert.event, now_s)

    # --- under the lock -------------------------------------------------------------------------------------------

    def _put(self, alert: Alert) -> None:
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(alert)
        else:
            self._lost += 1
            self._log.event("alert_not_sent", alert=alert.event, reason=f"{MAX_WAITING} wait already")
            self._note_outcome("dropped")

    def _raise_again(self, event: str, now_s: float) -> None:
        if all(each.event != event for each in self._waiting):
            self._conditions.not_told(event, now_s)

    def _take(self, outcome: str) -> None:
        self._waiting.popleft()  # only this thread takes from the queue
        self._tries = 0
        self._note_outcome(outcome)

    def _note_outcome(self, outcome: str) -> None:
        self._counts[outcome] += 1
        self._count(outcome)

    def _wake(self) -> None:
        self._woken = True
        self._changed.notify_all()
