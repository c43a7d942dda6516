"""JPEGs as OBS sends them: the parts of a multipart stream, whose boundary nobody but OBS was told. No state."""

import re
from dataclasses import dataclass
from typing import Final

from clawcraft.errors import ObsUnavailable

MAX_SENT: Final = 8 << 20
"""Bytes of one JPEG; the largest that a canvas of MAX_SIDE can give at the quantizer used is half of that."""
_MAX_HEAD: Final = 256
_HEAD: Final = re.compile(rb"Content-type: image/jpeg\r\nContent-length: (\d{1,9})\r\n\r\n", re.IGNORECASE)
_START_OF_SCAN: Final = 0xDA
_SIZES: Final = (0xC0, 0xC1, 0xC2)


@dataclass(frozen=True, slots=True)
class Picture:
    """One JPEG, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def first_jpeg(data: bytes | bytearray, boundary: str) -> Picture | None:
    """The JPEG of the part that ``data`` begins with; None while it is not whole. Raises ObsUnavailable as soon as it
    cannot be one of OBS's."""
    opening = f"--{boundary}\r\n".encode()
    if data[: len(opening)] != opening[: len(data)]:
        raise ObsUnavailable("What connected in OBS's place is another program; what it sent was refused.")
    head = _HEAD.match(data, len(opening))
    if head is None:
        if len(data) > len(opening) + _MAX_HEAD:
            raise _no_jpeg()
        return None
    length = int(head[1])
    if length > MAX_SENT:
        raise ObsUnavailable(f"OBS wants to send a picture of {length} bytes, more than {MAX_SENT}.")
    if len(data) < head.end() + length:
        return None
    jpeg = bytes(data[head.end() : head.end() + length])
    return Picture(jpeg, *_size(jpeg))


def _size(jpeg: bytes) -> tuple[int, int]:
    """Width and height. Raises ObsUnavailable."""
    if jpeg[:2] != b"\xff\xd8" or jpeg[-2:] != b"\xff\xd9":
        raise _no_jpeg()
    place, size = 2, None
    while place + 9 <= len(jpeg) and jpeg[place] == 0xFF:
        code = jpeg[place + 1]
        if code in _SIZES:
            height, width = (int.from_bytes(jpeg[at : at + 2], "big") for at in (place + 5, place + 7))
            size = width, height
        if code == _START_OF_SCAN and size is not None:
            return size
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    raise _no_jpeg()


def _no_jpeg() -> ObsUnavailable:
    return ObsUnavailable("What OBS sent is no JPEG.")
