"""``print_config.py`` prints a patch that finds the token and never shows it."""

import json
import os
from pathlib import Path
from typing import Any

from clawcraft.secrets import Secret, SecretStore
from tests.support.tool import Done, tool

PLUGIN = Path(__file__).resolve().parents[2] / "tools" / "openclaw"
TOKEN = "a-token-of-a-test-0123"


def printed(obs: Path, *options: str) -> Done:
    return tool("openclaw/print_config.py", "--obs-config-dir", str(obs), *options)


def store(obs: Path, **secrets: str) -> Path:
    secret_store = SecretStore(obs / "plugin_config" / "twitch-clawcraft")
    secret_store.update({name: Secret(value) for name, value in secrets.items()})
    return secret_store.path


def patch(obs: Path, *options: str) -> dict[str, Any]:
    done = printed(obs, *options)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout
    content = json.loads(done.stdout)
    assert isinstance(content, dict)
    return content


def test_the_patch_points_at_the_stored_token(tmp_path: Path) -> None:
    path = store(tmp_path, TOOL_SERVICE_TOKEN=TOKEN)
    content = patch(tmp_path, "--port", "4040")
    provider = content["secrets"]["providers"]["twitch-clawcraft"]
    config = content["plugins"]["entries"]["twitch-clawcraft"]["config"]
    assert (provider["path"], provider["mode"]) == (str(path), "json")
    assert json.loads(path.read_text())[config["token"]["id"].removeprefix("/")] == TOKEN
    assert config["baseUrl"] == "http://127.0.0.1:4040"
    assert "confirmGoLive" not in config, "applied again it would switch off what somebody switched on"
    assert "signatureSecret" not in config


def test_a_stored_signature_secret_and_a_wish_to_confirm_are_in_the_patch(tmp_path: Path) -> None:
    store(tmp_path, TOOL_SERVICE_TOKEN=TOKEN, TOOL_SERVICE_SIGNATURE_SECRET="s" * 20)
    config = patch(tmp_path, "--confirm")["plugins"]["entries"]["twitch-clawcraft"]["config"]
    assert config["signatureSecret"]["id"] == "/TOOL_SERVICE_SIGNATURE_SECRET"
    assert config["confirmGoLive"] is True


def test_the_patch_has_only_keys_of_the_plugins_schema(tmp_path: Path) -> None:
    store(tmp_path, TOOL_SERVICE_TOKEN=TOKEN, TOOL_SERVICE_SIGNATURE_SECRET="s" * 20)
    config = patch(tmp_path)["plugins"]["entries"]["twitch-clawcraft"]["config"]
    schema = json.loads((PLUGIN / "openclaw.plugin.json").read_text("utf-8"))["configSchema"]
    assert set(config) <= set(schema["properties"])


def test_the_folder_of_a_portable_obs_is_understood(tmp_path: Path) -> None:
    (tmp_path / "portable_mode.txt").touch()
    path = store(tmp_path / "config" / "obs-studio", TOOL_SERVICE_TOKEN=TOKEN)
    assert patch(tmp_path)["secrets"]["providers"]["twitch-clawcraft"]["path"] == str(path)


def test_a_port_that_is_none_is_told(tmp_path: Path) -> None:
    environment = {**os.environ, "PORT": "abc"}
    done = tool("openclaw/print_config.py", "--obs-config-dir", str(tmp_path), env=environment)
    assert (done.returncode, "--port" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_before_the_first_start_of_obs_it_says_what_to_do(tmp_path: Path) -> None:
    done = printed(tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (1, {}), "what is piped on changes nothing"
    assert "start OBS with the script once" in done.stderr
