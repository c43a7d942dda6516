"""A webhook's receiver on this machine, which answers as a test wants."""

import http.server
import json
import threading
from collections.abc import Mapping
from typing import Any, Self

from tests.support.waiting import HANG_S, wait_until


class Receiver:
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

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._lock:
                    receiver.paths.append(self.path)
                    receiver.bodies.append(body)
                    status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                if receiver.hanging:
                    receiver._over.wait(HANG_S)
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join(HANG_S)
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hooks/the-key-0123456789"

    def got(self, count: int) -> list[dict[str, Any]]:
        """The bodies, once there are that many."""
        wait_until(lambda: len(self.bodies) >= count, f"{count} alerts arrive; there are {self.bodies}")
        return list(self.bodies)
