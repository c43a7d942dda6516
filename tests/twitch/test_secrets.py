"""Secrets at rest, and secrets nowhere else."""

import json
import os
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clawcraft.errors import ClawcraftError, TwitchNotConfigured
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.settings import Settings
from clawcraft.twitch.credentials import CredentialStore, fingerprint
from tests.support.paths import OBS_PLUGIN
from tests.support.settings import make_settings
from tests.support.twitch_rig import Rig
from twitch_sim.world import CLIENT_SECRET, CONFIDENTIAL_CLIENT_ID, TOKEN_LIFE_S

# --- the store ----------------------------------------------------------------------------------------------------


def test_a_secret_shows_nothing_of_itself() -> None:
    secret = Secret("hush")
    shown = (repr(secret), str(secret), f"{secret}", f"{[secret]}", json.dumps(secret, default=str))
    assert "hush" not in "".join(shown)
    assert secret.reveal() == "hush"
    assert (secret == Secret("hush"), secret == Secret("other"), secret == "hush") == (True, False, False)


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists of the profile instead of modes")
def test_the_file_is_the_users_alone_from_its_first_moment(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = SecretStore(tmp_path / "new" / "folder")
        store.update({"TWITCH_OAUTH_TOKEN": Secret("a")})
        store.update({"TWITCH_OAUTH_TOKEN": Secret("b")})
    finally:
        os.umask(old)
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in store.path.parent.iterdir() if path.suffix != ".lock"] == ["secrets.json"]


def test_updates_keep_what_they_do_not_name(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    store.update({"A": Secret("1"), "B": Secret("2")})
    store.update({"A": None, "C": Secret("3")})
    assert {name: secret.reveal() for name, secret in store.get_all("ABC").items()} == {"B": "2", "C": "3"}


def test_an_update_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SecretStore(tmp_path)
    store.update({"A": Secret("1")})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SecretStoreError, match="No space left"):
            store.update({"A": Secret("2")})
    found = store.get("A")
    assert found is not None
    assert found.reveal() == "1"
    assert not list(tmp_path.glob(".secrets-*"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"A": '])
def test_a_file_that_cannot_be_read_is_named_and_never_overwritten(tmp_path: Path, text: str) -> None:
    store = SecretStore(tmp_path)
    store.path.write_text(text, "utf-8")
    with pytest.raises(SecretStoreError, match=r"secrets\.json"):
        store.get("A")
    with pytest.raises(SecretStoreError, match=r"secrets\.json"):
        store.update({"A": Secret("1")})
    assert store.path.read_text("utf-8") == text


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from clawcraft.secrets import Secret, SecretStore\n"
        "store = SecretStore(Path(sys.argv[1]))\n"
        "for number in range(50): store.update({f'{sys.argv[2]}{number}': Secret('x')})"
    )
    environment = {**os.environ, "PYTHONPATH": str(OBS_PLUGIN)}
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], env=environment) for name in ("A", "B")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    names = [f"{name}{number}" for name in "AB" for number in range(50)]
    assert len(SecretStore(tmp_path).get_all(names)) == 100


# --- which pair counts --------------------------------------------------------------------------------------------

NONE = make_settings(twitch_client_id="c")
GIVEN = replace(NONE, twitch_oauth_token=Secret("env-a"), twitch_refresh_token=Secret("env-r"))
OTHER = replace(GIVEN, twitch_oauth_token=Secret("new-a"))
FROM_STORE = replace(GIVEN, origins=dict.fromkeys(NONE.origins, "secret store"))


@pytest.mark.parametrize(
    ("saved_under", "now", "counts"),
    [
        (None, NONE, None),
        (None, GIVEN, "env-a"),
        (NONE, NONE, "stored"),
        (GIVEN, GIVEN, "stored"),
        (GIVEN, NONE, "stored"),
        (GIVEN, OTHER, "new-a"),
        (NONE, GIVEN, "env-a"),
        (NONE, FROM_STORE, "stored"),
    ],
)
def test_which_pair_counts(tmp_path: Path, saved_under: Settings | None, now: Settings, counts: str | None) -> None:
    store = SecretStore(tmp_path)
    if saved_under is not None:
        CredentialStore(store, lambda: saved_under).write(Secret("stored"), Secret("r"), "c")
    found = CredentialStore(store, lambda: now).current()
    shown = found.access.reveal() if found is not None and found.access is not None else None
    assert shown == counts


def test_the_fingerprint_does_not_contain_the_tokens() -> None:
    assert "env" not in fingerprint(GIVEN)
    assert fingerprint(GIVEN) != fingerprint(OTHER) != fingerprint(NONE)


def test_a_client_secret_goes_only_to_the_client_it_belongs_to(tmp_path: Path) -> None:
    settings = make_settings(twitch_client_id="mine", twitch_client_secret=Secret("s"))
    credentials = CredentialStore(SecretStore(tmp_path), lambda: settings)
    credentials.write(Secret("a"), Secret("r"), "another")
    found = credentials.current()
    assert found is not None
    assert (found.client_id, found.client_secret) == ("another", None)


def test_where_the_panel_names_no_client_the_secret_goes_to_that_of_the_stored_pair(rig: Rig) -> None:
    rig.confidential(Secret(CLIENT_SECRET))
    CredentialStore(rig.store, lambda: rig.settings).write(
        Secret(rig.token.access), Secret(rig.token.refresh), CONFIDENTIAL_CLIENT_ID
    )
    rig.change(twitch_client_id="", twitch_oauth_token=None, twitch_refresh_token=None)
    rig.expired()
    assert rig.run("set_title", {"title": "x"})["verified"] is True


def test_a_store_that_cannot_be_read_is_not_configured_with_the_reason(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    rig.store.path.write_text("{", "utf-8")
    with pytest.raises(TwitchNotConfigured, match=r"secrets\.json"):
        rig.start().run("set_title", {"title": "x"})
    assert "secrets.json" in rig.twitch.status()["last_error"]["message"]


# --- nowhere else -------------------------------------------------------------------------------------------------


def test_no_secret_in_any_log_error_traceback_or_status(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Every kind of failure once, and then a search of everything that came out."""
    caplog.set_level(0)
    token = rig.confidential(Secret(CLIENT_SECRET)).start().token
    out: list[str] = []

    def try_once() -> None:
        try:
            rig.run("set_title", {"title": "x"})
        except ClawcraftError as error:
            out.extend([json.dumps(error.to_json()), repr(error), "".join(traceback.format_exception(error))])
        out.append(json.dumps(rig.twitch.status()))

    at_helix: tuple[dict[str, Any], ...] = (
        {"status": 500, "body": "<html>", "times": 9},
        {"drop": True, "times": 9},
        {"status": 400, "body": {"status": 400, "message": f"no {token.access}"}},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
        {"status": 429, "times": 9, "headers": {"Retry-After": "3"}},
    )
    for fault in at_helix:
        rig.sim.fault("PATCH /channels", **fault)
        try_once()
        rig.sim.faults.clear()
    at_refresh: tuple[dict[str, Any], ...] = (
        {"status": 500, "body": "<html>"},
        {"drop": True},
        {"status": 400, "body": {"status": 400, "message": f"Invalid refresh token {token.refresh} {CLIENT_SECRET}"}},
    )
    for fault in at_refresh:
        rig.clock.advance(TOKEN_LIFE_S)
        rig.sim.fault("POST /oauth2/token", **fault)
        try_once()
        try_once()
    out += [repr(rig.log.entries), caplog.text, repr(rig.settings), repr(rig.calls)]
    everything = "\n".join(out)
    for code in ("twitch_rejected", "twitch_unavailable", "twitch_token_invalid", "twitch_token_refreshed"):
        assert code in everything
    secrets = [
        CLIENT_SECRET,
        *(text for found in rig.sim.world.tokens for text in (found.access, found.refresh) if text),
    ]
    assert len(secrets) > 3
    assert [secret for secret in secrets if secret in everything] == []
