"""``python -m twitch_sim --port 0``: serve until interrupted, after one JSON line with everything needed to connect."""

import argparse
import contextlib
import json
import signal
import sys
import threading

from twitch_sim.server import TwitchSim


def main() -> int:
    parser = argparse.ArgumentParser(prog="twitch_sim", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (default)")
    parser.add_argument("--live", action="store_true", help="the channel is live from the beginning")
    given = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        sim = TwitchSim(host=given.host, port=given.port)
    except (OSError, ValueError) as error:
        print(f"twitch_sim: {error}", file=sys.stderr)
        return 1
    with sim, contextlib.suppress(KeyboardInterrupt):
        if given.live:
            sim.world.go_live()
        print(json.dumps({"control_url": sim.control_url, "environment": sim.environment()}), flush=True)
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
