"""The parts of tools/prove.py that attack the service: their arguments, and which runs."""

from __future__ import annotations

import argparse
from typing import Any

from proving.worst_agent import play


def main(parser: argparse.ArgumentParser, parts: Any) -> int:
    play.arguments(parts.add_parser("worst-agent", help="an agent that obeys whatever strangers write to it"))
    options = parser.parse_args()
    return {"worst-agent": play.main}[options.part](options)
