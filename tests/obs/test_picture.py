"""A picture of the program from the fake OBS: its size, its limits, and how it fails."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clawcraft.errors import ActionDisabled, Interrupted, ObsUnavailable, ObsUnresponsive, SceneNotFound
from clawcraft.obs.jpeg import MAX_SENT, first_jpeg
from clawcraft.obs.picture import MAX_BYTES
from obs_mock.pictures import jpeg, part
from obs_mock.scenarios import Scenario
from tests.obs.conftest import Rig

GOOD = Scenario("good")
OPENING = b"--secret\r\n"


def allowed() -> None:
    """Nothing forbids it."""


def test_a_picture_is_a_jpeg_of_at_most_1280_pixels_and_takes_no_turn_on_the_ui_thread(rig: Rig) -> None:
    turns = list(rig.driver.ui_calls)
    picture = rig.stream.take_picture()
    assert rig.driver.ui_calls == turns
    assert (picture.width, picture.height) == (1280, 720)
    assert picture.jpeg == jpeg(1280, 720)


def test_what_is_too_large_is_taken_again_coarser_and_smaller(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(picture_bytes=550_000)
    coarser = rig.stream.take_picture()
    assert (coarser.width, MAX_BYTES // 2 < len(coarser.jpeg) <= MAX_BYTES) == (1280, True)
    rig.obs.scenario = GOOD.but(picture_bytes=1_500_000)
    smaller = rig.stream.take_picture()
    assert (smaller.width, len(smaller.jpeg) <= MAX_BYTES) == (960, True)
    rig.obs.scenario = GOOD.but(picture_bytes=8_000_000)
    with pytest.raises(ObsUnavailable, match="does not fit"):
        rig.stream.take_picture()


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ({"picture_error": "Couldn't find encoder 'mjpeg'"}, "Couldn't find encoder 'mjpeg'"),
        ({"libobs": False}, "gives no picture"),
        ({"picture_intruder": b"--ffmpeg\r\n" + part(jpeg(1280, 720))}, "another program"),
    ],
    ids=["an encoder is missing", "no libobs", "another program connects in OBS's place"],
)
def test_what_keeps_obs_from_giving_a_picture_is_told_and_passes(rig: Rig, way: dict[str, Any], said: str) -> None:
    rig.obs.scenario = GOOD.but(**way)
    with pytest.raises(ObsUnavailable, match=said):
        rig.stream.take_picture()
    rig.obs.scenario = GOOD
    assert rig.stream.take_picture().width == 1280


def test_whoever_waits_for_a_picture_is_interrupted_when_the_script_ends(rig: Rig) -> None:
    rig.obs.scenario = GOOD.but(picture_silent=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rig.stream.take_picture)
        rig.stream.close()
        with pytest.raises(Interrupted):
            waiting.result(10)


def test_a_picture_is_whole_at_its_own_end_only() -> None:
    whole = jpeg(64, 32, more_bytes=5_000)
    sent = OPENING + part(whole)
    assert all(first_jpeg(sent[:length], "secret") is None for length in range(len(sent) - 2))
    found = first_jpeg(sent + sent[:99], "secret")
    assert found is not None
    assert (found.jpeg, found.width, found.height) == (whole, 64, 32)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET", "another program"),
        (b"--guessed\r\n" + part(jpeg(64, 32)), "another program"),
        (OPENING + b"Content-type: text/html\r\n" * 20, "no JPEG"),
        (OPENING + part(b"\x89PNG" + b"x" * 99), "no JPEG"),
        (OPENING + part(b"\xff\xd8" + b"x" * 99 + b"\xff\xd9"), "no JPEG"),
        (OPENING + part(b"\xff\xd8\xff\xd9"), "no JPEG"),
        (OPENING + part(jpeg(64, 32)).replace(b"length: ", b"length: 99999"), f"more than {MAX_SENT}"),
    ],
)
def test_what_is_no_picture_of_obss_is_refused_as_soon_as_it_shows(sent: bytes, why: str) -> None:
    with pytest.raises(ObsUnavailable, match=why):
        first_jpeg(sent, "secret")


def test_what_comes_but_never_becomes_a_picture_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawcraft.obs.picture.PATIENCE_S", 0.2)
    rig.obs.scenario = GOOD.but(picture_intruder=b"-")
    with pytest.raises(ObsUnresponsive, match=r"within 0\.2 s"):
        rig.stream.take_picture()


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
