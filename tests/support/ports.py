"""Ports for servers that a test starts."""

import itertools
import os
import random
import socket
from collections import deque
from typing import Final

_FIRST: Final = 20_000
_EACH: Final = 1_000
"""Below the ports that systems hand out to clients (Linux: from 32,768), and a range for each of the test's workers:
otherwise anybody can take a port between the moment it is found free and the server's start."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 12
_ports = itertools.count(random.randrange(_EACH))
_taken: deque[socket.socket] = deque()
_TAKEN: Final = 100
"""The ports given last are kept from other runs of the tests on this machine until their servers have started."""


def free_port() -> int:
    """One that nobody listens on, and that was not given before."""
    while True:
        port = _FIRST + _worker * _EACH + next(_ports) % _EACH
        # Its number in UDP, which no server here uses, says to other processes that it is ours.
        mark = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                mark.bind(("127.0.0.1", port))
            except OSError:
                mark.close()
                continue
        _taken.append(mark)
        if len(_taken) > _TAKEN:
            _taken.popleft().close()
        return port
