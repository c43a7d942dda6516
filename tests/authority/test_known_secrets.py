"""No text of an agent gives a secret away, whichever place the secret lies in."""

from pathlib import Path

import pytest

from clawcraft.authority.known_secrets import KnownSecrets
from clawcraft.secrets import Secret, SecretStore
from tests.support.settings import make_settings


@pytest.fixture
def known(tmp_path: Path) -> KnownSecrets:
    store = SecretStore(tmp_path)
    store.update(
        {"TWITCH_OAUTH_TOKEN": Secret("refreshed0123456789"), "TOOL_SERVICE_TOKEN": Secret("Stored-Token-12345")}
    )
    settings = make_settings(service_token=Secret("Token-in-Force-12345"), signature_secret=Secret("live"))
    return KnownSecrets(lambda: settings, store, lambda text: False)


@pytest.mark.parametrize(
    "text",
    [
        "Token-in-Force-12345",
        "my token is token-in-force-12345!",
        "T o k e n - i n - F o r c e - 1 2 3 4 5",
        "Stored-Token-12345",
        "oauth:refreshed0123456789",
    ],
)
def test_a_secret_in_force_or_stored_is_recognised(known: KnownSecrets, text: str) -> None:
    assert known.one_in(text)


@pytest.mark.parametrize("text", ["we are live", "Token-in-Force", "12345", ""])
def test_parts_and_short_words_are_none(known: KnownSecrets, text: str) -> None:
    assert not known.one_in(text)


def test_those_in_force_are_known_while_the_store_cannot_be_read(known: KnownSecrets, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    assert known.one_in("Token-in-Force-12345")


def test_one_that_is_stored_later_or_comes_into_force_later_is_known_at_once(tmp_path: Path) -> None:
    store, settings = SecretStore(tmp_path), [make_settings(service_token=Secret("Token-in-Force-12345"))]
    known = KnownSecrets(lambda: settings[0], store, lambda _text: False)
    assert not known.one_in("refreshed0123456789")
    store.update({"TWITCH_OAUTH_TOKEN": Secret("refreshed0123456789")})
    assert known.one_in("refreshed0123456789")
    assert known.known_one_in("refreshed0123456789")
    settings[0] = make_settings(service_token=Secret("Another-in-Force-12345"))
    assert known.one_in("Another-in-Force-12345")
    assert not known.one_in("Token-in-Force-12345")
