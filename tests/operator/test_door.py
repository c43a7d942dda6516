"""Attacks on the operator page's door, each refused; and what it lets in."""

import json

import pytest
import requests

from clawcraft.clock import SystemClock
from clawcraft.operator.pages import KEPT_S, STORED_AS
from clawcraft.secrets import Secret
from tests.operator.conftest import code
from tests.panel.conftest import Streamer
from tests.support.operator_page import PageClient, code_of
from tests.support.tool_client import stored_token
from tests.support.waiting import wait_until

CHANGES = ("answer", "pause", "policy", "agent", "leave")
READS = ("state", "audit", "picture")


def test_the_cookie_is_for_the_page_alone(streamer: Streamer, page: PageClient, stranger: PageClient) -> None:
    header = stranger.post("pair", {"code": code(streamer)}).headers["Set-Cookie"]
    assert "; Path=/operator; HttpOnly; SameSite=Strict" in header
    assert stranger.cookie not in (streamer.folder / "plugin_config/twitch-clawcraft/secrets.json").read_text()


def test_without_a_cookie_nothing_is_shown_or_changed(
    streamer: Streamer, page: PageClient, stranger: PageClient
) -> None:
    assert stranger.get("session").json() == {"ok": True, "paired": False}
    assert {code_of(stranger.get(path)) for path in READS} == {"unauthorized"}
    assert {code_of(stranger.post(path)) for path in CHANGES} == {"unauthorized"}


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_from_another_web_page_is_refused(page: PageClient, path: str) -> None:
    """The browser would send the cookie along with a request of the same site, such as one from another port."""
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", None):
        assert code_of(page.post(path, {"paused": True}, Origin=origin)) == "client_not_allowed"
    assert code_of(page.post(path, {"paused": True}, Sec_Fetch_Site="same-site")) == "client_not_allowed"
    assert code_of(page.post(path, {"paused": True}, X_Operator_CSRF=None)) == "client_not_allowed"
    assert code_of(page.post(path, {"paused": True}, X_Operator_CSRF="0" * 64)) == "client_not_allowed"
    assert page.state()["state"]["paused"] is False


def test_a_form_of_another_page_cannot_be_a_change(page: PageClient) -> None:
    sent = page.session.post(f"{page.url}/operator/pause", data={"paused": "true"}, headers=page.headers, timeout=10)
    assert code_of(sent) == "unsupported_media_type"
    assert page.state()["state"]["paused"] is False


def test_another_web_page_cannot_read(page: PageClient) -> None:
    for path in ("session", *READS):
        assert code_of(page.get(path, {"Sec-Fetch-Site": "cross-site"})) == "client_not_allowed"
        assert code_of(page.get(path, {"Origin": "http://evil.example"})) == "client_not_allowed"


def test_a_name_that_was_rebound_to_this_machine_is_refused(streamer: Streamer, page: PageClient) -> None:
    evil = f"evil.example:{streamer.port}"
    for path in ("", "/static/app.js", "/session", "/state"):
        answer = page.session.get(f"{page.url}/operator{path}", headers={"Host": evil}, timeout=10)
        assert code_of(answer) == "client_not_allowed"
    assert code_of(page.post("pause", {"paused": True}, Host=evil, Origin=f"http://{evil}")) == "client_not_allowed"
    assert code_of(page.post("pair", {"code": code(streamer)}, Host=evil, Origin=f"http://{evil}")) == (
        "client_not_allowed"
    )


def test_a_code_cannot_be_guessed(streamer: Streamer, page: PageClient, stranger: PageClient) -> None:
    right = code(streamer)
    wrong = [f"{(int(right) + step) % 10**6:06}" for step in range(1, 6)]
    assert {code_of(stranger.post("pair", {"code": each})) for each in wrong} == {"unauthorized"}
    assert code_of(stranger.post("pair", {"code": right})) == "unauthorized"
    codes = [code_of(stranger.post("pair", {"code": "000000"})) for _ in range(20)]
    assert codes[-1] == "rate_limited"


def test_a_code_that_is_none_costs_no_try(streamer: Streamer, page: PageClient, stranger: PageClient) -> None:
    right = code(streamer)
    for given in ("", "12345", "1234567", "abcdef", "１２３４５６", right + "\n1"):
        assert code_of(stranger.post("pair", {"code": given})) == "invalid_request"
    stranger.pair(f" {right[:3]} {right[3:]} ")


def test_a_token_of_an_agent_opens_nothing(streamer: Streamer, page: PageClient, stranger: PageClient) -> None:
    bearer = f"Bearer {stored_token(streamer.folder)}"
    assert {code_of(stranger.get(path, {"Authorization": bearer})) for path in READS} == {"unauthorized"}
    assert code_of(stranger.post("pause", {"paused": True}, Authorization=bearer)) == "unauthorized"
    name = f"clawcraft_operator_{streamer.port}"
    as_cookie = {"Cookie": f"{name}={stored_token(streamer.folder)}"}
    assert code_of(stranger.get("state", as_cookie)) == "unauthorized"


def test_the_cookie_opens_no_endpoint_of_agents(page: PageClient) -> None:
    for path in ("/tools", "/status", "/tools/jobs", "/metrics", "/events", "/channel", "/operator/../status"):
        answer = page.session.get(f"{page.url}{path}", headers={"Cookie": f"x={page.cookie}"}, timeout=10)
        assert code_of(answer) == "unauthorized", path
    as_bearer = {"Authorization": f"Bearer {page.cookie}"}
    assert code_of(requests.get(f"{page.url}/status", headers=as_bearer, timeout=10)) == "unauthorized"


def test_a_cookie_of_another_profile_is_unknown_here(
    streamer: Streamer, page: PageClient, stranger: PageClient
) -> None:
    """Another machine's, another OBS's or another browser's: it is not among the hashes that lie here."""
    for value in ("A" * 43, page.cookie[:-1], page.cookie + "A", ""):
        cookie = {"Cookie": f"clawcraft_operator_{streamer.port}={value}"}
        assert code_of(stranger.get("state", cookie)) == "unauthorized"
    other_port = {"Cookie": f"clawcraft_operator_1={page.cookie}"}
    assert code_of(stranger.get("state", other_port)) == "unauthorized"


def test_no_page_may_frame_it_and_it_may_load_nothing_from_elsewhere(page: PageClient) -> None:
    for path in ("", "/static/app.js", "/static/page.css"):
        headers = page.session.get(f"{page.url}/operator{path}", timeout=10).headers
        policy = headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_a_page_whose_time_is_over_is_out(streamer: Streamer, page: PageClient) -> None:
    streamer.stop()
    pages = json.loads(streamer.stored(STORED_AS) or "")
    pages[0]["paired_at"] = SystemClock().time() - KEPT_S
    streamer.store.update({STORED_AS: Secret(json.dumps(pages))})
    streamer.start()
    assert code_of(page.get("state")) == "unauthorized"


def test_a_page_that_is_revoked_in_the_panel_is_out_at_once_and_for_good(streamer: Streamer, page: PageClient) -> None:
    streamer.refresh()
    assert "last seen" in streamer.text("operator_pages")
    chosen = next(value for value in streamer.choices("operator_page") if value.startswith("page_"))
    streamer.obs.change("operator_page", chosen)
    streamer.obs.click("operator_revoke")
    assert "again" in streamer.label("operator_revoke")
    assert page.get("state").status_code == 200
    streamer.obs.click("operator_revoke")
    wait_until(lambda: page.get("state").status_code == 401, "the page is out")
    streamer.sees("operator_pages", "none")
    streamer.reload()
    assert code_of(page.get("state")) == "unauthorized"


def test_a_page_can_leave_by_itself(page: PageClient) -> None:
    assert page.post("leave").status_code == 200
    assert code_of(page.get("state")) == "unauthorized"


def test_a_pairing_lives_on_after_a_reload_and_a_restart(streamer: Streamer, page: PageClient) -> None:
    streamer.reload()
    assert page.get("state").status_code == 200
    streamer.stop()
    streamer.start()
    assert page.post("pause", {"paused": True}).status_code == 200
