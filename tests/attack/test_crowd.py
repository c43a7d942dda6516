"""Ten thousand connections at once, half of them with a request that never ends: an agent is served all the same."""

import contextlib
import sys
from typing import Any

import pytest

from tests.support.crowd import Crowd
from tests.support.http_service import HttpService, request

SIZE = 10_000
FILES = SIZE + 2_000


@pytest.fixture
def many_files() -> None:
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and hard < FILES:
            pytest.skip(f"this system lets a process open {hard} files, and {FILES} are needed")


def sent_again_if_cut_off(service: HttpService, body: dict[str, Any]) -> int:
    """The status, as an agent gets it: where the queue overflows, the system itself resets a few connections that the
    server never sees (SYN cookies), and a request with a ``request_id`` may be sent again."""
    for _ in range(5):
        with contextlib.suppress(ConnectionError):
            return service.post(body).status
    pytest.fail("five connections in a row were cut off")


@pytest.mark.usefixtures("many_files")
def test_among_ten_thousand_connections_every_stop_of_an_agent_comes_through() -> None:
    with HttpService() as service, Crowd(service.server.port, SIZE) as crowd:
        for number in range(10):
            stop = request("twitch.stop_stream", request_id=f"req-{number}")
            assert sent_again_if_cut_off(service, stop) == 202
    assert crowd.reopened > 0
