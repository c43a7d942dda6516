"""A local Twitch: the real API's paths, statuses, headers, bodies, delays and quirks, over real sockets.

Used by tests in process, by ``tools/run.py --twitch-sim``, and on its own with ``python -m twitch_sim``. Nothing in
it reaches beyond this machine, and it listens on loopback only.
"""

from twitch_sim.faults import Fault
from twitch_sim.server import TwitchSim
from twitch_sim.world import Received, World

__all__ = ["Fault", "Received", "TwitchSim", "World"]
