"""What MCP does as the other routes do it, by their own functions. No state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clawcraft.http.events import Asked
from clawcraft.http.gate import Environ
from clawcraft.jobs.answer import Answer
from clawcraft.jobs.model import Job


@dataclass(frozen=True, slots=True)
class Doors:
    """``run`` (environ, holder, envelope) is what ``POST /tools/execute`` does once it knows the holder; ``withdraw``
    (job id) ends what has not begun, and says whether; ``job`` takes environ, holder, id and seconds to wait, ``jobs``
    filters and how many, ``status`` holder and whether to check, ``channel`` the holder, ``events`` environ, holder and
    what is asked. They raise ClawcraftError."""

    run: Callable[[Environ, str, Any], Answer]
    begin_jobs: Callable[[], None]
    withdraw: Callable[[str], bool]
    job: Callable[[Environ, str, str, float], Job]
    jobs: Callable[[Mapping[str, str], int], tuple[list[Job], str | None]]
    status: Callable[[str, bool], dict[str, Any]]
    channel: Callable[[str], dict[str, Any]]
    events: Callable[[Environ, str, Asked], dict[str, Any]]
