"""Who may come in to the operator page: a browser that was paired, from the page itself. On HTTP workers.

``Gate.check_client`` came before, so address and Host are right: a name that was rebound to this machine has failed
there. A token of an agent opens nothing here, and the cookie opens nothing elsewhere: it is read only here.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from clawcraft.authority.rate_limit import AuthFailureLimiter
from clawcraft.errors import ClientNotAllowed, Unauthorized
from clawcraft.http.gate import Environ
from clawcraft.http.wire import TOKEN_CHECKED
from clawcraft.operator.pages import KEPT_S, PairedPage, PairedPages
from clawcraft.secrets import Secret
from clawcraft.settings import Settings

PATH: Final = "/operator"
CSRF_HEADER: Final = "HTTP_X_OPERATOR_CSRF"
_PAIR: Final = "Press 'Open the operator page' in the panel of the script in OBS, and enter the code on /operator."
_RELOAD: Final = "Reload the operator page."


class Door:
    """Each method is one check and raises its own refusal. ``settings`` are those in force."""

    def __init__(self, settings: Callable[[], Settings], pages: PairedPages, failures: AuthFailureLimiter) -> None:
        self._settings = settings
        self._pages = pages
        self._failures = failures

    def check_reading(self, environ: Environ) -> None:
        """No other page asks, as far as the browser tells. Raises ClientNotAllowed."""
        if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
            raise ClientNotAllowed("another web page may not ask for this (Sec-Fetch-Site)", hint=_RELOAD)
        if "HTTP_ORIGIN" in environ:
            self.check_origin(environ)

    def check_origin(self, environ: Environ) -> None:
        """The request says that it comes from the page itself. Raises ClientNotAllowed."""
        origin, host = str(environ.get("HTTP_ORIGIN", "")), str(environ.get("HTTP_HOST", ""))
        if not host or origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
            raise ClientNotAllowed(
                f"the Origin {origin[:80]!r} is not this page's own", hint="Use the operator page itself."
            )

    def page(self, environ: Environ) -> PairedPage:
        """Whose cookie the request carries. Raises Unauthorized; RateLimited for an address that fails too often."""
        token = self._token(environ)
        page = self._pages.of_token(token) if token else None
        environ[TOKEN_CHECKED](page is not None)
        if page is not None:
            return page
        if token:
            self.failed(environ)
            raise Unauthorized("this page is not paired any more", hint=_PAIR)
        raise Unauthorized("this page is not paired", hint=_PAIR)

    def check_change(self, environ: Environ) -> PairedPage:
        """Everything that a change needs: own Origin, cookie, and what only the page itself can have read."""
        self.check_reading(environ)
        self.check_origin(environ)
        page = self.page(environ)
        given = str(environ.get(CSRF_HEADER, "")).encode("latin-1")
        if not hmac.compare_digest(given, self.csrf(environ).encode()):
            raise ClientNotAllowed("the request lacks the page's own CSRF token", hint=_RELOAD)
        return page

    def failed(self, environ: Environ) -> None:
        """Count a failure. Raises RateLimited."""
        self._failures.failed(str(environ["REMOTE_ADDR"]))

    def csrf(self, environ: Environ) -> str:
        """What belongs to a page's token, and tells nothing about it."""
        return hmac.new(self._token(environ), b"csrf", hashlib.sha256).hexdigest()

    def cookie(self, token: Secret) -> str:
        """The Set-Cookie header that pairs a browser."""
        return f"{self._name}={token.reveal()}; Max-Age={int(KEPT_S)}; Path={PATH}; HttpOnly; SameSite=Strict"

    def no_cookie(self) -> str:
        return f"{self._name}=; Max-Age=0; Path={PATH}; HttpOnly; SameSite=Strict"

    @property
    def _name(self) -> str:
        # Cookies know no ports: two services on one machine must not take each other's place.
        return f"clawcraft_operator_{self._settings().port}"

    def _token(self, environ: Environ) -> bytes:
        for part in str(environ.get("HTTP_COOKIE", "")).split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._name:
                return value.encode("latin-1")
        return b""
