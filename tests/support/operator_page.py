"""The operator page without a browser: what it sends, and what somebody else might send in its place."""

import re
from typing import Any

import requests

from tests.support.waiting import HANG_S


class PageClient:
    """One browser's cookies, and the headers that a page sends."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}

    def close(self) -> None:
        self.session.close()

    def get(self, path: str, headers: dict[str, str] | None = None, **params: object) -> requests.Response:
        values = {name: str(value) for name, value in params.items()}
        return self.session.get(f"{self.url}/operator/{path}", params=values, headers=headers, timeout=HANG_S)

    def post(self, path: str, body: Any = None, **headers: str | None) -> requests.Response:
        """A header given as None is left out."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**self.headers, **changed}.items() if value is not None}
        return self.session.post(f"{self.url}/operator/{path}", json=body or {}, headers=sent, timeout=HANG_S)

    def pair(self, code: str) -> None:
        answer = self.post("pair", {"code": code})
        assert answer.status_code == 200, answer.text
        self.headers["X-Operator-CSRF"] = self.get("session").json()["csrf"]

    def state(self, tag: str = "", wait_s: float = 0) -> dict[str, Any]:
        answer = self.get("state", tag=tag, wait=wait_s)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    @property
    def cookie(self) -> str:
        return next(
            str(cookie.value) for cookie in self.session.cookies if cookie.name.startswith("clawcraft_operator")
        )


def shown_code(text: str) -> str:
    """The code in the panel's row."""
    found = re.search(r">([0-9]{3}) ([0-9]{3})<", text)
    assert found is not None, text
    return found[1] + found[2]


def code_of(answer: requests.Response) -> str:
    """The code of a refusal."""
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["error"]["code"])
