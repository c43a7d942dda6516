"""The files of the page, read once, and the headers that keep a browser from doing more with them than meant."""

from pathlib import Path
from typing import Final

from clawcraft.errors import NotFound
from clawcraft.http import responses
from clawcraft.http.responses import Response

FOLDER: Final = Path(__file__).with_name("static")
INDEX: Final = "index.html"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text ever becomes markup, whoever wrote it
        "trusted-types 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Assets:
    """By name; only what lay in the folder when the service started."""

    def __init__(self) -> None:
        paths = [path for path in FOLDER.iterdir() if path.suffix in _TYPES]
        self._files = {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in paths}

    def answer(self, name: str) -> Response:
        """Raises NotFound."""
        if name not in self._files:
            raise NotFound("the operator page has no such file")
        content, media_type = self._files[name]
        return responses.answer(200, content, media_type, HEADERS)
