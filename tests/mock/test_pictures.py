"""What the fake's output of JPEGs does not let pass, since the real one crashes or hangs on it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from obs_mock.handles import Handle, Ledger
from obs_mock.loops import Loop
from obs_mock.pictures import Pictures
from obs_mock.scenarios import Scenario
from obs_mock.violations import Recorder
from tests.support.waiting import HANG_S, wait_until


class Rig:
    """An output that has sent its first bytes."""

    def __init__(self, listener: socket.socket, outputs: Loop) -> None:
        self.recorder = Recorder()
        self.pictures = Pictures(outputs, Ledger(self.recorder), self.recorder, lambda: Scenario("good"))
        self._functions = self.pictures.functions()
        data = self.call("obs_data_create")
        texts = {
            "url": f"tcp://127.0.0.1:{listener.getsockname()[1]}",
            "format_name": "mpjpeg",
            "video_encoder": "mjpeg",
        }
        for name, text in texts.items():
            self.call("obs_data_set_string", data, name.encode(), text.encode())
        self.output: Handle = self.call("obs_output_create", b"ffmpeg_output", b"test", data, None)
        self.call("obs_data_release", data)
        self.call("obs_output_start", self.output)
        self.connection = listener.accept()[0]
        self.connection.settimeout(HANG_S)
        self.connection.recv(1)

    def call(self, name: str, *arguments: Any) -> Any:
        return self._functions[name](*arguments)

    def end(self) -> None:
        self.call("obs_output_end_data_capture", self.output)
        wait_until(lambda: not self.call("obs_output_active", self.output), "the output has ended")


@pytest.fixture
def rig() -> Iterator[Rig]:
    errors: list[BaseException] = []
    outputs = Loop("outputs", errors.append)
    outputs.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Rig(listener, outputs)
        yield made
        made.connection.close()
    outputs.stop()
    assert errors == []


def test_a_stop_is_a_crash(rig: Rig) -> None:
    rig.call("obs_output_stop", rig.output)
    rig.end()
    rig.pictures.release(rig.output)
    assert "frees what the next frame uses" in rig.recorder.violations()[0]


def test_a_release_while_a_frame_is_on_its_way_is_a_hang(rig: Rig) -> None:
    rig.end()
    rig.pictures.release(rig.output)
    assert "released while a frame is on its way" in rig.recorder.violations()[0]


def test_a_release_before_the_end_is_a_hang(rig: Rig) -> None:
    rig.pictures.release(rig.output)
    assert "released before it had ended" in rig.recorder.violations()[0]


def test_paused_drained_ended_and_released_is_right(rig: Rig) -> None:
    assert rig.call("obs_output_pause", rig.output, True)
    before = rig.call("video_output_get_total_frames", None)
    wait_until(lambda: rig.call("video_output_get_total_frames", None) > before + 5, "the frames have passed")
    rig.end()
    rig.pictures.release(rig.output)
    assert rig.recorder.violations() == ()
