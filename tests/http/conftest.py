"""One running HTTP service for each test."""

from collections.abc import Iterator

import pytest

from tests.support.http_service import HttpService


@pytest.fixture
def service() -> Iterator[HttpService]:
    with HttpService() as service:
        yield service
