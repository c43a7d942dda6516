"""A new action is a schema, a row, a handler, an example, and one command: done in a copy of the project."""

from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.project_copy import NAME, ProjectCopy
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from tests.support.waiting import wait_until

PIECES = ("schema", "row", "handler", "example")


def add(copy: ProjectCopy, *, without: str = "") -> None:
    for piece in PIECES:
        if piece != without:
            getattr(copy, f"add_{piece}")()


@pytest.fixture
def copy(tmp_path: Path) -> ProjectCopy:
    return ProjectCopy(tmp_path / "project")


def test_an_action_added_that_way_is_served_once_the_streamer_switches_it_on(copy: ProjectCopy, tmp_path: Path) -> None:
    add(copy)
    copy.generate()
    port = free_port()
    with copy.serve(port, tmp_path / "obs") as service:
        assert service.stdin is not None
        wait_for_service(port)
        client = ToolClient(port, stored_token(tmp_path / "obs"))

        def enabled() -> bool:
            tools = client.get("/tools").json()["tools"]
            return next(bool(tool["enabled"]) for tool in tools if tool["name"] == NAME)

        assert not enabled()
        refused = client.post(NAME, "first")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "action_disabled")
        service.stdin.write(f"policy_{NAME.replace('.', '_')}\n")
        service.stdin.flush()
        wait_until(enabled, "the switch in the panel counts")
        answer = client.post(NAME, "first")
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"] == {"request_id": "first", "status": "done", "state": "offline"}
        client.close()
        service.stdin.close()
    assert service.returncode == 0


@pytest.mark.parametrize(
    ("forgotten", "named"),
    [
        ("", ""),
        ("schema", f"{NAME}: no schema in schemas/actions/"),
        ("row", f"{NAME}: no row in actions/catalogue.py"),
        ("handler", f"{NAME}: no function stream_state in actions/state.py"),
        ("example", f"{NAME}: no example in tests/support/examples.py"),
        ("command", "generated files are stale: run python3 tools/generate.py"),
    ],
)
def test_whoever_forgets_a_piece_is_told_which(copy: ProjectCopy, forgotten: str, named: str) -> None:
    add(copy, without=forgotten)
    if forgotten != "command":
        copy.generate()
    tested = copy.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/actions/test_catalogue.py")
    assert named in tested.stdout
    assert (tested.returncode == 0) is (forgotten == ""), tested.stdout
