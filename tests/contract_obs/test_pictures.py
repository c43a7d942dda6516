"""OBS's output that sends the program as JPEGs: it connects, pauses, ends, and says what it lacks."""

from tests.support.obs_hosts import ObsHost


def test_an_output_sends_jpegs_until_it_is_paused_and_closes_when_it_is_released(obs: ObsHost) -> None:
    expected = {
        "started": True,
        "head": ["--between", "Content-type: image/jpeg", "Content-length"],
        "jpeg": "ffd8ffd9",
        "then": "\r\n--between\r\n",
        "paused": True,
        "at_end": 0,
    }
    for _ in range(3):
        assert obs.records.ask("picture", 320, 180, "mjpeg") == expected


def test_an_output_without_its_encoder_never_connects_and_says_why(obs: ObsHost) -> None:
    assert obs.records.ask("picture", 320, 180, "no_such_encoder") == {"started": True, "error": True}
