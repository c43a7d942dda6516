"""An agent that gets nothing but the text of "Copy for my agent"."""

import re

from tests.support.tool_client import ToolClient


def address(text: str) -> str:
    return _said(r"^URL: (http://\S+)$", text)


def bearer(text: str) -> str:
    return _said(r"^Header of each request: Authorization: Bearer (\S+)$", text)


def agent_of(text: str) -> ToolClient:
    """It takes address, token and its own name from the text."""
    port = int(address(text).rpartition(":")[2])
    return ToolClient(port, bearer(text), _said(r'"agent_id": "([^"]+)"', text))


def _said(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise AssertionError(f"the text for the agent has no {pattern}")
    return found[1]
