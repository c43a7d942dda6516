"""A real Chromium, headless, with a profile of its own. Test's own thread."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support.waiting import HANG_S

PACKAGE = "chromium"
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def chromium_missing() -> str | None:
    """What to install before a test in a browser can run, or None. The reason of pytest's skip."""
    return None if _path() else f"not installed: chromium; apt-get install --no-install-recommends {PACKAGE}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's own, without its sandbox, which no container has. It ends with the block, and its profile with it."""
    before = set(threading.enumerate())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_path(), args=list(FLAGS), chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()
    for thread in set(threading.enumerate()) - before:  # asyncio's own, which nobody waits for
        thread.join(HANG_S)


def _path() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium")
