#!/usr/bin/env python3
"""Prints the audit trail: what agents asked, who let it through, what it came to; newest first.

Reads the service's file in OBS's folder, also while OBS runs. Nothing is changed. Standard library only. Exit status:
0 printed, 1 there is no trail that can be read, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import _venv

_venv.require_python()

import data_folder  # noqa: E402
from clawcraft.authority.audit_entries import FILE_NAME, Entry, Kind, newest_first  # noqa: E402
from installer import homes  # noqa: E402

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
CSV_COLUMNS: Final = (
    *("time", "kind", "action", "agent_id", "token", "decision", "outcome", "ended", "args", "message", "result"),
    *("details", "times", "client", "request_id", "mission_id", "correlation_id", "job_id", "ref"),
)
_LISTS: Final = ("tags", "labels")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def main() -> int:
    options = _options()
    path = _file(options)
    if not path.is_file():
        print(f"error: there is no audit trail at {path}. Start OBS with the script once.", file=sys.stderr)
        return 1
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0)) as connection:
            chosen = itertools.islice(_chosen(newest_first(connection, options.since), options), options.limit)
            {"table": _table, "jsonl": _jsonl, "csv": _csv}[options.format](chosen)
            sys.stdout.flush()
    except sqlite3.Error as error:
        print(f"error: {path} cannot be read: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # "| head" has seen enough; Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _chosen(entries: Iterable[Entry], options: argparse.Namespace) -> Iterator[Entry]:
    for entry in entries:
        row = entry.first
        wanted = (
            row.at <= options.until
            and options.action in (None, row.action, (row.action or "").removeprefix("twitch."))
            and options.agent in (None, row.agent_id)
            and options.outcome in (None, entry.outcome)
        )
        if wanted:
            yield entry


# --- how it is printed ------------------------------------------------------------------------------------------------


def _table(entries: Iterable[Entry]) -> None:
    for entry in entries:
        row, body = entry.first, entry.to_json()
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.at))
        if row.kind == Kind.ASKED:
            args = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in entry.args.items())
            said = f"{row.action} {args}".rstrip()
            message = f" ({body['message']})" if body.get("message") else ""
            came_to = f"{entry.decision} → {entry.outcome or 'no outcome yet'}{message}"
            changed = _change(body.get("result"))
        elif row.kind == Kind.COUNTED:
            said = f"{row.action or 'a request'} refused {body.get('times')} times within the minute"
            if entry.outcome == "replayed":
                said = said.replace("refused", "repeated")
            came_to, changed = f"{entry.outcome}, from {body.get('client', 'several')}", ""
        else:
            said, came_to, changed = f"[{row.kind}] {entry.outcome}", _rest(body), ""
        print(_line("  ".join(filter(None, (at, row.agent_id or "-", said, came_to, changed)))))


def _change(result: Any) -> str:
    """What a title, category or list was before, and is now."""
    if not isinstance(result, dict):
        return ""
    before, after = result.get("previous"), result.get("current")
    for name in _LISTS:
        if f"previous_{name}" in result:
            before, after = {name: result[f"previous_{name}"]}, result
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return _change(result.get("metadata"))
    changed = [name for name in ("title", "game", *_LISTS) if before.get(name) != after.get(name)]
    shown = (
        f"{name}: {json.dumps(before.get(name), ensure_ascii=False)} → "
        f"{json.dumps(after.get(name), ensure_ascii=False)}"
        for name in changed
    )
    return ", ".join(shown)


def _rest(body: dict[str, Any]) -> str:
    known = ("time", "kind", "ref", "outcome")
    return " ".join(f"{name}={value}" for name, value in body.items() if name not in known)


def _jsonl(entries: Iterable[Entry]) -> None:
    for entry in entries:
        print(json.dumps(entry.to_json()).replace("\x7f", "\\u007f"))


def _csv(entries: Iterable[Entry]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry in entries:
        body = entry.to_json()
        writer.writerow([_cell(body.get(name, "")) for name in CSV_COLUMNS])


def _cell(value: Any) -> str:
    text = _line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    # A spreadsheet would take it for a formula, and run it.
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(text: str) -> str:
    """``text`` as one line that no terminal takes for a command."""
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


# --- what is asked for ------------------------------------------------------------------------------------------------


def _file(options: argparse.Namespace) -> Path:
    if options.obs_config_dir is not None and not options.data_dir:
        return homes.given_home(options.obs_config_dir).own_folder / FILE_NAME
    return data_folder.find(options.data_dir) / FILE_NAME


def _moment(text: str) -> float:
    """Unix seconds of a time (RFC 3339; local without an offset) or of so long ago: 30m, 2h, 3d."""
    if match := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        return time.time() - int(match[1]) * UNITS_S[match[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-01-31T20:00:00Z, 30m, 2h or 3d") from None


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print what agents asked and what it came to, newest first.")
    parser.add_argument("--since", type=_moment, default=0.0, metavar="TIME", help="RFC 3339, or so long ago: 2h, 3d")
    parser.add_argument("--until", type=_moment, default=float("inf"), metavar="TIME", help="the same")
    parser.add_argument("--action", metavar="NAME", help="twitch.set_title, or set_title")
    parser.add_argument("--agent", metavar="ID", help="an agent_id")
    parser.add_argument("--outcome", metavar="WORD", help="a status or an error code: updated, rate_limited")
    parser.add_argument("--limit", type=_number, metavar="N", help="at most so many, the newest (default: all)")
    parser.add_argument("--format", choices=("table", "jsonl", "csv"), default="table")
    parser.add_argument("--obs-config-dir", type=Path, metavar="DIR", help="OBS's configuration folder")
    data_folder.add_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
