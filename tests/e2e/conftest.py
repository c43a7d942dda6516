"""One real OBS per module, with the script installed by ``tools/install.py``."""

from collections.abc import Iterator

import pytest

from tests.support.real_obs import obs_missing, obs_required
from tests.support.show import Show


@pytest.fixture(scope="session", autouse=True)
def real_obs_is_installed() -> None:
    reason = obs_missing()
    if reason is not None:
        if obs_required():
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    with Show(tmp_path_factory.mktemp("show"), {"OBS_STREAM_OPERATION_TIMEOUT_MS": "6000"}) as running:
        yield running
