"""One table decides every setting: where it comes from, what is refused, and how a refusal reads."""

from pathlib import Path

import pytest

from clawcraft.actions.catalogue import BY_NAME, Limit, Policy
from clawcraft.secrets import Secret, SecretStore
from clawcraft.settings import SETTINGS, Settings, SettingsError, load_settings


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path)


def load(store: SecretStore, panel: dict[str, object] | None = None, **env: str) -> Settings:
    return load_settings(env, store, panel or {}, store.path.parent)


def problem(store: SecretStore, **env: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(store, None, **env)
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract(store: SecretStore) -> None:
    settings = load(store)
    assert (settings.port, settings.bind) == (3040, "127.0.0.1")
    assert (settings.action_timeout_s, settings.job_ttl_s) == (25.0, 7 * 24 * 3600.0)
    assert (settings.stream_operation_timeout_s, settings.obs_retries) == (20.0, 2)
    assert (settings.twitch_timeout_s, settings.twitch_retries) == (10.0, 2)
    assert settings.limit(BY_NAME["twitch.set_title"]) == Limit(60, 60)
    assert settings.limit(BY_NAME["twitch.post_chat_message"]) == Limit(40, 20)
    assert settings.given_policies == {}
    assert [str(network) for network in settings.allowed_clients] == ["127.0.0.0/8", "::1/128"]


def test_environment_beats_file_beats_store_and_no_secret_comes_from_the_panel(
    store: SecretStore, tmp_path: Path
) -> None:
    mounted = tmp_path / "mounted"
    mounted.write_text("from-the-file-0123456789\n")
    panel: dict[str, object] = {"tool_service_token": "from-the-panel-0123456789", "port": "4001"}
    assert load(store, panel).service_token != Secret("from-the-panel-0123456789")
    store.update({"TOOL_SERVICE_TOKEN": Secret("from-the-store-0123456789")})
    assert load(store, panel).service_token == Secret("from-the-store-0123456789")
    by_file = load(store, panel, TOOL_SERVICE_TOKEN_FILE=str(mounted))
    assert by_file.service_token == Secret("from-the-file-0123456789")
    by_env = load(store, panel, TOOL_SERVICE_TOKEN_FILE=str(mounted), TOOL_SERVICE_TOKEN="from-the-env-0123456789")
    assert by_env.service_token == Secret("from-the-env-0123456789")
    assert (by_env.port, by_env.origins["PORT"]) == (4001, "panel")
    assert by_env.origins["TOOL_SERVICE_TOKEN"] == "environment"


def test_an_empty_value_counts_as_not_set(store: SecretStore) -> None:
    assert load(store, {"port": ""}, PORT=" ").port == 3040


def test_a_token_is_generated_once_and_kept(store: SecretStore) -> None:
    first = load(store).service_token
    assert len(first.reveal()) >= 32
    assert load(store).service_token == first
    assert store.get("TOOL_SERVICE_TOKEN") == first


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "0", "whole number from 1 to 65535"),
        ("PORT", "70000", "whole number"),
        ("PORT", "3040.5", "whole number"),
        ("PORT", "٣٠٤٠", "whole number"),
        ("TOOL_SERVICE_BIND", "localhost", "IP address"),
        ("TOOL_SERVICE_ALLOWED_CLIENTS", "10.0.0.0/99", "not an IP address"),
        ("TOOL_SERVICE_ALLOWED_CLIENTS", ",", "at least one address"),
        ("TOOL_SERVICE_REQUIRE_TIMESTAMP", "maybe", "true or false"),
        ("TOOL_ACTION_RATE_LIMIT_PER_MIN", "-1", "whole number"),
        ("TOOL_ACTION_RATE_LIMITS", "set_title", "must look like"),
        ("TOOL_ACTION_RATE_LIMITS", "fly=3", "not an action"),
        ("TOOL_ACTION_RATE_LIMITS", "=3", "not an action"),
        ("TOOL_ACTION_POLICY", "create_clip", "must look like"),
        ("TOOL_ACTION_POLICY", "create_clip=perhaps", "the policies are allow, ask, off"),
        ("TOOL_DISABLED_ACTIONS", "twitch.delete_channel", "not an action"),
        ("TWITCH_BROADCASTER_ID", "someone", "numeric"),
        ("TWITCH_BROADCASTER_LOGIN", "not a login!", "one Twitch login"),
        ("TWITCH_API_BASE_URL", "http://api.twitch.tv/helix", "https"),
        ("TWITCH_API_BASE_URL", "https://user:pw@api.twitch.tv", "plain URL"),
        ("TWITCH_AUTH_BASE_URL", "ftp://127.0.0.1", "https"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(store: SecretStore, name: str, value: str, says: str) -> None:
    message = problem(store, **{name: value})
    assert name in message
    assert "environment" in message
    if name != "TWITCH_BROADCASTER_LOGIN":
        assert says in message


def test_every_problem_is_told_at_once(store: SecretStore) -> None:
    message = problem(store, PORT="x", TOOL_SERVICE_BIND="y")
    assert "PORT" in message
    assert "TOOL_SERVICE_BIND" in message


def test_a_wrong_secret_is_named_but_never_shown(store: SecretStore) -> None:
    message = problem(store, TOOL_SERVICE_TOKEN="hunter2")
    assert "at least 16" in message
    assert "hunter2" not in message


def test_a_file_that_cannot_be_read_is_named(store: SecretStore) -> None:
    assert "TWITCH_OAUTH_TOKEN_FILE" in problem(store, TWITCH_OAUTH_TOKEN_FILE="/no/such/file")


def test_the_irc_prefix_of_a_chat_token_is_dropped(store: SecretStore) -> None:
    settings = load(store, TWITCH_OAUTH_TOKEN="oauth:abcdefghij")
    assert settings.twitch_oauth_token == Secret("abcdefghij")


def test_plain_http_is_for_this_machine_only(store: SecretStore) -> None:
    for url in ("http://127.0.0.1:8080/mock", "http://localhost:1/", "http://[::1]:8080"):
        assert load(store, TWITCH_API_BASE_URL=url).twitch_api_url == url.rstrip("/")


def test_a_plain_websocket_is_for_this_machine_only(store: SecretStore) -> None:
    assert load(store).twitch_eventsub_url == "wss://eventsub.wss.twitch.tv/ws"
    assert load(store, TWITCH_EVENTSUB_URL="ws://127.0.0.1:8080/ws/").twitch_eventsub_url == "ws://127.0.0.1:8080/ws"
    for url in ("ws://eventsub.wss.twitch.tv/ws", "https://127.0.0.1/", "wss://u:p@x/", "wss://x/?a=1", "x"):
        assert "TWITCH_EVENTSUB_URL" in problem(store, TWITCH_EVENTSUB_URL=url)


def test_what_may_be_heard_is_a_list_of_kinds_and_empty_at_first(store: SecretStore) -> None:
    assert load(store).twitch_events == ()
    assert load(store, TWITCH_EVENTS="raids, Chat,chat").twitch_events == ("chat", "raids")
    assert "'whispers' is no kind of event; there are chat, stream" in problem(store, TWITCH_EVENTS="chat,whispers")


def test_settings_of_the_websocket_design_are_ignored_with_a_notice(store: SecretStore) -> None:
    settings = load(store, OBS_WS_URL="ws://127.0.0.1:4455", OBS_WS_PASSWORD="secret-password")
    assert len(settings.notices) == 2
    assert "ignored" in settings.notices[0]
    assert "secret-password" not in repr(settings)


def test_an_action_has_its_own_limit_and_its_own_switch(store: SecretStore) -> None:
    settings = load(store, TOOL_ACTION_RATE_LIMITS="create_clip=5", TOOL_DISABLED_ACTIONS="create_clip twitch.set_game")
    assert settings.limit(BY_NAME["twitch.create_clip"]) == Limit(5, 5)
    assert settings.given_policies == dict.fromkeys(["twitch.create_clip", "twitch.set_game"], Policy.OFF)


def test_a_policy_counts_unless_the_action_is_switched_off(store: SecretStore) -> None:
    settings = load(store, TOOL_ACTION_POLICY="create_clip=ask,twitch.set_game=Allow", TOOL_DISABLED_ACTIONS="set_game")
    assert settings.given_policies == {"twitch.create_clip": Policy.ASK, "twitch.set_game": Policy.OFF}


def test_each_row_has_a_help_text_and_its_own_name() -> None:
    assert len({row.name for row in SETTINGS}) == len(SETTINGS)
    assert all(row.help.endswith(".") or row.help.endswith(").") for row in SETTINGS)


def test_a_webhook_is_https_or_of_this_machine_and_never_shown(store: SecretStore) -> None:
    fine = ("https://discord.com/api/webhooks/1/k?thread_id=2", "http://127.0.0.1:9/x", "http://localhost/x")
    for url in fine:
        assert load(store, TOOL_ALERT_WEBHOOK_URL=url).alert_webhook_url == Secret(url)
    assert load(store).alert_webhook_url is None
    wrong = ("http://alerts.example/key", "ftp://x/key", "https:///key", "https://u:p@x/key", "https://x/#key")
    for url in (*wrong, "https://x:0/key", "key", "https://x/a\\key", "https://x:port/key", "https://x/ key"):
        message = problem(store, TOOL_ALERT_WEBHOOK_URL=url)
        assert "must " in message
        assert "key" not in message
    assert "one of auto, discord" in problem(store, TOOL_ALERT_FORMAT="irc")
