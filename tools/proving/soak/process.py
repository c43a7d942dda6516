"""What one process and its files take, from /proc. No state."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READINGS: Final = 20
READ_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """``at_s`` from the begin of the soak; sizes in MB (2²⁰ bytes)."""

    at_s: float
    memory_mb: float
    threads: float
    handles: float
    database_mb: float
    alone_mb: float = 0.0
    """Memory of an OBS without the script that starts and stops as often; 0 where there is none."""


MEASURES: Final = {"memory_mb": "MB", "alone_mb": "MB", "threads": "", "handles": "", "database_mb": "MB"}
"""Those of a Sample, and their units."""


def sample(pid: int, databases: Iterable[Path], at_s: float, alone: int | None = None) -> Sample:
    """``alone`` is the process of the OBS without the script. Of threads and handles the least of several readings
    within a second: a request or a call to Twitch takes one for a moment, which is no growth."""
    readings = []
    for _ in range(READINGS):
        readings.append((_threads(pid), _handles(pid)))
        time.sleep(READ_EVERY_S)
    threads, handles = (min(values) for values in zip(*readings, strict=True))
    size = sum(path.stat().st_size for path in databases if path.exists())
    alone_mb = 0.0 if alone is None else _resident_kb(alone) / 1024
    return Sample(at_s, _resident_kb(pid) / 1024, threads, handles, size / (1 << 20), alone_mb)


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def _handles(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
