"""One OBS per module and kind: the fake one, and the real one where it is installed."""

from collections.abc import Iterator

import pytest

from tests.support.obs_hosts import MockHost, ObsHost, RealHost

KINDS = [MockHost, pytest.param(RealHost, marks=pytest.mark.real_obs)]


@pytest.fixture(scope="module", params=KINDS)
def new_host(request: pytest.FixtureRequest) -> type[ObsHost]:
    kind: type[ObsHost] = request.param
    return kind


@pytest.fixture(scope="module")
def obs(new_host: type[ObsHost], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObsHost]:
    """An OBS that is idle before and after each test, with a good server."""
    with new_host(tmp_path_factory.mktemp("obs"), {}, broken_encoder=False) as host:
        host.records.wait_hook("update")
        host.records.wait_event(26, 0)
        yield host
