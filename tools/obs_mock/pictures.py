"""OBS's "ffmpeg_output" as far as it sends JPEGs of the program to a socket, in parts, reached with ctypes.

Frames come on the output loop. A real one frees at its stop what its video thread may still use, and does not wait for
that: whoever has one pauses it, lets the frames pass that are on their way, and ends its capture before the release.
"""

import contextlib
import re
import socket
from collections.abc import Callable
from typing import Any, ClassVar

from obs_mock.data import Data
from obs_mock.handles import Handle, Ledger
from obs_mock.loops import Loop
from obs_mock.output import FRAMES_PER_S
from obs_mock.scenarios import Scenario
from obs_mock.violations import Recorder

CANVAS = (1920, 1080)
SETTINGS = {"format_name": "mpjpeg", "video_encoder": "mjpeg"}
URL = re.compile(r"tcp://127\.0\.0\.1:(\d+)(\?timeout=\d+)?")
PAUSED_AFTER = 2
"""Frames: so late a pause takes effect."""


class PictureOutput:
    """One obs_output_t of this kind."""

    c_type: ClassVar[str] = "obs_output_t *"

    def __init__(self, settings: Data) -> None:
        self.settings = settings
        self.last_error: bytes | None = None
        self.connection: socket.socket | None = None
        self.active = False
        self.paused = False
        self.frames_left: int | None = None
        """Until the pause takes effect; None while there is none."""

    def number(self, name: str) -> int:
        value = self.settings.get(name)
        return value if isinstance(value, int) else 0

    def text(self, name: str) -> str:
        return str(self.settings.get(name) or "")

    def send(self, data: bytes) -> None:
        if self.connection is not None:
            with contextlib.suppress(OSError):  # who reads has gone
                self.connection.sendall(data)

    def options(self, name: str) -> dict[str, str]:
        return dict(part.split("=") for part in self.text(name).split())

    @property
    def opening(self) -> bytes:
        """What stands before each part."""
        return f"--{self.options('muxer_settings').get('boundary_tag', 'ffmpeg')}\r\n".encode()


class Pictures:
    """The functions that make and run such an output."""

    def __init__(self, outputs: Loop, ledger: Ledger, recorder: Recorder, scenario: Callable[[], Scenario]) -> None:
        self._outputs = outputs
        self._ledger = ledger
        self._recorder = recorder
        self._scenario = scenario
        self._total_frames = 0
        self._intruder: socket.socket | None = None

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "obs_get_video": lambda: CANVAS,
            "video_output_get_width": lambda video: video[0],
            "video_output_get_height": lambda video: video[1],
            "video_output_get_total_frames": lambda _video: self._total_frames,
            "obs_data_create": lambda: self._ledger.take(Data()),
            "obs_data_set_string": self._set_text,
            "obs_data_set_int": self._set_number,
            "obs_data_release": lambda data: self._ledger.release(data, Data),
            "obs_output_create": self._create,
            "obs_output_start": self._start,
            "obs_output_active": lambda output: self._get(output).active,
            "obs_output_pause": self._pause,
            "obs_output_stop": self._stop,
            "obs_output_end_data_capture": self._end,
            "obs_output_get_last_error": lambda output: self._get(output).last_error,
        }

    def release(self, handle: Handle) -> None:
        """Destroys it."""
        output = self._get(handle)
        if output.active:
            self._recorder.violation("an output was released before it had ended: its end may never come, a hang")
        elif output.connection is not None and output.frames_left != 0:
            self._recorder.violation("an output was released while a frame is on its way: a hang")
        self._outputs.post(lambda: self._close(output))
        self._ledger.release(handle, PictureOutput)

    def _get(self, output: Handle) -> PictureOutput:
        return self._ledger.get(output, PictureOutput)

    def _set_text(self, data: Handle, name: bytes, value: bytes) -> None:
        self._ledger.get(data, Data).values[name.decode()] = value.decode()

    def _set_number(self, data: Handle, name: bytes, value: int) -> None:
        self._ledger.get(data, Data).values[name.decode()] = value

    def _create(self, kind: bytes, _name: bytes, settings: Handle, _hotkeys: None) -> Handle | None:
        if kind != b"ffmpeg_output":
            return None
        return self._ledger.take(PictureOutput(self._ledger.get(settings, Data)))

    def _start(self, handle: Handle) -> bool:
        output = self._get(handle)
        if not self._scenario().picture_silent:
            self._outputs.post(lambda: self._connect(output))
        return True

    def _pause(self, handle: Handle, pause: bool) -> bool:
        output = self._get(handle)
        if output.active and pause and not output.paused:
            output.paused, output.frames_left = True, PAUSED_AFTER
        return output.active

    def _stop(self, handle: Handle) -> None:
        if self._get(handle).active:
            self._recorder.violation("an output of raw video was stopped: OBS frees what the next frame uses, a crash")

    def _end(self, handle: Handle) -> None:
        """``obs_output_end_data_capture``."""
        output = self._get(handle)
        self._outputs.post(lambda: self._ended(output), 1 / FRAMES_PER_S)

    # --- the output loop ------------------------------------------------------------------------------------------

    def _connect(self, output: PictureOutput) -> None:
        url = URL.fullmatch(output.text("url"))
        wrong = "" if url and all(output.text(name) == text for name, text in SETTINGS.items()) else "settings"
        error = self._scenario().picture_error or wrong
        if url is None or error:
            output.last_error = error.encode()
            return
        address = ("127.0.0.1", int(url[1]))
        if self._scenario().picture_intruder:
            self._intruder = socket.create_connection(address)
            self._intruder.sendall(self._scenario().picture_intruder)
        try:
            output.connection = socket.create_connection(address)
        except OSError as refused:
            output.last_error = str(refused).encode()
            return
        output.active = True
        output.send(output.opening)
        self._outputs.post(lambda: self._frame(output), 1 / FRAMES_PER_S)

    def _frame(self, output: PictureOutput) -> None:
        if output.connection is None or not output.active:
            return
        self._outputs.post(lambda: self._frame(output), 1 / FRAMES_PER_S)
        self._total_frames += 1
        if output.frames_left == 0:
            return
        if output.frames_left is not None:
            output.frames_left -= 1
        width, height = output.number("scale_width") or CANVAS[0], output.number("scale_height") or CANVAS[1]
        quantizer = int(output.options("video_settings").get("qmax", 4))
        detail = self._scenario().picture_bytes * width * height * 4 // (1280 * 720 * quantizer)
        output.send(part(jpeg(width, height, detail)) + output.opening)

    def _ended(self, output: PictureOutput) -> None:
        output.active = False

    def _close(self, output: PictureOutput) -> None:
        self._ended(output)
        if self._intruder is not None:
            self._intruder.close()
            self._intruder = None
        if output.connection is not None:
            output.connection.close()
            output.connection = None


def part(jpeg: bytes) -> bytes:
    """One part of the stream, without the boundary before it."""
    return b"Content-type: image/jpeg\r\nContent-length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)


def jpeg(width: int, height: int, more_bytes: int = 0) -> bytes:
    """A grey picture of that size, about so much longer than it has to be."""

    def segment(code: int, data: bytes) -> bytes:
        return bytes((0xFF, code)) + (len(data) + 2).to_bytes(2, "big") + data

    # Comments: one may hold what looks like the end of a picture.
    comments = [b"\xff\xd9" * (min(30_000, (more_bytes - at) // 2)) for at in range(0, more_bytes, 60_000)]
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    # One code in each table, a single 0: "as the block before", and "nothing more in this block".
    tables = b"".join(segment(0xC4, bytes((kind, 1, *[0] * 15, 0))) for kind in (0x00, 0x10))
    blocks = -(-width // 8) * -(-height // 8)
    bits = "00" * blocks
    bits += "1" * (-len(bits) % 8)
    return b"".join(
        (
            b"\xff\xd8",
            *(segment(0xFE, comment) for comment in comments),
            segment(0xDB, bytes((0, *[1] * 64))),
            segment(0xC0, bytes((8, *size, 1, 1, 0x11, 0))),
            tables,
            segment(0xDA, bytes((1, 1, 0x00, 0, 63, 0))),
            int(bits, 2).to_bytes(len(bits) // 8, "big"),
            b"\xff\xd9",
        )
    )
