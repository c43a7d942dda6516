"""The official Python client of MCP plays a show against the whole service in the fake OBS; two more ways are played in
a real one (``tests/e2e``).
"""

from pathlib import Path

import pytest

from tests.support.mcp_sdk import judge, play
from tests.support.studio import TOKEN, Studio

pytestmark = pytest.mark.timeout(600)  # with the environment that it needs, once


@pytest.mark.parametrize("way", ["2026-07-28", "auto --tasks stdio"])
def test_a_show(tmp_path: Path, way: str) -> None:
    with Studio(tmp_path, {"TOOL_ACTION_POLICY": "obs.screenshot=allow"}) as studio:
        judge(play(way, studio.port, TOKEN), way)
