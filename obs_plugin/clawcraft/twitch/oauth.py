"""Twitch's OAuth endpoints, one method each: validate, refresh, device code, revoke. Any thread; no state.

Nothing here is repeatable except ``validate``: a refresh token of a public client and a device code work once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.errors import TwitchRejected, TwitchUnavailable
from clawcraft.secrets import Secret
from clawcraft.settings import Settings
from clawcraft.text import cleaned
from clawcraft.twitch.foreign import LENGTHS, foreign
from clawcraft.twitch.transport import Reply, Request, Transport

MAX_SCOPES: Final = 100
_FINAL_WORDS: Final = ("invalid refresh token", "invalid client", "missing client secret")
"""Twitch's words for a refresh that no repetition makes better. Whatever else comes with a 400, 401 or 403 (the page of
a proxy, or of a hotel's network) ends no login."""
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class Identity:
    """What Twitch says a token is. ``user_id`` is empty for an app token; ``expires_in_s`` None: it does not expire."""

    client_id: str
    user_id: str
    login: str
    scopes: frozenset[str]
    expires_in_s: float | None


@dataclass(frozen=True, slots=True)
class Grant:
    """A fresh pair of tokens. ``scopes`` None: Twitch did not say."""

    access: Secret
    refresh: Secret | None
    expires_in_s: float | None
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A login under way: the person opens ``verification_uri`` and enters ``user_code``."""

    device_code: Secret
    user_code: str
    verification_uri: str
    expires_in_s: float
    interval_s: float


class GrantRefused(Exception):
    """Twitch refuses a refresh token or device code; ``reply`` says with which words."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class OAuth:
    """Calls to ``TWITCH_AUTH_BASE_URL``, each within ``timeout_s`` in all. Every method raises Timeout,
    TwitchUnavailable or Stopping besides its own."""

    def __init__(self, transport: Transport, settings: Callable[[], Settings]) -> None:
        self._transport = transport
        self._settings = settings

    def validate(self, token: Secret, timeout_s: float) -> Identity | None:
        """Whose token it is; None if Twitch says that it is not valid."""
        reply = self._send("GET", "validate", timeout_s, token=token, scheme="OAuth", repeatable=True)
        if reply.status == 401:
            return None
        data = _expect_ok(reply).data
        return Identity(
            client_id=foreign(data, "client_id", "id"),
            user_id=foreign(data, "user_id", "id"),
            login=foreign(data, "login", "login").lower(),
            scopes=_scopes(data.get("scopes")) or frozenset(),
            expires_in_s=_lifetime(data.get("expires_in")),
        )

    def refresh(self, refresh: Secret, client_id: str, secret: Secret | None, timeout_s: float) -> Grant:
        """A new pair for ``refresh``, which may be dead afterwards, whatever becomes of the answer.
        Raises GrantRefused; TwitchUnavailable and Timeout, which are ``retryable`` if Twitch has not seen it."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh.reveal(), "client_id": client_id}
        if secret is not None:
            form["client_secret"] = secret.reveal()
        reply = self._send("POST", "token", timeout_s, form=form, must_arrive=True)
        said = reply.message.lower()
        return _grant(reply, previous=refresh, refused=any(words in said for words in _FINAL_WORDS))

    def device_code(self, client_id: str, scopes: Sequence[str], timeout_s: float) -> DeviceCode:
        """Begin a login. Raises TwitchRejected, for instance for an unknown client id."""
        form = {"client_id": client_id, "scopes": " ".join(scopes)}
        reply = _expect_ok(self._send("POST", "device", timeout_s, form=form))
        data = reply.data
        try:
            return DeviceCode(
                device_code=Secret(str(data["device_code"])),
                user_code=foreign(data, "user_code", "code"),
                verification_uri=_web_address(data),
                expires_in_s=float(data.get("expires_in") or 1800),
                interval_s=max(1.0, float(data.get("interval") or 5)),
            )
        except (KeyError, ValueError, TypeError):
            raise _unreadable(reply) from None

    def device_token(self, client_id: str, code: DeviceCode, scopes: Sequence[str], timeout_s: float) -> Grant:
        """The pair, once the person agreed. Raises GrantRefused until then and after the code's end."""
        form = {
            "client_id": client_id,
            "scopes": " ".join(scopes),
            "device_code": code.device_code.reveal(),
            "grant_type": _DEVICE_GRANT,
        }
        reply = self._send("POST", "token", timeout_s, form=form)
        return _grant(reply, previous=None, refused=bool(reply.message))

    def revoke(self, token: Secret, client_id: str, timeout_s: float) -> None:
        """Make ``token`` worthless. A token that already is (400) counts as done."""
        form = {"client_id": client_id, "token": token.reveal()}
        reply = self._send("POST", "revoke", timeout_s, form=form)
        if reply.status != 400:
            _expect_ok(reply)

    def _send(self, method: str, path: str, timeout_s: float, **how: Any) -> Reply:
        request = Request(method, f"{self._settings().twitch_auth_url}/{path}", f"{method} /oauth2/{path}", **how)
        return self._transport.send(request, self._transport.deadline(timeout_s))


def _grant(reply: Reply, *, previous: Secret | None, refused: bool) -> Grant:
    # 403 is a wrong client secret; 400 and 401 a bad grant.
    if refused and reply.status in (400, 401, 403):
        raise GrantRefused(reply)
    if reply.status != 200:
        raise TwitchUnavailable(
            reply.sentence,
            details=reply.evidence,
            retry_after_s=reply.retry_after_s,
            retryable=reply.status == 429,
        )
    data = reply.data
    access, refresh = data.get("access_token"), data.get("refresh_token")
    if not access:
        raise _unreadable(reply, retryable=False)  # a 200: what was sent works once, and is used up
    return Grant(
        access=Secret(str(access)),
        refresh=Secret(str(refresh)) if refresh else previous,
        expires_in_s=_lifetime(data.get("expires_in")),
        scopes=_scopes(data.get("scope")),
    )


def _expect_ok(reply: Reply) -> Reply:
    if reply.status == 200:
        return reply
    if reply.status == 429 or reply.status >= 500 or 300 <= reply.status < 400:
        raise TwitchUnavailable(reply.sentence, details=reply.evidence, retry_after_s=reply.retry_after_s)
    raise TwitchRejected(reply.sentence, details=reply.evidence)


def _unreadable(reply: Reply, *, retryable: bool = True) -> TwitchUnavailable:
    said = f"Twitch's answer to {reply.endpoint} cannot be read"
    return TwitchUnavailable(said, details=reply.evidence, retryable=retryable)


def _lifetime(value: object) -> float | None:
    # Twitch writes 0 for a token that does not expire; less than that is over already.
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value == 0:
        return None
    return max(0.0, float(value))


def _scopes(value: object) -> frozenset[str] | None:
    scopes = value.split() if isinstance(value, str) else value
    if not isinstance(scopes, Sequence):
        return None
    return frozenset(filter(None, (cleaned(scope, LENGTHS["code"]) for scope in scopes[:MAX_SCOPES])))


def _web_address(data: Mapping[str, Any]) -> str:
    """The panel makes a link of it. Raises ValueError."""
    uri = foreign(data, "verification_uri", "url")
    if not uri.startswith("https://"):
        raise ValueError("not an address of the web")
    return uri
