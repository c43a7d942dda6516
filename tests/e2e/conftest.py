"""One real OBS per module, with the script installed by ``tools/install.py``."""

from collections.abc import Iterator

import pytest

from tests.support.show import Show


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    with Show(tmp_path_factory.mktemp("show")) as running:
        yield running
