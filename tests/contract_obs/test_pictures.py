"""OBS's output that sends the program as JPEG: it connects, pauses, ends, and says what it lacks."""

from tests.support.obs_hosts import ObsHost


def test_an_output_sends_jpegs_until_it_is_paused_and_closes_when_it_is_stopped(obs: ObsHost) -> None:
    whole = {"started": True, "begins": "ffd8", "whole": True, "paused": True, "at_end": 0}
    for _ in range(3):
        assert obs.records.ask("picture", 320, 180, "mjpeg") == whole


def test_an_output_without_its_encoder_never_connects_and_says_why(obs: ObsHost) -> None:
    assert obs.records.ask("picture", 320, 180, "no_such_encoder") == {"started": True, "error": True}
