"""How streaming goes in the fake OBS: what the server, the encoder, the user and the computer do."""

from dataclasses import dataclass, replace
from typing import Literal

CONNECT_FAILED, INVALID_STREAM, DISCONNECTED = -2, -3, -5


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, as measured on a real OBS 29 that streams to loopback; ``scaled(0.05)`` makes tests fast."""

    connect_s: float = 0.2
    refuse_s: float = 0.17
    fail_s: float = 0.02
    stop_s: float = 0.19
    second_stop_s: float = 1.0
    deactivate_s: float = 0.005
    reconnect_s: float = 2.0
    transition_s: float = 0.3

    def scaled(self, factor: float) -> "Timings":
        return Timings(**{name: getattr(self, name) * factor for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way it can go; ``MockObs.scenario`` may change at any time and counts from the next start on, ``meet`` gives
    each of the next starts its own.

    Attributes:
        stop_code: the connection fails with this code of the ``stop`` signal; None connects.
        last_error: what ``obs_output_get_last_error`` says after a failure.
        silent: the server accepts and never answers.
        asks: OBS asks inside its start, before anything begins (no broadcast was set up); a click closes the box.
        confirms: the Start button asks first (no sources, ``WarnBeforeStartingStream``): the script's start does not.
        prepares_s: Enhanced Broadcasting, from OBS 30.2 on: the start returns, and STREAMING_STARTING comes that much
            later, out of another turn of the UI thread.
        preparation_fails: it does not come at all; OBS shows a box.
        dialog_while_starting: another plugin opens a dialog inside its own callback for STREAMING_STARTING.
        stopped_twice: STREAMING_STOPPED comes twice, as with Enhanced Broadcasting's two outputs.
        encoder_fails: OBS shows an error box instead of starting the output.
        delay_s: the streamer's stream delay: OBS connects, and ends, that much later.
        live_s: the server goes away this long after the start; None never.
        retries_fail: how many reconnects fail before one succeeds; None gives up with DISCONNECTED.
        lingers: the thread that loses the connection is not through when the next stop comes: OBS never tells its end.
        user_starts: the user presses Start just before the script's next start or UI task gets its turn.
        user_stops: the user presses Stop as soon as the stream is live.
        ui_delay_s: the UI thread is this late with each task.
        ui_hang_s: the UI thread hangs once for this long, at the next task.
        look_s: OBS takes this long to give its output, each time: whoever asks on the UI thread keeps it so long.
        event_first: the STARTED or STOPPED event overtakes the signal; both orders happen in OBS.
        window_visible: a failure opens a box that blocks until clicked.
        libobs: libobs can be reached with ctypes.
        clipboard: "yes"; "refused" where the system keeps it from OBS; "unknown" where Qt has other names for it.
        picture_bytes: how much longer than an empty one a JPEG of the program is, 1280 wide at the quantizer 4.
        picture_error: why OBS gives no picture.
        picture_silent: nothing comes when a picture is wanted.
        picture_intruder: what another program sends that connects in OBS's place when a picture is wanted.
    """

    name: str
    stop_code: int | None = None
    last_error: str | None = None
    silent: bool = False
    asks: bool = False
    confirms: bool = False
    prepares_s: float | None = None
    preparation_fails: bool = False
    dialog_while_starting: bool = False
    stopped_twice: bool = False
    encoder_fails: bool = False
    delay_s: int = 0
    live_s: float | None = None
    retries_fail: int | None = 0
    lingers: bool = False
    user_starts: bool = False
    user_stops: bool = False
    ui_delay_s: float = 0.0
    ui_hang_s: float = 0.0
    look_s: float = 0.0
    event_first: bool = False
    window_visible: bool = True
    libobs: bool = True
    clipboard: Literal["yes", "refused", "unknown"] = "yes"
    picture_bytes: int = 0
    picture_error: str = ""
    picture_silent: bool = False
    picture_intruder: bytes = b""

    def but(self, **changes: object) -> "Scenario":
        """This scenario with changes."""
        return replace(self, **changes)  # type: ignore[arg-type]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("good"),
        Scenario("event_first", event_first=True),
        Scenario("dead_server", stop_code=CONNECT_FAILED),
        Scenario("refused_key", stop_code=INVALID_STREAM),
        Scenario("disconnect_while_starting", stop_code=DISCONNECTED, last_error="The server closed the connection."),
        Scenario("silent_server", silent=True),
        Scenario("encoder_fails", encoder_fails=True),
        Scenario("disconnect_reconnect", live_s=0.1),
        Scenario("disconnect_gives_up", live_s=0.1, retries_fail=None),
        Scenario("user_starts", user_starts=True),
        Scenario("user_stops", user_stops=True),
        Scenario("slow_ui", ui_delay_s=0.05),
        Scenario("busy_ui", ui_hang_s=2.0),
        Scenario("no_libobs", libobs=False),
    )
}
