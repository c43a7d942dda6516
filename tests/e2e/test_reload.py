"""The "Reload Scripts" button, again and again: same threads, same port, flat memory."""

import statistics
from pathlib import Path

import pytest

from tests.support.obs_panel import ScriptsWindow
from tests.support.show import Show
from tests.support.tool_client import wait_for_service
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real_obs

RELOADS = 50
WARM_UP = 30
"""Each life's threads take the allocator's next arenas, until all have their share of caches: about 25 reloads."""
SPAN = 3
LIMIT_MB = 0.18
"""In a span of reloads. What a reload leaves behind is in every span, so also in the quietest quarter of them; the
allocator takes a quarter of a MB to 2 MB for itself now and then, the more often the more else runs on the machine."""


@pytest.mark.core
def test_twenty_reloads_leave_no_thread_and_no_leak(tmp_path: Path, artefacts: Path) -> None:
    with Show(tmp_path) as show:
        window = ScriptsWindow(show.obs, artefacts)
        window.open()
        window.reload()
        threads = show.obs.thread_count()
        for _ in range(20):
            window.reload()
            wait_for_service(show.port)
        wait_until(lambda: show.obs.thread_count() <= threads, "no more threads than before")
        window.close()
        show.obs.exits_clean()


def test_fifty_reloads_leave_nothing_behind(tmp_path: Path, artefacts: Path) -> None:
    with Show(tmp_path) as show:
        window = ScriptsWindow(show.obs, artefacts)
        window.open()
        threads, memory_mb = 0, []
        for reload in range(WARM_UP + RELOADS):
            window.reload()
            wait_for_service(show.port)
            if reload == WARM_UP - 1:
                threads = show.obs.thread_count()
            if reload >= WARM_UP - 1:
                memory_mb.append(show.obs.rss_bytes() / 1e6)
        wait_until(lambda: show.obs.thread_count() <= threads, "no more threads than before")
        grown_mb = [after - before for before, after in zip(memory_mb, memory_mb[SPAN:], strict=False)]
        quiet_mb = statistics.quantiles(grown_mb, n=4)[0]
        assert quiet_mb < LIMIT_MB, f"MB more after each {SPAN} reloads: {grown_mb}"
        assert show.client.run("twitch.start_stream", "after-reloads")["status"] == "done"
        assert show.client.run("twitch.stop_stream", "after-reloads-stop")["status"] == "done"
        window.close()
        show.obs.exits_clean()
