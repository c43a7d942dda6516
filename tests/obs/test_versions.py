"""What differs between the versions of OBS, and that the fake plays each as the service takes it."""

import pytest

from clawcraft.obs.versions import NEWEST, ObsVersion
from obs_mock import MockObs
from tests.support.obs_life import SCRIPT


@pytest.mark.parametrize(
    ("text", "version"),
    [("29.0.2", (29, 0)), ("30.2.3+dfsg-3", (30, 2)), ("32.0.0-rc1-5-gabc", (32, 0)), ("of my own", NEWEST)],
)
def test_a_version_is_read_from_what_obs_calls_itself(text: str, version: tuple[int, int]) -> None:
    assert ObsVersion.of_text(text) == version


def test_a_version_is_read_from_the_number_in_obs_files() -> None:
    assert ObsVersion.of_number(486539266) == (29, 0)
    assert ObsVersion.of_number(0x1E020003) == (30, 2)


@pytest.mark.parametrize(
    ("version", "later"), [("29.0.2", False), ("30.1.2", False), ("30.2.3", True), ("32.2.2", True)]
)
def test_only_those_from_30_2_on_prepare_a_start_before_they_begin_it_and_so_does_the_fake(
    version: str, later: bool
) -> None:
    assert ObsVersion.of_text(version).prepares_asynchronously is later
    assert MockObs(SCRIPT, version=version).stream.prepares is later
