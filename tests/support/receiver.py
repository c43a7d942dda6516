"""A webhook's receiver on this machine, which answers as a test wants."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from tests.support.loopback import Handler, Loopback
from tests.support.waiting import HANG_S, wait_until


class Receiver(Loopback):
    """Answers with what ``answers`` holds next, a status and headers, then with 204; ``hanging`` ones get no answer
    before the end of the block. Keeps each path and each body."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Mapping[str, str]]] = []
        self.hanging = False
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        receiver = self

        class Alert(Handler):
            def do_POST(self) -> None:
                body = json.loads(self.body())
                with receiver._lock:
                    receiver.paths.append(self.path)
                    receiver.bodies.append(body)
                    status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                if receiver.hanging:
                    receiver._over.wait(HANG_S)
                    self.close_connection = True
                    return
                self.answer(status, headers=headers)

        super().__init__(Alert)
        self.url = f"{self.address}/hooks/the-key-0123456789"

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        super().__exit__(*exc)

    def got(self, count: int) -> list[dict[str, Any]]:
        """The bodies, once there are that many."""
        wait_until(lambda: len(self.bodies) >= count, f"{count} alerts arrive; there are {self.bodies}")
        return list(self.bodies)
