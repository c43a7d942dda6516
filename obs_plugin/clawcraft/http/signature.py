"""HMAC signatures of requests: ``X-Tool-Signature`` and ``X-Tool-Timestamp``. No state; called on HTTP workers."""

import hashlib
import hmac
import re
from typing import Final

from clawcraft.errors import InvalidSignature
from clawcraft.secrets import Secret

WINDOW_S: Final = 300

_SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-f]{64})", re.IGNORECASE)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,15}")


def sign(secret: Secret, body: bytes, timestamp: str | None) -> str:
    """The hex HMAC-SHA256 of ``timestamp + "." + body``, or of ``body`` alone."""
    signed = body if timestamp is None else f"{timestamp}.".encode("ascii") + body
    return hmac.new(secret.reveal().encode("utf-8"), signed, hashlib.sha256).hexdigest()


def verify(
    secret: Secret, body: bytes, signature: str | None, timestamp: str | None, *, now_s: float, require_timestamp: bool
) -> tuple[str, float]:
    """Check one request's headers (None where absent) against its raw ``body``.

    Returns the signature in lower case and the Unix time until which it would be accepted again.
    Raises InvalidSignature, which says what is wrong and never what would be right.
    """
    if signature is None:
        raise InvalidSignature("the request is not signed: X-Tool-Signature is missing")
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise InvalidSignature("X-Tool-Signature is not 64 hex digits, with or without 'sha256=' before them")
    if timestamp is None:
        if require_timestamp:
            raise InvalidSignature("X-Tool-Timestamp is missing; sign timestamp + '.' + body")
    elif not _TIMESTAMP.fullmatch(timestamp):
        raise InvalidSignature("X-Tool-Timestamp is not a Unix time in whole seconds")
    given = match.group(1).lower()
    if not hmac.compare_digest(given, sign(secret, body, timestamp)):
        raise InvalidSignature("X-Tool-Signature does not match the body" + (" and timestamp" if timestamp else ""))
    if timestamp is None:
        return given, now_s + WINDOW_S
    # Only after the comparison: how far off the clock is concerns nobody who cannot sign.
    off_s = int(timestamp) - now_s
    if abs(off_s) > WINDOW_S:
        raise InvalidSignature(
            f"X-Tool-Timestamp is {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} the service's clock",
            details={"timestamp": int(timestamp), "service_time": int(now_s), "window_s": WINDOW_S},
        )
    return given, int(timestamp) + WINDOW_S
