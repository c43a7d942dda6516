"""Whatever stands in a text field stays a text: in the job table, the log, the audit trail, the panel and on disk."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import pytest

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.text import first_unfit
from obs_mock import Timings
from tests.service.conftest import Studio
from tests.support.examples import EXAMPLES
from tests.support.paths import SCHEMAS, data_folder
from tests.support.responses import fits
from tests.support.tool_client import ToolClient
from twitch_sim.server import TwitchSim

pytestmark = pytest.mark.random_order(disabled=True)  # the last looks at what all before have left

HOSTILE: Final = {
    "sql": "x'); DROP TABLE jobs; --",
    "sql union": "' UNION SELECT value FROM meta --",
    "path": "../../../../etc/passwd",
    "windows path": "..\\..\\secrets.json",
    "url": "file:///etc/passwd",
    "markup": "<img src=x onerror=alert(1)>",
    "rich text": "<a href='http://evil.example'>Allow</a><b>OK",
    "template": "{0.__class__} %s ${HOME} {{7*7}} $(id)",
    "line": "x\r\n[clawcraft] the streamer allowed it",
    "terminal": "x\x1b[2J\x1b]0;owned\x07",
    "nul": "x\x00y",
    "hidden": "x\u202ey\u200bz\ufeff",
    "surrogate": "x\ud800y",
    "formula": "=HYPERLINK(1)",
}


def text_fields() -> Iterator[tuple[str, str]]:
    """Every field of a request that is a text, or a list of them, by action."""
    for name in ("request_id", "agent_id", "action", "mission_id", "correlation_id"):
        yield "", name
    for action in ACTIONS:
        schema = json.loads((SCHEMAS / "actions" / f"{action.name}.json").read_text("utf-8"))
        for name, field in schema["properties"].items():
            if field.get("type") == "string" or field.get("items", {}).get("type") == "string":
                yield action.name, name


FIELDS: Final = tuple(text_fields())


def requests(action: str, field: str) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(HOSTILE.values()):
        body: dict[str, Any] = {"agent_id": "tester", "request_id": f"{action}-{field}-{number}"}
        body |= {"action": action or "twitch.set_title", "args": dict(EXAMPLES[action or "twitch.set_title"])}
        if not action:
            body[field] = text
        elif field in ("tags", "labels", "choices"):
            body["args"][field] = [text, "other"]
        else:
            body["args"][field] = text
            if field == "game_id":
                body["args"].pop("game", None)
        yield body


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    patch = pytest.MonkeyPatch()
    with TwitchSim() as twitch:
        for name, value in {
            **twitch.environment(),
            "TOOL_ACTION_POLICY": ",".join(f"{action.name}=allow" for action in ACTIONS),
            "TOOL_ACTION_RATE_LIMITS": ",".join(f"{action.name}=100000" for action in ACTIONS),
        }.items():
            patch.setenv(name, value)
        with Studio(tmp_path_factory.mktemp("injection"), Timings().scaled(0.02)) as made:
            yield made
    patch.undo()


@pytest.fixture(scope="module")
def client(studio: Studio) -> ToolClient:
    return studio.client()


@pytest.mark.parametrize(("action", "field"), FIELDS)
def test_a_hostile_text_is_refused_or_a_text(client: ToolClient, action: str, field: str) -> None:
    for body in requests(action, field):
        answer = client.send(body)
        assert answer.status_code < 500 or answer.status_code == 502, body  # Twitch knows no such game
        fits(
            "failure" if answer.status_code >= 400 else "accepted" if answer.status_code == 202 else "sync",
            answer.json(),
        )
        if answer.status_code == 202:
            client.ended(answer.json()["result"]["job_id"])


def test_and_everything_is_as_it_was_afterwards(studio: Studio, client: ToolClient) -> None:
    for body in requests("twitch.set_title", "title"):
        client.send(body)
    for body in requests("obs.switch_scene", "obs_scene"):
        client.send({**body, "request_id": f"again-{body['request_id']}"})
    assert client.get("/tools/jobs", limit=200).json()["jobs"]
    for line in studio.obs.log_lines():
        assert first_unfit(line) is None, line
    rows = studio.obs.open_panel().values()
    shown = " ".join(f"{row.description} {row.long_description}" for row in rows)
    studio.obs.close_panel()
    assert "<img" not in shown
    assert "<a href='http://evil" not in shown
    studio.obs.stop()  # which leaves the files to others
    folder = data_folder(studio.folder)
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    for file in folder.glob("*.sqlite3"):
        database = sqlite3.connect(file)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute(tables).fetchall()
        database.close()
    for log in folder.rglob("*.log*"):
        for line in log.read_text("utf-8").splitlines():
            assert line.isprintable(), line
            json.loads(line)
    names = {path.name for path in studio.folder.rglob("*")}
    assert not names & {"passwd", "jobs; --"}
