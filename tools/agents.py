#!/usr/bin/env python3
"""Makes, lists and revokes named agents: each has a token of its own, may do less than the service's own token if you
say so, and sees only its own jobs. OBS may run meanwhile: a change counts at once. Standard library only.

Exit status: 0 done, 1 not possible, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from typing import Any, Final

import _venv

_venv.require_python()

import data_folder  # noqa: E402
from clawcraft.authority.agent_file import (  # noqa: E402
    AgentFile,
    AgentFileError,
    NamedAgent,
    check_name,
    end_of,
    hash_of,
)
from clawcraft.secrets import Secret, new_token  # noqa: E402
from clawcraft.settings import SETTINGS  # noqa: E402

_ROWS: Final = {row.name: row for row in SETTINGS}


def main() -> int:
    options = _options()
    file = AgentFile(data_folder.find(options.data_dir))
    try:
        if options.command == "list":
            _list(file)
        elif options.command == "revoke":
            file.revoke(options.name)
            print(f"{options.name} is revoked: its token is over, and what it has queued ends.")
        else:
            token = new_token()
            if options.command == "add":
                file.add(_new_agent(options, token))
            else:
                file.renew(options.name, token, options.until)
            _hand_out(options, token)
    except (AgentFileError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _new_agent(options: argparse.Namespace, token: Secret) -> NamedAgent:
    return NamedAgent(
        name=options.name,
        token_hash=hash_of(token),
        created_at=time.time(),
        until=options.until,
        only=None if options.only is None else frozenset(options.only),
        policy=options.policy,
        limits=options.limit,
    )


def _hand_out(options: argparse.Namespace, token: Secret) -> None:
    if options.quiet:
        print(token.reveal())
        return
    print(f"Agent {options.name}: it sends this token, and its name as agent_id.\n\n    {token.reveal()}\n")
    print("The token is shown this once and kept nowhere; 'renew' makes another.")


def _list(file: AgentFile) -> None:
    agents = file.read()
    if not agents:
        print("There are no named agents; whoever has TOOL_SERVICE_TOKEN may do everything allowed.")
    for agent in agents.values():
        words = [agent.described(), f"since {_local(agent.created_at)}"]
        if agent.until is not None:
            words.append(f"{'OVER since' if agent.ended(time.time()) else 'until'} {_local(agent.until)}")
        print(f"{agent.name}  {'; '.join(words)}")


def _local(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data_folder.add_option(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make an agent, and show its token once")
    renew = commands.add_parser("renew", help="give an agent another token; the old one is over")
    revoke = commands.add_parser("revoke", help="end an agent, at once")
    commands.add_parser("list", help="the agents there are, and what they may")
    for command in (add, renew, revoke):
        command.add_argument("name", metavar="NAME", type=_argument(check_name), help="the agent_id it must send")
    for command in (add, renew):
        command.add_argument("--until", type=_argument(end_of), help="last day or time (2026-12-31) of its token")
        command.add_argument("--quiet", action="store_true", help="print nothing but the token")
    add.add_argument(
        "--only", metavar="ACTION,...", type=_setting("TOOL_DISABLED_ACTIONS"), help="the actions there are for it"
    )
    add.add_argument(
        "--policy", metavar="ACTION=ask,...", type=_setting("TOOL_ACTION_POLICY"), default={},
        help="allow, ask or off; it can only be stricter than what you let every agent do",
    )  # fmt: skip
    add.add_argument(
        "--limit", metavar="ACTION=N,...", type=_setting("TOOL_ACTION_RATE_LIMITS"), default={},
        help="requests a minute; it can only be lower than the general limit",
    )  # fmt: skip
    return parser.parse_args()


def _setting(name: str) -> Any:
    """Understands an option as the service understands the setting ``name``."""
    return _argument(_ROWS[name].value)


def _argument(parse: Any) -> Any:
    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


if __name__ == "__main__":
    sys.exit(main())
