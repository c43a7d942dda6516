"""A JPEG of the program as viewers see it, made by OBS itself. Any thread but OBS's own.

OBS's "ffmpeg_output", which records and streams for its users, sends a few frames as JPEG to a socket of this process.
So scaling and coding run in OBS's threads for that, in C; nothing of ours runs on the render or UI thread, nothing
holds the graphics lock while it waits for the GIL (two threads that do stop OBS for good), and no file is written.
OBS's own screenshot writes one into the streamer's folder of recordings.

The socket is on loopback, takes one connection and is closed behind it; a secret of this one picture, which OBS is told
as the boundary of its parts, tells OBS's connection from another program's.
"""

import contextlib
import ctypes
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from clawcraft.errors import Busy, ClawcraftError, Interrupted, ObsUnavailable, ObsUnresponsive
from clawcraft.obs.jpeg import Picture, first_jpeg
from clawcraft.obs.libobs import LIBOBS, function

MAX_SIDE: Final = 1280
MAX_BYTES: Final = 200_000
TRIES: Final = ((MAX_SIDE, 4), (MAX_SIDE, 12), (960, 20), (640, 31))
"""The longer side in pixels, and JPEG's quantizer from 2 (best) to 31: the next where one is too large."""
SLICE_S: Final = 0.05
PATIENCE_S: Final = 5.0
"""How long OBS has to connect, to send, to become quiet, and to end: each."""
QUIET_FRAMES: Final = 5
"""A pause takes effect some frames later, and more may wait in OBS; once so many have gone by and none came here, none
is on its way."""
_READ_BYTES: Final = 1 << 18


class ProgramPictures:
    """One life of the script. One picture at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._closed = False

    def take(self) -> Picture:
        """At most MAX_SIDE pixels and MAX_BYTES large; takes about 0.3 s. Raises ObsUnavailable, ObsUnresponsive, Busy,
        Interrupted."""
        if not self._turn.acquire(timeout=PATIENCE_S):
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
        boundary = secrets.token_hex(16)
        with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
            listener.settimeout(SLICE_S)
            port = listener.getsockname()[1]
            with native.output(port, boundary, width, height, quantizer) as output:
                connection = self._connection(listener, output)
                listener.close()
                with connection:
                    try:
                        picture = self._picture(connection, boundary, output)
                    finally:
                        output.pause()
                        _drain(connection, output, native.frames)
        if (picture.width, picture.height) != (width, height):
            raise ObsUnavailable("OBS sent a picture of another size.")
        return picture

    def _connection(self, listener: socket.socket, output: "_Output") -> socket.socket:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            self._refuse_when_closed()
            with contextlib.suppress(TimeoutError):
                return listener.accept()[0]
            if error := output.last_error():
                raise ObsUnavailable(f"OBS gives no picture: {error}.")
        raise _unresponsive()

    def _picture(self, connection: socket.socket, boundary: str, output: "_Output") -> Picture:
        connection.settimeout(SLICE_S)
        received = bytearray()
        deadline_s = time.monotonic() + PATIENCE_S
        while (picture := first_jpeg(received, boundary)) is None:
            self._refuse_when_closed()
            if time.monotonic() > deadline_s:
                raise _unresponsive()
            with contextlib.suppress(TimeoutError):
                more = _received(connection)
                if not more:
                    why = output.last_error() or "without a reason"
                    raise ObsUnavailable(f"OBS ended before it gave a picture: {why}.")
                received += more
        return picture

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Interrupted("The service stopped before there was a picture.")


def _fit(width: int, height: int, side: int) -> tuple[int, int]:
    """Even numbers, as chroma at half the size wants them."""
    scale = min(1.0, side / max(width, height, 1))
    fitted = (max(2, int(length * scale) // 2 * 2) for length in (width, height))
    return next(fitted), next(fitted)


def _received(connection: socket.socket) -> bytes:
    """What has come; nothing at its end, whoever ended it. Raises TimeoutError."""
    try:
        return connection.recv(_READ_BYTES)
    except ConnectionError:
        return b""


def _drain(connection: socket.socket, output: "_Output", frames: Callable[[], int]) -> None:
    """Until no frame is on its way: OBS hangs if the output goes while it waits for us to read."""
    quiet_since, deadline_s = frames(), time.monotonic() + PATIENCE_S
    while output.active() and frames() - quiet_since < QUIET_FRAMES and time.monotonic() < deadline_s:
        with contextlib.suppress(TimeoutError):
            if _received(connection):
                quiet_since = frames()
            else:
                time.sleep(SLICE_S)


def _unresponsive() -> ClawcraftError:
    return ObsUnresponsive(f"OBS gave no picture within {PATIENCE_S:g} s.", hint="Try again in a few seconds.")


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
        self.end = function(LIBOBS, "obs_output_end_data_capture", no, void_p)
        self.release = function(LIBOBS, "obs_output_release", no, void_p)
        self.last_error = function(LIBOBS, "obs_output_get_last_error", char_p, void_p)

    def canvas(self) -> tuple[int, int]:
        video = self._video()
        return int(self._width(video)), int(self._height(video))

    def frames(self) -> int:
        """How many OBS has handed to all its outputs so far."""
        return int(self._frames(self._video()))

    @contextlib.contextmanager
    def output(self, port: int, boundary: str, width: int, height: int, quantizer: int) -> Iterator["_Output"]:
        """One that runs, and sends to ``port``; ended and released at the end."""
        texts = {
            # Microseconds: a write of OBS's must not wait for ever.
            "url": f"tcp://127.0.0.1:{port}?timeout=2000000",
            "format_name": "mpjpeg",
            "video_encoder": "mjpeg",
            # A canvas of I420 or I444 is coded in its own range, which FFmpeg wants to be told is meant; OBS converts
            # that of any other, as the usual NV12, to JPEG's. Nothing converts the matrix.
            "video_settings": f"qmin={quantizer} qmax={quantizer} strict=unofficial",
            "muxer_settings": f"flush_packets=1 boundary_tag={boundary}",
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
            if output.end():
                self.release(address)


class _Output:
    """One output of OBS's."""

    def __init__(self, native: _Native, address: Any) -> None:
        self._native = native
        self._address = address

    def pause(self) -> None:
        self._native.pause(self._address, True)

    def active(self) -> bool:
        return bool(self._native.active(self._address))

    def end(self) -> bool:
        """Whether it has ended: no thread of OBS is in it any more, and a release may free what they use. A stop would
        free it at once, right behind the end of the pause: where the machine is busy, in the middle of the next frame,
        which crashes OBS. A release before the end would wait for it for ever: one output less is better than a thread
        less."""
        self._native.end(self._address)
        deadline_s = time.monotonic() + PATIENCE_S
        while self.active():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(SLICE_S / 10)
        return True

    def last_error(self) -> str:
        return (self._native.last_error(self._address) or b"").decode("utf-8", "replace").strip().rstrip(".")
