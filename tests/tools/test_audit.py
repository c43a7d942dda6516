"""``tools/audit.py``: what it prints of a trail, to a person, a program and a spreadsheet; and of none."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clawcraft.authority.audit import AuditTrail
from clawcraft.authority.audit_entries import FILE_NAME
from clawcraft.authority.audit_file import AuditFile
from clawcraft.authority.refusals import RefusalCounts
from clawcraft.errors import TwitchRejected
from clawcraft.jobs.answer import failed, succeeded
from installer import homes
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import envelope
from tests.support.paths import TOOLS
from tests.support.tool import tool

HOSTILE = "=1+1\x1b[2J\u202eevil\nsecond line, \u007f ünïcode"


@pytest.fixture
def refusals(clock: ManualClock) -> RefusalCounts:
    return RefusalCounts(clock)


@pytest.fixture
def trail(tmp_path: Path, clock: ManualClock, refusals: RefusalCounts) -> AuditTrail:
    file = AuditFile(tmp_path / FILE_NAME, clock, RecordedEvents())
    return AuditTrail(file, refusals, lambda text: False, clock)


@pytest.fixture
def folder(tmp_path: Path, clock: ManualClock, refusals: RefusalCounts, trail: AuditTrail) -> Path:
    """A trail with a title, a refused chat message an hour later, a flood of refusals and a pause."""
    trail.begin()
    title = envelope("twitch.set_title", "r1", args={"title": HOSTILE}, agent_id="producer")
    shown = {"previous": {"title": "old", "game": "Art"}, "current": {"title": HOSTILE, "game": "Art"}}
    trail.ended(trail.asked(title, "allowed"), succeeded(title, {"status": "updated", **shown}))
    clock.advance(3600)
    chat = envelope("twitch.post_chat_message", "r2", args={"message": "hi"}, agent_id="helper")
    trail.ended(trail.asked(chat, "allowed"), failed(chat, TwitchRejected("Twitch says no")))
    for _ in range(1000):
        refusals.count("unauthorized", None, None, "127.0.0.1")
    trail.operator("paused")
    trail.close()
    return tmp_path


def audit(folder: Path, *arguments: str, status: int = 0) -> str:
    env = {**os.environ, "TZ": "UTC", "PYTHONIOENCODING": "utf-8"}
    done = tool("audit.py", "--data-dir", str(folder), *arguments, env=env)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout or done.stderr


def entries(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in audit(folder, "--format", "jsonl", *arguments).splitlines()]


def test_a_person_reads_one_safe_line_for_each_entry_newest_first(folder: Path) -> None:
    text = audit(folder)
    lines = text.splitlines()
    assert [line.split("  ")[2].split(" ")[0] for line in lines[1:]] == [
        *("[operator]", "twitch.post_chat_message", "twitch.set_title", "[service]"),
    ]
    assert "a request refused 1000 times within the minute  unauthorized, from 127.0.0.1" in lines[0]
    assert "helper" in lines[2]
    assert 'message="hi"' in lines[2]
    assert "allowed → twitch_rejected (Twitch says no)" in lines[2]
    assert 'title: "old" → ' in lines[3]
    assert all(letter.isprintable() for line in lines for letter in line)
    assert "ünïcode" in lines[3]


def test_a_program_gets_everything_as_json(folder: Path) -> None:
    raw = audit(folder, "--format", "jsonl")
    assert raw.isascii()
    assert raw.replace("\n", "").isprintable()
    (title,) = entries(folder, "--action", "set_title")
    assert title["args"] == {"title": HOSTILE}
    assert (title["token"], title["decision"], title["outcome"]) == ("service token", "allowed", "updated")
    assert title["result"]["previous"]["title"] == "old"


def test_a_spreadsheet_gets_no_formula(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(audit(folder, "--format", "csv"))))
    assert len(rows) == 5
    for row in rows:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
        assert "".join(row.values()).isprintable()
    assert [row["message"] for row in rows if row["agent_id"] == "helper"] == ["Twitch says no"]


def test_a_cell_that_would_be_a_formula_is_a_text(tmp_path: Path, trail: AuditTrail) -> None:
    request = envelope("twitch.set_title", "-2+3", mission_id="=cmd|' /C calc'!A0", args={"title": "x"})
    trail.asked(request, "allowed")
    trail.close()
    (row,) = csv.DictReader(io.StringIO(audit(tmp_path, "--format", "csv")))
    assert (row["request_id"], row["mission_id"]) == ("'-2+3", "'=cmd|' /C calc'!A0")


@pytest.mark.parametrize(
    ("arguments", "agents"),
    [
        (("--agent", "producer"), ["producer"]),
        (("--action", "twitch.post_chat_message"), ["helper"]),
        (("--outcome", "twitch_rejected"), ["helper"]),
        (("--since", "2026-05-28T21:00:00Z", "--outcome", "updated"), []),
        (("--until", "2026-05-28T21:00:00+00:00", "--action", "set_title"), ["producer"]),
        (("--since", "1s"), []),
        (("--limit", "3"), [None, None, "helper"]),
    ],
)
def test_what_is_asked_for_is_what_comes(folder: Path, arguments: tuple[str, ...], agents: list[str]) -> None:
    assert [entry.get("agent_id") for entry in entries(folder, *arguments)] == agents


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--limit", "0"), ("--format", "xml")])
def test_a_wrong_argument_is_named(folder: Path, arguments: tuple[str, ...]) -> None:
    assert arguments[1] in audit(folder, *arguments, status=2)


def test_where_there_is_no_trail_it_says_where_it_looked(tmp_path: Path) -> None:
    assert str(tmp_path / FILE_NAME) in audit(tmp_path, status=1)
    (tmp_path / FILE_NAME).write_bytes(b"something else" * 100)
    assert "cannot be read" in audit(tmp_path, status=1)


def test_the_folder_of_obs_is_found(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "obs-studio"
    own = config / "plugin_config" / "twitch-clawcraft"
    own.mkdir(parents=True)
    (folder / FILE_NAME).rename(own / FILE_NAME)
    assert "set_title" in tool("audit.py", "--obs-config-dir", str(config)).stdout


def test_of_several_obs_it_says_which_it_reads(folder: Path, tmp_path: Path) -> None:
    (native, flatpak) = (homes.ObsHome(tmp_path / name / "obs-studio", "") for name in (".config", homes.FLATPAK))
    for home in (native, flatpak):
        home.own_folder.mkdir(parents=True)
    (folder / FILE_NAME).rename(native.own_folder / FILE_NAME)
    environment = {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"}

    done = tool("audit.py", env={**environment, "HOME": str(tmp_path)})

    assert "set_title" in done.stdout
    assert done.stderr == f"note: there is another OBS (flatpak); for it: --data-dir {flatpak.own_folder}\n"


def test_a_list_shows_what_it_was_before(tmp_path: Path, trail: AuditTrail) -> None:
    trail.begin()
    tags = envelope("twitch.set_tags", "r1", args={"tags": ["chill"]})
    shown = {"status": "updated", "previous_tags": ["English"], "tags": ["chill"]}
    trail.ended(trail.asked(tags, "allowed"), succeeded(tags, shown))
    trail.close()
    assert 'tags: ["English"] → ["chill"]' in audit(tmp_path)


def test_a_reader_that_has_seen_enough_may_go(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(TOOLS / "audit.py"), "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
