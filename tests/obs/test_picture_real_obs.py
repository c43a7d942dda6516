"""Pictures of the program from a real OBS: their colours, the stream beside them, and what is left of them: nothing."""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.display import Display
from tests.support.obs_control import SCRIPT, ObsControl
from tests.support.obs_home import ObsHome
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real_obs
SHOWN = (0x20, 0x40, 0x80)
"""Red, green and blue of the scene."""


def files(folder: Path) -> set[Path]:
    """Without OBS's own copy of a scene collection that it saves."""
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".bak"}


def pictures(control: ObsControl, times: int) -> Iterator[bytes]:
    for width, height, data in control.call("pictures", times=times):
        assert (width, height) == (640, 360)
        yield base64.b64decode(data)


def middle(jpeg: bytes) -> tuple[int, ...]:
    """Red, green and blue of the pixel in the middle, read as any JPEG is."""
    command = ["ffmpeg", "-loglevel", "error", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run(command, input=jpeg, capture_output=True, check=True, timeout=60).stdout
    place = (180 * 640 + 320) * 3
    return tuple(pixels[place : place + 3])


def test_pictures_idle_and_while_streaming_leave_nothing_behind(tmp_path: Path) -> None:
    control = ObsControl()
    with Display(tmp_path / "display") as display, RtmpServer(tmp_path / "rtmp") as rtmp:
        home = ObsHome(server_url=rtmp.url(), script=SCRIPT, script_settings=control.settings())
        home.write(tmp_path / "home")
        with RealObs(display, tmp_path / "home") as obs:
            control.wait_ready()
            before = files(tmp_path / "home")
            idle = list(pictures(control, 10))
            assert control.call("start")["status"] == "started"
            assert len(list(pictures(control, 20))) == 20
            assert control.call("status")["stream"]["state"] == "live"
            assert rtmp.publishers() == ["testkey"]
            assert control.call("stop") == {"status": "stopped"}
            more = list(pictures(control, 1))
            threads = obs.thread_count()
            more += pictures(control, 5)
            wait_until(lambda: obs.thread_count() <= threads, "no picture has left a thread")
            assert files(tmp_path / "home") == before
            obs.exits_clean()
            assert not [line for line in obs.process.lines() if "ffmpeg_data_init failed" in line]
    # A JPEG is read by the coefficients of BT.601, OBS's are those of BT.709 unless set otherwise: greys are the same,
    # and this blue differs by 4. With the range wrong, it would by 13.
    for jpeg in (idle[0], more[-1]):
        assert max(abs(found - shown) for found, shown in zip(middle(jpeg), SHOWN, strict=True)) <= 6
