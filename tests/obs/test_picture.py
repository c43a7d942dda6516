"""A picture of the program from the fake OBS: its size, its limits, and how it fails."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from clawcraft.errors import ActionDisabled, Interrupted, ObsUnavailable, SceneNotFound
from clawcraft.obs.picture import MAX_BYTES, first_jpeg
from obs_mock.pictures import jpeg
from obs_mock.scenarios import Scenario
from tests.obs.conftest import Rig

GOOD = Scenario("good")


def allowed() -> None:
    """Nothing forbids it."""


def test_a_picture_is_a_jpeg_of_at_most_1280_pixels(rig: Rig) -> None:
    picture = rig.stream.take_picture()
    assert (picture.width, picture.height) == (1280, 720)
    assert picture.jpeg == jpeg(1280, 720)


def test_what_is_too_large_is_taken_again_coarser_and_smaller(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(picture_bytes=550_000)
    coarser = rig.stream.take_picture()
    assert (coarser.width, MAX_BYTES // 2 < len(coarser.jpeg) <= MAX_BYTES) == (1280, True)
    rig.obs.scenario = GOOD.but(picture_bytes=1_500_000)
    smaller = rig.stream.take_picture()
    assert (smaller.width, len(smaller.jpeg) <= MAX_BYTES) == (960, True)
    rig.obs.scenario = GOOD.but(picture_bytes=20_000_000)
    with pytest.raises(ObsUnavailable, match="does not fit"):
        rig.stream.take_picture()


def test_what_keeps_obs_from_giving_a_picture_is_told(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(picture_error="Couldn't find encoder 'mjpeg'")
    with pytest.raises(ObsUnavailable, match="Couldn't find encoder 'mjpeg'"):
        rig.stream.take_picture()
    rig.obs.scenario = GOOD
    assert rig.stream.take_picture().width == 1280


def test_without_libobs_there_is_no_picture(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(libobs=False)
    with pytest.raises(ObsUnavailable, match="gives no picture"):
        rig.stream.take_picture()


def test_whoever_waits_for_a_picture_is_interrupted_when_the_script_ends(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(picture_silent=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rig.stream.take_picture)
        rig.stream.close()
        with pytest.raises(Interrupted):
            waiting.result(10)


def test_a_picture_is_whole_at_its_own_end_only() -> None:
    whole = jpeg(64, 32, more_bytes=5_000)
    assert all(first_jpeg(whole[:length]) is None for length in range(len(whole)))
    found = first_jpeg(whole + whole[:99])
    assert found is not None
    assert (found.jpeg, found.width, found.height) == (whole, 64, 32)
    with pytest.raises(ObsUnavailable):
        first_jpeg(b"HTTP/1.1 200 OK\r\n")


def test_a_scene_is_switched_and_the_one_before_told(rig: Rig) -> None:
    assert rig.stream.switch_scene("BRB", allowed) == "Main"
    assert rig.obs.scene() == "BRB"
    assert rig.stream.switch_scene("BRB", allowed) == "BRB"
    with pytest.raises(SceneNotFound) as raised:
        rig.stream.switch_scene("Nowhere", allowed)
    assert raised.value.details == {"scenes": ["Main", "BRB"]}


def test_what_is_forbidden_by_now_keeps_the_scene_as_it_is(rig: Rig) -> None:
    def forbidden() -> None:
        raise ActionDisabled("forbidden meanwhile")

    with pytest.raises(ActionDisabled, match="forbidden meanwhile"):
        rig.stream.switch_scene("BRB", forbidden)
    assert rig.obs.scene() == "Main"
