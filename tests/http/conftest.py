"""One running HTTP service for each test, and the check that it leaves no thread behind."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.http_service import HttpService


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []


@pytest.fixture
def service() -> Iterator[HttpService]:
    with HttpService() as service:
        yield service
