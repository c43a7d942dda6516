"""What differs from one OBS to the next, each with its evidence: nothing else compares versions of OBS. Pure, and
standard library only, since the installer asks too.

"Seen" is in the OBS of Debian 12, 13 and testing; "source" is what OBS's code says. What differs and needs no question:
a second start while the first one connects crashes 29, makes two connections in 30, and in 32 ends the stream after 4 s
(seen), so none is ever made; since 31 ``user.ini`` holds what ``global.ini`` held (seen), so both are read.
"""

import re
from typing import Final, NamedTuple, Self


class ObsVersion(NamedTuple):
    """``30.2``: patches differ in nothing that counts here."""

    major: int
    minor: int

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Of what OBS calls itself (``30.2.3``, ``32.0.0-rc1``). What is no version is a build of somebody's own, and
        taken for the newest."""
        match = re.match(r"(\d+)\.(\d+)", text)
        return cls(*map(int, match.groups())) if match else cls(*NEWEST)

    @classmethod
    def of_number(cls, number: int) -> Self:
        """Of libobs's number for it (``LIBOBS_API_VER``, in OBS's files ``LastVersion``): ``0x1E020003``."""
        return cls(number >> 24, number >> 16 & 0xFF)

    @property
    def prepares_asynchronously(self) -> bool:
        """Whether a start may return before STREAMING_STARTING, or without it. Source: Enhanced Broadcasting of 30.2
        asks its service on a thread (``SetupMultitrackVideo``), and ``finish_stream_setup`` follows or an error box."""
        return self >= (30, 2)

    @property
    def newest_python(self) -> tuple[int, int]:
        """The newest Python that it looks for on Windows and macOS; on Linux it is linked with one. Source: the table
        of library names in ``obs-scripting-python-import.c``."""
        if self >= (30, 1):
            return 3, 12
        return (3, 11) if self >= (29, 1) else (3, 10)


NEWEST: Final = ObsVersion(32, 2)
"""The newest one that this was tried in."""
LIBOBS_FILES: Final = ("libobs.so.0", "libobs.so.30")
FRONTEND_FILES: Final = ("libobs-frontend-api.so.0", "libobs-frontend-api.so.30")
"""The libraries' names on Linux. Seen: ``.so.0`` in all of Debian's. Source: OBS's own builds say ``OBS_SOVERSION 30``
since 30, in 32 too."""
