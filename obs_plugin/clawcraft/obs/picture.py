"""A JPEG of the program as viewers see it, made by OBS itself. Any thread but OBS's own.

OBS's "ffmpeg_output", which records and streams for its users, sends a few frames as JPEG to a socket of this process.
So scaling and coding run in OBS's threads for that, in C; nothing of ours runs on the render or UI thread, nothing
holds the graphics lock while it waits for the GIL (two threads that do stop OBS for good), and no file is written.
OBS's own screenshot writes one into the streamer's folder of recordings.
"""

import contextlib
import ctypes
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.errors import Busy, ClawcraftError, Interrupted, ObsUnavailable, ObsUnresponsive
from clawcraft.obs.libobs import LIBOBS, function

MAX_SIDE: Final = 1280
MAX_BYTES: Final = 200_000
TRIES: Final = ((MAX_SIDE, 4), (MAX_SIDE, 12), (960, 20), (640, 31))
"""The longer side in pixels, and JPEG's quantizer from 2 (best) to 31: the next where one is too large."""
SLICE_S: Final = 0.05
SLICES: Final = 60
"""How long OBS has for each try, and to become quiet."""
QUIET_FRAMES: Final = 5
"""A pause takes effect some frames later, and more may wait in OBS; once so many have gone by and none came here, none
is on its way."""
QUIET_SLICES: Final = 40
_READ_BYTES: Final = 1 << 18
_START_OF_SCAN: Final = 0xDA
_SIZES: Final = (0xC0, 0xC1, 0xC2)


@dataclass(frozen=True, slots=True)
class Picture:
    """One JPEG, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


class ProgramPictures:
    """One life of the script. One picture at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._closed = False

    def take(self) -> Picture:
        """At most MAX_SIDE pixels and MAX_BYTES large; takes about 0.3 s. Raises ObsUnavailable, ObsUnresponsive, Busy,
        Interrupted."""
        if not self._turn.acquire(timeout=SLICE_S * SLICES):
            raise Busy("another picture is being taken", retry_after_s=1.0)
        try:
            native = _Native()
            for side, quantizer in TRIES:
                picture = self._try(native, side, quantizer)
                if len(picture.jpeg) <= MAX_BYTES:
                    return picture
        except LookupError as missing:
            raise ObsUnavailable(f"This OBS gives no picture: {missing}.", retryable=False) from None
        finally:
            self._turn.release()
        raise ObsUnavailable(f"The picture does not fit in {MAX_BYTES} bytes.")

    def close(self) -> None:
        """Any thread, returns at once: whoever waits for a picture gets Interrupted."""
        self._closed = True

    def _try(self, native: "_Native", side: int, quantizer: int) -> Picture:
        width, height = _fit(*native.canvas(), side)
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            listener.settimeout(SLICE_S)
            with native.output(listener.getsockname()[1], width, height, quantizer) as output:
                connection = self._connection(listener, output)
                with connection:
                    try:
                        picture = self._picture(connection, output)
                    finally:
                        output.pause()
                        _drain(connection, native.frames)
        if (picture.width, picture.height) != (width, height):
            raise ObsUnavailable("OBS sent a picture of another size.")
        return picture

    def _connection(self, listener: socket.socket, output: "_Output") -> socket.socket:
        for _ in range(SLICES):
            self._refuse_when_closed()
            with contextlib.suppress(TimeoutError):
                return listener.accept()[0]
            if error := output.last_error():
                raise ObsUnavailable(f"OBS gives no picture: {error}.")
        raise _unresponsive()

    def _picture(self, connection: socket.socket, output: "_Output") -> Picture:
        connection.settimeout(SLICE_S)
        received = bytearray()
        slices = 0
        while (picture := first_jpeg(received)) is None:
            self._refuse_when_closed()
            try:
                more = connection.recv(_READ_BYTES)
            except TimeoutError:
                slices += 1
                if slices == SLICES:
                    raise _unresponsive() from None
                continue
            if not more:
                raise ObsUnavailable(
                    f"OBS ended before it gave a picture: {output.last_error() or 'without a reason'}."
                )
            received += more
        return picture

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Interrupted("The service stopped before there was a picture.")


def first_jpeg(data: bytes | bytearray) -> Picture | None:
    """The first whole JPEG that ``data`` begins with; None while it is not whole. Raises ObsUnavailable if it is
    none."""
    place, width, height = 2, 0, 0
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            raise ObsUnavailable("What OBS sent is no JPEG.")
        code = data[place + 1]
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if code in _SIZES:
            height, width = (int.from_bytes(data[at : at + 2], "big") for at in (place + 5, place + 7))
        place += 2 + length
        if code == _START_OF_SCAN:
            # Behind this marker a byte FF of the picture has 00 behind it.
            end = data.find(b"\xff\xd9", place)
            return None if end < 0 else Picture(bytes(data[: end + 2]), width, height)
    return None


def _fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Even numbers, as chroma at half the size wants them."""
    scale = min(1.0, side / max(width, height, 1))
    fitted = (max(2, int(length * scale) // 2 * 2) for length in (width, height))
    return next(fitted), next(fitted)


def _drain(connection: socket.socket, frames: Callable[[], int]) -> None:
    """Until no frame is on its way: OBS frees what its threads use if it is stopped in the middle of one, and hangs if
    it is stopped while it waits for us to read."""
    quiet_since, slices = frames(), 0
    with contextlib.suppress(ConnectionError):
        while slices < QUIET_SLICES and frames() - quiet_since < QUIET_FRAMES:
            try:
                if not connection.recv(_READ_BYTES):
                    return
                quiet_since = frames()
            except TimeoutError:
                slices += 1


def _unresponsive() -> ClawcraftError:
    return ObsUnresponsive(f"OBS gave no picture within {SLICE_S * SLICES:g} s.", hint="Try again in a few seconds.")


class _Native:
    """OBS's functions for outputs. Raises LookupError with what is missing."""

    def __init__(self) -> None:
        void_p, char_p, flag, no = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_bool, None
        self._video = function(LIBOBS, "obs_get_video", void_p)
        self._width = function(LIBOBS, "video_output_get_width", ctypes.c_uint32, void_p)
        self._height = function(LIBOBS, "video_output_get_height", ctypes.c_uint32, void_p)
        self._frames = function(LIBOBS, "video_output_get_total_frames", ctypes.c_uint32, void_p)
        self._data = function(LIBOBS, "obs_data_create", void_p)
        self._set_text = function(LIBOBS, "obs_data_set_string", no, void_p, char_p, char_p)
        self._set_number = function(LIBOBS, "obs_data_set_int", no, void_p, char_p, ctypes.c_longlong)
        self._release_data = function(LIBOBS, "obs_data_release", no, void_p)
        self._create = function(LIBOBS, "obs_output_create", void_p, char_p, char_p, void_p, void_p)
        self.start = function(LIBOBS, "obs_output_start", flag, void_p)
        self.active = function(LIBOBS, "obs_output_active", flag, void_p)
        self.pause = function(LIBOBS, "obs_output_pause", flag, void_p, flag)
        self.stop = function(LIBOBS, "obs_output_stop", no, void_p)
        self.release = function(LIBOBS, "obs_output_release", no, void_p)
        self.last_error = function(LIBOBS, "obs_output_get_last_error", char_p, void_p)

    def canvas(self) -> tuple[int, int]:
        video = self._video()
        return int(self._width(video)), int(self._height(video))

    def frames(self) -> int:
        """How many OBS has handed to all its outputs so far."""
        return int(self._frames(self._video()))

    @contextlib.contextmanager
    def output(self, port: int, width: int, height: int, quantizer: int) -> Iterator["_Output"]:
        """One that runs, and sends to ``port``; stopped and released at the end."""
        texts = {
            # Microseconds: a write of OBS's must not wait for ever.
            "url": f"tcp://127.0.0.1:{port}?timeout=2000000",
            "format_name": "mjpeg",
            "video_encoder": "mjpeg",
            # FFmpeg wants to be told that the range of OBS's colours is meant.
            "video_settings": f"qmin={quantizer} qmax={quantizer} strict=unofficial",
            "muxer_settings": "flush_packets=1",
        }
        data = self._data()
        try:
            for name, text in texts.items():
                self._set_text(data, name.encode(), text.encode())
            for name, number in (("scale_width", width), ("scale_height", height)):
                self._set_number(data, name.encode(), number)
            address = self._create(b"ffmpeg_output", b"twitch-clawcraft picture", data, None)
        finally:
            self._release_data(data)
        if not address:
            raise ObsUnavailable("This OBS has no output that gives pictures (obs-ffmpeg is missing).", retryable=False)
        output = _Output(self, address)
        try:
            if not self.start(address):
                raise ObsUnavailable(f"OBS gives no picture: {output.last_error() or 'without a reason'}.")
            yield output
        finally:
            if output.stop():
                self.release(address)


class _Output:
    """One output of OBS's."""

    def __init__(self, native: _Native, address: Any) -> None:
        self._native = native
        self._address = address

    def pause(self) -> None:
        self._native.pause(self._address, True)

    def stop(self) -> bool:
        """Whether it has ended. A release while it does would wait for ever for an end that has been told already: one
        output less is better than a thread less."""
        self._native.stop(self._address)
        for _ in range(SLICES * 10):
            if not self._native.active(self._address):
                return True
            time.sleep(SLICE_S / 10)
        return False

    def last_error(self) -> str:
        return (self._native.last_error(self._address) or b"").decode("utf-8", "replace").strip().rstrip(".")
