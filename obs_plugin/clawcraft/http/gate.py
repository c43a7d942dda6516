"""Who may enter: client address and Host, size and type, bearer token, signature, replay. In that order.

Called on HTTP workers; the only state is what the injected parts keep.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hmac import compare_digest
from typing import Any, Final

from clawcraft.authority.agents import SERVICE_HOLDER, Agents
from clawcraft.authority.rate_limit import AuthFailureLimiter
from clawcraft.clock import Clock
from clawcraft.errors import (
    ClientNotAllowed,
    InvalidRequest,
    InvalidSignature,
    PayloadTooLarge,
    ReplayedRequest,
    Unauthorized,
    UnsupportedMediaType,
)
from clawcraft.http import signature
from clawcraft.http.wire import MAX_BODY_BYTES, TOKEN_CHECKED
from clawcraft.jobs.model import Envelope
from clawcraft.jobs.store import JobStore
from clawcraft.settings import McpAccess, Settings

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Environ = dict[str, Any]

MCP_PATH: Final = "/mcp"

_ORIGIN: Final = re.compile(r"https?://(.+)")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature was right; ``expires_at_s`` (Unix) ends its replay window."""

    signature: str
    expires_at_s: float


@dataclass(eq=False)
class Gate:
    """Each method is one check and raises its own refusal; the application calls them in the contract's order."""

    _settings: Callable[[], Settings]
    _agents: Agents
    _store: JobStore
    _failures: AuthFailureLimiter
    _clock: Clock

    def check_client(self, environ: Environ) -> None:
        """Address, Host and Origin. Raises ClientNotAllowed, InvalidRequest for HTTP/1.1 without Host.

        A browser is no client of this service: a request that carries an Origin is refused, so that no web page the
        streamer visits can even try, whatever it knows. Programs that speak MCP send one as well; theirs is this
        machine's.
        """
        settings = self._settings()
        address = _plain_address(str(environ["REMOTE_ADDR"]))
        if not any(address in network for network in settings.allowed_clients):
            raise ClientNotAllowed(f"the address {address} may not call this service")
        host = environ.get("HTTP_HOST")
        if host is None:
            if environ["SERVER_PROTOCOL"] == "HTTP/1.1":
                raise InvalidRequest("HTTP/1.1 needs a Host header", hint="Send a Host header.")
        elif not _host_allowed(str(host), settings):
            raise ClientNotAllowed(
                f"the Host {str(host)[:80]!r} is not a name of this service",
                hint="Call it by 127.0.0.1, localhost or its bind address, or add the name to "
                "TOOL_SERVICE_ALLOWED_HOSTS.",
            )
        origin, path = environ.get("HTTP_ORIGIN"), str(environ["PATH_INFO"])
        # The streamer's own page has a door of its own, which looks at the Origin itself: operator/door.py.
        if origin is not None and not (
            path.startswith("/operator/") or (path == MCP_PATH and _is_loopback(str(origin)))
        ):
            raise ClientNotAllowed("web pages may not call this service (the request has an Origin header)")

    def check_size(self, environ: Environ) -> None:
        """Raises PayloadTooLarge. waitress has counted the body already, also a chunked one."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > MAX_BODY_BYTES:
            raise PayloadTooLarge(
                f"the body has {length} bytes; at most {MAX_BODY_BYTES} are allowed",
                details={"limit_bytes": MAX_BODY_BYTES},
            )

    def check_json_type(self, environ: Environ) -> None:
        """Raises UnsupportedMediaType unless the body is plain ``application/json`` in UTF-8."""
        text = str(environ.get("CONTENT_TYPE", ""))
        media_type, *parameters = [part.strip().lower() for part in text.split(";")]
        if media_type != "application/json" or any(
            parameter not in ("charset=utf-8", 'charset="utf-8"', "") for parameter in parameters
        ):
            raise UnsupportedMediaType(f"the Content-Type is {text[:80]!r}, not application/json in UTF-8")
        if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaType(
                "the body has a Content-Encoding", hint="Send the body as it is, without Content-Encoding."
            )

    def check_bearer(self, environ: Environ) -> str:
        """Whose token it is, see ``authority/agents.py``. Raises Unauthorized; RateLimited once an address fails too
        often."""
        header = environ.get("HTTP_AUTHORIZATION")
        scheme, _, token = str(header or "").partition(" ")
        # Header text arrives as latin-1; back to the bytes that were sent.
        given = token.strip(" ").encode("latin-1")
        over = None
        if scheme.lower() == "bearer":
            try:
                service = compare_digest(given, self._settings().service_token.reveal().encode("utf-8"))
                holder = SERVICE_HOLDER if service else self._agents.of_token(given)
            except Unauthorized as error:
                holder, over = None, error
            environ[TOKEN_CHECKED](holder is not None)
            if holder is not None:
                return holder
        else:
            environ[TOKEN_CHECKED](False)
        self._failures.failed(str(environ["REMOTE_ADDR"]))
        if over is not None:
            raise over
        if header is None:
            raise Unauthorized("the request has no Authorization header")
        if scheme.lower() != "bearer":
            raise Unauthorized("the Authorization header is not of the Bearer scheme")
        raise Unauthorized("the bearer token is not the right one")

    def check_mcp(self) -> None:
        """Whether MCP is served at all, to one who showed a token. Raises ClientNotAllowed."""
        settings = self._settings()
        if settings.mcp is McpAccess.OFF:
            raise ClientNotAllowed(
                "MCP is switched off here (TOOL_MCP is off)",
                hint="The streamer can switch it on with TOOL_MCP=on. POST /tools/execute takes the same actions.",
            )
        if settings.signature_secret is not None and settings.mcp is not McpAccess.UNSIGNED:
            raise ClientNotAllowed(
                "MCP is off while a signing secret is set: its clients cannot sign",
                hint="Sign requests to POST /tools/execute, or have the streamer set TOOL_MCP=unsigned, which lets the "
                "token alone do.",
            )

    def check_signature(self, environ: Environ, body: bytes) -> Signed | None:
        """None while no secret is set. Raises InvalidSignature; RateLimited once an address fails too often."""
        settings = self._settings()
        if settings.signature_secret is None:
            return None
        try:
            return Signed(
                *signature.verify(
                    settings.signature_secret,
                    body,
                    environ.get("HTTP_X_TOOL_SIGNATURE"),
                    environ.get("HTTP_X_TOOL_TIMESTAMP"),
                    now_s=self._clock.time(),
                    require_timestamp=settings.require_timestamp,
                )
            )
        except InvalidSignature:
            self._failures.failed(str(environ["REMOTE_ADDR"]))
            raise

    def check_replay(self, signed: Signed | None, envelope: Envelope) -> None:
        """Raises ReplayedRequest for a signed request seen before. The one repeat that is harmless is that of a
        request_id whose job or answer is kept: idempotency gives that again. Also a request that was refused counts as
        seen: sent again by somebody else, it would run once the streamer has ended a pause."""
        if signed is None or not self._store.seen_signature(signed.signature, signed.expires_at_s):
            return
        if envelope.request_key is None or not self._store.knows(envelope.request_key):
            raise ReplayedRequest("this signed request was sent before, and no answer to it is kept")


# A client calls again and again from one address by one name.
@lru_cache(maxsize=128)
def _plain_address(text: str) -> IpAddress:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


@lru_cache(maxsize=128)
def _host_name(text: str) -> str | None:
    """The name in a Host header or setting, in lower case without port, brackets and final dot; None if malformed."""
    match = _HOST.fullmatch(text)
    return None if match is None else match.group(1).strip("[]").rstrip(".").lower()


def _is_loopback(origin: str) -> bool:
    match = _ORIGIN.fullmatch(origin)
    name = match and _host_name(match.group(1))
    if not name:
        return False
    try:
        return name == "localhost" or _plain_address(name).is_loopback
    except ValueError:
        return False


def _host_allowed(text: str, settings: Settings) -> bool:
    # Against DNS rebinding: a page on evil.example that resolves to 127.0.0.1 still sends Host: evil.example.
    name = _host_name(text)
    if name is None:
        return False
    if name == "localhost" or name in (_host_name(allowed) for allowed in settings.allowed_hosts):
        return True
    try:
        address = _plain_address(name)
    except ValueError:
        return False
    bind = _plain_address(settings.bind)
    # Listening on every address, any of them may be used: an address as Host cannot come from rebinding.
    return address.is_loopback or address == bind or bind.is_unspecified
