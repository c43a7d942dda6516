"""``tools/connect.py``: what each host is told, where on each system, and that nothing else in its file changes."""

import json
import os
import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connecting import Problem, merge
from connecting.hosts import HOSTS, NAME, Machine, Server
from tests.support.tool import Done, tool

COMMAND = Server(("/usr/bin/python3", "/opt/tools/mcp_stdio.py"), "http://127.0.0.1:3040/mcp")
ADDRESS = Server((), "http://127.0.0.1:3040/mcp")
JSON_HOSTS = [name for name, host in HOSTS.items() if not host.toml]


class Terminal:
    """A user with a home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> Done:
        kept = ("PATH", "SYSTEMROOT")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= dict.fromkeys(("HOME", "APPDATA", "USERPROFILE"), str(self.home))
        return tool("connect.py", *arguments, env=environment)

    def does(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_no_note_names_a_launcher_that_windows_lacks() -> None:
    assert [name for name, host in HOSTS.items() if "python3" in host.note] == []


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.mark.parametrize(
    ("platform", "host", "path"),
    [
        ("linux", "claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("darwin", "claude-desktop", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "claude-desktop", "AppData/Roaming/Claude/claude_desktop_config.json"),
        ("linux", "vscode", ".config/Code/User/mcp.json"),
        ("darwin", "vscode", "Library/Application Support/Code/User/mcp.json"),
        ("win32", "vscode", "AppData/Roaming/Code/User/mcp.json"),
        *((platform, "claude-code", ".claude.json") for platform in ("linux", "darwin", "win32")),
        *((platform, "cursor", ".cursor/mcp.json") for platform in ("linux", "darwin", "win32")),
        *((platform, "openclaw", ".openclaw/openclaw.json") for platform in ("linux", "darwin", "win32")),
        *((platform, "codex", ".codex/config.toml") for platform in ("linux", "darwin", "win32")),
    ],
)
def test_each_host_has_its_file_where_its_system_puts_it(platform: str, host: str, path: str, tmp_path: Path) -> None:
    assert HOSTS[host].path(Machine(platform, {}, tmp_path)) == tmp_path / path


@pytest.mark.parametrize(
    ("host", "variable", "path"),
    [
        ("claude-desktop", "XDG_CONFIG_HOME", "Claude/claude_desktop_config.json"),
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("openclaw", "OPENCLAW_STATE_DIR", "openclaw.json"),
        ("openclaw", "OPENCLAW_CONFIG_PATH", ""),
        ("codex", "CODEX_HOME", "config.toml"),
    ],
)
def test_a_variable_moves_it(host: str, variable: str, path: str, tmp_path: Path) -> None:
    machine = Machine("linux", {variable: str(tmp_path / "moved")}, tmp_path)
    assert HOSTS[host].path(machine) == tmp_path / "moved" / path


@pytest.mark.parametrize("server", [COMMAND, ADDRESS], ids=["command", "address"])
@pytest.mark.parametrize("host", HOSTS)
def test_no_host_is_told_the_token(host: str, server: Server) -> None:
    if server is ADDRESS and not HOSTS[host].takes_url:
        return
    text = json.dumps(HOSTS[host].entries(server))
    assert ("/opt/tools/mcp_stdio.py" in text) is (server is COMMAND)
    assert ("http://127.0.0.1:3040/mcp" in text) is (server is ADDRESS)
    assert ("TOOL_SERVICE_TOKEN" in text or "promptString" in text) is (server is ADDRESS)


def test_it_prints_what_it_would_write_and_writes_nothing(terminal: Terminal) -> None:
    for host in HOSTS:
        text = terminal.does(host)
        entries = tomllib.loads(text) if HOSTS[host].toml else json.loads(text)
        assert NAME in json.dumps(entries)
    assert "Streamable HTTP" in terminal.does()
    assert list(terminal.home.iterdir()) == []


@pytest.mark.parametrize("host", HOSTS)
def test_written_twice_is_written_once(terminal: Terminal, host: str) -> None:
    path = HOSTS[host].path(Machine(sys.platform, {"APPDATA": str(terminal.home)}, terminal.home))
    assert terminal.does(host, "--write").startswith(f"Wrote {path}.")
    once = path.read_bytes()
    assert terminal.does(host, "--write").startswith(f"{path} has it already.")
    assert path.read_bytes() == once
    assert [other.name for other in path.parent.iterdir() if other.is_file()] == [path.name]


@pytest.mark.parametrize("host", JSON_HOSTS)
def test_everything_else_in_a_file_stays_and_a_copy_is_kept(terminal: Terminal, host: str) -> None:
    path = HOSTS[host].path(Machine(sys.platform, {"APPDATA": str(terminal.home)}, terminal.home))
    section = next(iter(HOSTS[host].entries(COMMAND)))
    before: dict[str, Any] = {
        "theme": "dünkel",
        section: {"other": {"command": "x"}, NAME: {"command": "old"}},
        "numbers": [1, 2.5, None],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(before), "utf-8")
    path.chmod(0o640)
    terminal.does(host, "--write")
    after = json.loads(path.read_text("utf-8"))
    assert (list(after)[:3], after["theme"], after["numbers"]) == (list(before), "dünkel", [1, 2.5, None])
    assert after[section]["other"] == {"command": "x"}
    assert "mcp_stdio.py" in json.dumps(after)
    assert path.with_name(f"{path.name}.bak1").read_text("utf-8") == json.dumps(before)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    terminal.does(host, "--write", "--url", "http://127.0.0.1:4000")
    assert path.with_name(f"{path.name}.bak2").exists()


def test_half_a_surrogate_pair_in_a_file_keeps_its_meaning(terminal: Terminal) -> None:
    path = terminal.home / ".claude.json"
    path.write_text(r'{"history": ["\\\ud83d Grüße"]}', "utf-8")

    assert terminal.does("claude-code", "--write").startswith(f"Wrote {path}; ")

    text = path.read_text("utf-8")
    assert json.loads(text)["history"] == ["\\\ud83d Grüße"]
    assert "Grüße" in text


def test_what_cannot_be_encoded_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"before")
    with pytest.raises(UnicodeEncodeError):
        merge.write(path, b"before", 'command = "\udcff"')
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("config.toml", b"before")]


def test_a_toml_file_keeps_its_comments_and_tables(tmp_path: Path) -> None:
    before = '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "y"\n\n[profiles.a]\nn = 1 # one\n'
    once = merge.in_toml(before, HOSTS["codex"].entries(COMMAND))
    assert once.startswith(before)
    assert tomllib.loads(once)["mcp_servers"][NAME]["args"] == ["/opt/tools/mcp_stdio.py"]
    assert merge.in_toml(once, HOSTS["codex"].entries(COMMAND)) == once
    other = merge.in_toml(once + "\n[last]\nz = 1\n", HOSTS["codex"].entries(ADDRESS))
    assert tomllib.loads(other)["mcp_servers"][NAME] == HOSTS["codex"].entries(ADDRESS)["mcp_servers"][NAME]
    assert tomllib.loads(other)["last"] == {"z": 1}
    assert "# mine" in other
    assert "# one" in other


@pytest.mark.parametrize("text", ["// a comment\n{}", "[]", '{"mcpServers": []}', "{", '"x"'])
def test_a_file_that_is_no_plain_json_is_left_alone(terminal: Terminal, text: str) -> None:
    path = terminal.home / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text(text)
    done = terminal.run("cursor", "--write")
    assert (done.returncode, path.read_text()) == (1, text)
    assert "by hand" in done.stderr
    assert [other.name for other in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["x = [", 'mcp_servers = {twitch-clawcraft = {command = "x"}}\n', "mcp_servers = 1\n"])
def test_a_toml_file_that_has_it_in_another_form_is_left_alone(text: str) -> None:
    with pytest.raises(Problem, match="by hand"):
        merge.in_toml(text, HOSTS["codex"].entries(COMMAND))


def test_vs_codes_question_for_the_token_is_there_once() -> None:
    before = json.dumps({"inputs": [{"id": "mine", "type": "promptString"}]})
    once = merge.in_json(before, HOSTS["vscode"].entries(ADDRESS))
    assert [asked["id"] for asked in json.loads(once)["inputs"]] == ["mine", NAME]
    assert merge.in_json(once, HOSTS["vscode"].entries(ADDRESS)) == once


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_a_link(terminal: Terminal, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.json"
    kept.write_text("{}")
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.symlink_to(kept)
    terminal.does("cursor", "--write")
    assert path.is_symlink()
    assert NAME in kept.read_text()


def test_a_host_that_reaches_no_address_says_so(terminal: Terminal) -> None:
    done = terminal.run("claude-desktop", "--http")
    assert (done.returncode, done.stdout) == (1, "")
    assert "leave --http out" in done.stderr


def test_what_is_unusual_is_handed_to_the_bridge(terminal: Terminal) -> None:
    told = json.loads(terminal.does("cursor", "--url", "http://127.0.0.1:4000/mcp/", "--token-file", "agent.token"))
    args = told["mcpServers"][NAME]["args"]
    assert args[1:3] == ["--url", "http://127.0.0.1:4000"]
    assert args[3] == "--token-file"
    assert Path(args[4]).is_absolute()
