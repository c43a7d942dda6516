"""One OBS per module and kind: the fake one, and the real one where it is installed."""

from collections.abc import Iterator

import pytest

from tests.support.obs_hosts import MockHost, ObsHost, RealHost
from tests.support.real_obs import obs_missing, obs_required

KINDS = ["mock", pytest.param("real", marks=pytest.mark.real_obs)]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    reason = obs_missing() if found == "real" else None
    if reason is not None:
        if obs_required():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def new_host(kind: str) -> type[MockHost] | type[RealHost]:
    return MockHost if kind == "mock" else RealHost


@pytest.fixture(scope="module")
def obs(new_host: type[MockHost] | type[RealHost], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObsHost]:
    """An OBS that is idle before and after each test, with a good server."""
    with new_host(tmp_path_factory.mktemp("obs"), {}, broken_encoder=False) as host:
        host.records.wait_hook("update")
        host.records.wait_event(26, 0)
        yield host
