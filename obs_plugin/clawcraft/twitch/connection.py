"""Connections to Twitch that obey their call: name, connect and TLS all end at its deadline, and no stale reuse.

Runs on the thread that makes the call. urllib3's own connect gives each address the whole timeout and resolves names
without any, so that one dead resolver would outlast every deadline.
"""

import errno
import itertools
import os
import selectors
import socket
import threading
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from clawcraft.twitch.call import CURRENT_CALL, Call

MAX_IDLE_S: Final = 50.0
"""A kept connection idle for longer is not trusted: routers forget it silently, and a chat message sent into it could
neither be confirmed nor repeated."""
POOL_SIZE: Final = 64
_SLICE_S: Final = 0.02
"""How soon a lookup or connect notices that its call was cut; portable, unlike a shutdown before the handshake."""


class _Connection(HTTPConnection):
    _used_at = 0.0

    def _new_conn(self) -> socket.socket:
        call, timeout_s = CURRENT_CALL.get(), float(self.timeout or 0.0)
        try:
            sock = connected(self.host.strip("[]"), self.port, call, time.monotonic() + timeout_s)
            sock.settimeout(timeout_s)
            return sock
        except TimeoutError:
            call.unconnected = "cannot connect in time"
        except socket.gaierror:
            call.unconnected = "its name cannot be resolved"
        except OSError:
            call.unconnected = "cannot connect"
        raise NewConnectionError(self, call.unconnected)

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < MAX_IDLE_S and super().is_connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        call = CURRENT_CALL.get()
        if self.sock is None:
            self.connect()
        call.watch(self.sock)
        call.begin_sending()
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used_at = time.monotonic()
        return response


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def call_session(headers: Mapping[str, str]) -> requests.Session:
    """A session over these connections, with ``headers`` in each request; it keeps no cookie and retries nothing by
    itself."""
    session = requests.Session()
    # A proxy or .netrc of the environment must see neither the streamer's token nor an alert.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(headers)
    for scheme in ("https://", "http://"):
        adapter = HTTPAdapter(pool_maxsize=POOL_SIZE)
        adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        session.mount(scheme, adapter)
    return session


def connected(host: str, port: int, call: Call, until: float) -> socket.socket:
    """A connection to the host's first address that takes one, by ``until`` on the monotonic clock. One that is silent
    uses up half of the time that is left, and the next is tried. Raises OSError: TimeoutError, gaierror, or that of the
    last one."""
    failure = OSError("no address")
    addresses = _addresses(host, port, call, until)
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        now = time.monotonic()
        # Half, not an even share: where the network is only slow, of many short tries none would do.
        share_s = (until - now) / min(2, len(addresses) - tried)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            call.watch(sock)
            _connect(sock, address, call, now + share_s)
            return sock
        except OSError as error:
            sock.close()
            if call.cut_by is not None:
                raise
            failure = error
    raise failure


def _addresses(host: str, port: int, call: Call, until: float) -> list[Any]:
    """The host's addresses, of IPv6 and IPv4 by turns: where one of the two is broken, all of its addresses are. A
    resolver that hangs cannot be cut: its thread ends with it, and touches nothing."""
    found: list[Any] = []
    failures: list[Exception] = []

    def look_up() -> None:
        call.resolvers.add(resolver)
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failures.append(error)
        finally:
            call.resolvers.discard(resolver)

    _slice_s(call, until)
    resolver = threading.Thread(target=look_up, name="twitch-resolve", daemon=True)
    resolver.start()
    while resolver.is_alive():
        resolver.join(_slice_s(call, until))
    if failures:
        raise socket.gaierror(str(failures[0]))
    families = [[each for each in found if each[0] == family] for family in dict.fromkeys(each[0] for each in found)]
    return [address for turn in itertools.zip_longest(*families) for address in turn if address is not None]


def _connect(sock: socket.socket, address: Any, call: Call, until: float) -> None:
    """Connect or raise OSError; TimeoutError when the time is over or the call is cut."""
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            while not selector.select(_slice_s(call, until)):
                pass
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _slice_s(call: Call, until: float) -> float:
    """How long to block before looking at the call again. Raises TimeoutError when its time is over or it is cut."""
    left_s = until - time.monotonic()
    if left_s <= 0 or call.cut_by is not None:
        raise TimeoutError
    return min(_SLICE_S, left_s)
