"""The server's side of one WebSocket (RFC 6455), as much of it as Twitch uses: text, ping, close."""

import base64
import contextlib
import hashlib
import json
import selectors
import socket
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_head(key: str) -> bytes:
    """The answer that makes a WebSocket of an HTTP connection whose Sec-WebSocket-Key is ``key``."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole, unmasked frame."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


class Connection:
    """Sends from any thread; ``read`` is for the one that owns it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._buffer = b""

    def send_json(self, value: Mapping[str, Any]) -> bool:
        """False if nobody is there any more."""
        return self.send(frame(TEXT, json.dumps(value).encode()))

    def send(self, data: bytes) -> bool:
        with self._lock:
            try:
                self._sock.sendall(data)
            except OSError:
                return False
            return True

    def close(self, code: int) -> None:
        self.send(frame(CLOSE, struct.pack("!H", code)))

    def cut(self) -> None:
        """End it without a word."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def read(self, timeout_s: float) -> tuple[int, bytes] | None:
        """The next frame; None if none came in time. Raises OSError when the connection is over."""
        until_s = time.monotonic() + timeout_s
        try:
            head = self._exactly(2, until_s)
            size = head[1] & 0x7F
            if size == 126:
                size = struct.unpack("!H", self._exactly(4, until_s)[2:])[0]
                head = self._exactly(4, until_s)
            elif size == 127:
                raise ConnectionError("a client of Twitch has nothing that long to say")
            whole = self._exactly(len(head) + 4 + size, until_s)
        except TimeoutError:
            return None
        self._buffer = self._buffer[len(whole) :]
        mask, payload = whole[len(head) : len(head) + 4], whole[len(head) + 4 :]
        return head[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

    def _exactly(self, count: int, until_s: float) -> bytes:
        """The first ``count`` bytes, which stay in the buffer. Not by the socket's timeout, which is the sender's too.
        Raises TimeoutError."""
        while len(self._buffer) < count:
            with selectors.DefaultSelector() as selector:
                selector.register(self._sock, selectors.EVENT_READ)
                if not selector.select(max(0.0, until_s - time.monotonic())):
                    raise TimeoutError
            data = self._sock.recv(4096)
            if not data:
                raise ConnectionError("the client is gone")
            self._buffer += data
        return self._buffer[:count]
