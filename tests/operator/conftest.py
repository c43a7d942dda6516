"""A streamer in front of the fake OBS, and the operator page, with and without a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.panel.conftest import Streamer
from tests.support.chromium import chromium
from tests.support.operator_page import PageClient, shown_code


@pytest.fixture
def streamer(tmp_path: Path) -> Iterator[Streamer]:
    streamer = Streamer(tmp_path)
    yield streamer
    streamer.stop()


def code(streamer: Streamer) -> str:
    """Press the panel's button, and read."""
    streamer.obs.click("operator_open")
    return shown_code(streamer.text("operator_code"))


@pytest.fixture
def page(streamer: Streamer) -> Iterator[PageClient]:
    """Paired; OBS runs."""
    streamer.start()
    client = PageClient(streamer.port)
    client.pair(code(streamer))
    yield client
    client.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
