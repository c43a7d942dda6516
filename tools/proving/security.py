"""The parts of tools/prove.py that attack the service: their arguments, and which runs."""

from __future__ import annotations

import argparse
from typing import Any

from proving.attack import suite
from proving.mutation import runner
from proving.worst_agent import play


def main(parser: argparse.ArgumentParser, parts: Any) -> int:
    play.arguments(parts.add_parser("worst-agent", help="an agent that obeys whatever strangers write to it"))
    suite.arguments(parts.add_parser("attack", help="random requests, and every attack that a test knows"))
    runner.arguments(parts.add_parser("mutation", help="small faults put into the service, one at a time"))
    options = parser.parse_args()
    return {"worst-agent": play.main, "attack": suite.main, "mutation": runner.main}[options.part](options)
