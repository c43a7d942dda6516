#!/usr/bin/env python3
"""Makes, lists, renews and revokes named agents: each has a token of its own, may do less than the service's own token
if you say so, and sees only its own jobs. OBS may run meanwhile: a change counts at once. Standard library only.

    agents.py rotate NAME --overlap 24h      another token; the old one is good for a day
    agents.py rotate-service --overlap 24h   the same for the service's own token

Exit status: 0 done, 1 not possible, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import re
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
    check_end,
    check_name,
    end_of,
    hash_of,
)
from clawcraft.secrets import Secret, SecretStore, SecretStoreError, new_token  # noqa: E402
from clawcraft.settings import SETTINGS  # noqa: E402

_ROWS: Final = {row.name: row for row in SETTINGS}
_SERVICE_TOKEN: Final = "TOOL_SERVICE_TOKEN"
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST_S: Final = 30 * 86_400


def main() -> int:
    options = _options()
    folder = data_folder.find(options.data_dir)
    file = AgentFile(folder)
    try:
        if options.command == "list":
            _list(file)
        elif options.command == "revoke":
            file.revoke(options.name)
            print(f"{options.name} is revoked: its token is over, and what it has queued ends.")
        elif options.command == "rotate-service":
            _rotate_service(options, file, SecretStore(folder))
        else:
            token = new_token()
            if options.command == "add":
                file.add(check_end(_new_agent(options, token), time.time()))
            elif options.command == "rotate":
                file.rotate(options.name, token, time.time() + options.overlap, time.time())
            else:
                file.renew(options.name, token, time.time(), options.until)
            _hand_out(options, token)
    except (AgentFileError, SecretStoreError, OSError) as error:
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


def _rotate_service(options: argparse.Namespace, file: AgentFile, store: SecretStore) -> None:
    old, new, now_s = store.get(_SERVICE_TOKEN), new_token(), time.time()
    if old is None:
        raise AgentFileError(
            f"no token of the service is stored here: it is set in the environment of OBS ({_SERVICE_TOKEN}, change it "
            "there), or OBS has not run with the script yet"
        )
    file.rotate_service(old, new, now_s + options.overlap, now_s)
    store.update({_SERVICE_TOKEN: new})
    if options.quiet:
        print(new.reveal())
        return
    print(f"The service's own token is now\n\n    {new.reveal()}\n")
    print(
        f"The old one is good until {_local(now_s + options.overlap)}. If OBS has {_SERVICE_TOKEN} in its environment,"
    )
    print("that one goes on to count: change it there instead.")


def _hand_out(options: argparse.Namespace, token: Secret) -> None:
    if options.quiet:
        print(token.reveal())
        return
    print(f"Agent {options.name}: it sends this token, and its name as agent_id.\n\n    {token.reveal()}\n")
    print("The token is shown this once and kept nowhere; 'renew' makes another.")
    if options.command == "rotate":
        print(f"The old one is good until {_local(time.time() + options.overlap)}.")


def _list(file: AgentFile) -> None:
    kept, now_s = file.read(), time.time()
    agents = kept.agents
    for former in kept.service[-1:]:
        if now_s < former.until:
            print(f"The service's former token is good until {_local(former.until)}.")
    if not agents:
        print("There are no named agents; whoever has TOOL_SERVICE_TOKEN may do everything allowed.")
    for agent in agents.values():
        words = [agent.described(), f"since {_local(agent.created_at)}"]
        if agent.until is not None:
            words.append(f"{'OVER since' if agent.ended(now_s) else 'until'} {_local(agent.until)}")
        words += [f"old token until {_local(each.until)}" for each in agent.former if now_s < each.until]
        print(f"{agent.name}  {'; '.join(words)}")


def _local(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data_folder.add_option(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="make an agent, and show its token once")
    renew = commands.add_parser("renew", help="give an agent another token; the old one is over")
    rotate = commands.add_parser("rotate", help="give an agent another token; the old one goes on for a while")
    service = commands.add_parser("rotate-service", help="the same for the service's own token")
    revoke = commands.add_parser("revoke", help="end an agent with every token it has, at once")
    commands.add_parser("list", help="the agents there are, and what they may")
    for command in (add, renew, rotate, revoke):
        command.add_argument("name", metavar="NAME", type=_argument(check_name), help="the agent_id it must send")
    for command in (add, renew):
        command.add_argument("--until", type=_argument(end_of), help="last day or time (2026-12-31) of its token")
    for command in (rotate, service):
        command.add_argument(
            "--overlap", metavar="TIME", type=_argument(_overlap), default=86_400, help="30m, 24h (if not given), 7d"
        )
    for command in (add, renew, rotate, service):
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


def _overlap(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text!r} is not a time from 1m to 30d, such as 30m, 24h or 7d")
    return seconds


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
