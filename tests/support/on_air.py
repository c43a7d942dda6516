"""The local Twitch sees what the RTMP server is sent, as the real one does: live while somebody publishes."""

import contextlib
import threading
from collections.abc import Iterator

from tests.support.rtmp_server import RtmpServer
from twitch_sim.server import TwitchSim

LOOK_EVERY_S = 0.2


@contextlib.contextmanager
def on_air(twitch: TwitchSim, rtmp: RtmpServer) -> Iterator[None]:
    """While the block lasts."""
    over = threading.Event()

    def follow() -> None:
        while not over.wait(LOOK_EVERY_S):
            twitch.show_live(bool(rtmp.publishers()))

    thread = threading.Thread(target=follow, name="on-air")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
