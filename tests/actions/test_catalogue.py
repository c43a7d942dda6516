"""The table of actions and all that goes with a row: whatever is forgotten is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import generate
from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Action, Policy
from clawcraft.actions.handlers import find_handler
from clawcraft.contract.openapi import openapi_document
from clawcraft.contract.schemas import Contract
from clawcraft.panel import fields
from clawcraft.twitch.scopes import login_scopes
from generators.openclaw import action_schema
from obs_mock import MockObs
from tests.support.examples import EXAMPLES
from tests.support.paths import ROOT, SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import wait_for_service

SCHEMAS = ROOT / "schemas"


def test_each_action_has_its_schema_and_each_schema_its_action() -> None:
    schemas = {path.name.removesuffix(".json") for path in (SCHEMAS / "actions").iterdir()}
    assert [f"{name}: no schema in schemas/actions/" for name in BY_NAME if name not in schemas] == []
    assert [f"{name}: no row in actions/catalogue.py" for name in schemas if name not in BY_NAME] == []


@pytest.mark.parametrize("find", [action_schema, find_handler], ids=["texts for agents", "handler"])
def test_each_action_has_what_goes_with_it(find: Callable[[Action], object]) -> None:
    problems = []
    for action in ACTIONS:
        try:
            find(action)
        except (ValueError, LookupError) as error:
            problems.append(str(error))
    assert problems == []


def test_each_action_has_an_example_that_is_tested() -> None:
    problems = [f"{name}: no example in tests/support/examples.py" for name in BY_NAME.keys() - EXAMPLES.keys()]
    problems += [f"{name}: an example of no action" for name in EXAMPLES.keys() - BY_NAME.keys()]
    assert problems == []


def test_the_generated_files_are_up_to_date() -> None:
    stale = [str(path.relative_to(ROOT)) for path in generate.stale()]
    assert stale == [], "generated files are stale: run python3 tools/generate.py"


def test_the_rows_agree_with_each_other() -> None:
    assert len(BY_NAME) == len(ACTIONS), "a name is there twice"
    assert {action.supersedes for action in ACTIONS} - {None} <= BY_NAME.keys()
    assert all(action.label and action.needs for action in ACTIONS)
    keys = [key(action) for action in ACTIONS for key in (fields.policy_key, fields.limit_key)]
    assert len(set(keys)) == len(keys), "two actions share a key of the panel"


def test_what_came_with_the_first_release_is_on_and_everything_later_off_at_first() -> None:
    assert [action.name for action in ACTIONS if action.policy is not Policy.OFF] == [
        "twitch.start_stream",
        "twitch.stop_stream",
        "twitch.set_title",
        "twitch.set_game",
        "twitch.post_chat_message",
        "twitch.create_clip",
    ]


def test_every_face_of_the_service_shows_the_same_actions(tmp_path: Path) -> None:
    names = list(BY_NAME)
    contract = Contract(SCHEMAS)
    assert contract.actions == tuple(sorted(names))
    requests = openapi_document(contract, "1")["paths"]["/tools/execute"]["post"]["requestBody"]
    mapping = requests["content"]["application/json"]["schema"]["discriminator"]["mapping"]
    assert list(mapping) == names, "OpenAPI"
    port = free_port()
    with MockObs(SCRIPT, settings={"port": port}, config_dir=tmp_path) as obs:
        wait_for_service(port)
        choices = [key for key in obs.open_panel() if key.startswith("policy_")]
    assert choices == [fields.policy_key(action) for action in ACTIONS], "the panel"
    tools = json.loads((ROOT / "tools" / "openclaw" / "tools.json").read_text("utf-8"))
    assert [tool["action"] for tool in tools if "action" in tool] == names, "tools.json"
    reference = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert [name for name in names if f"| `{name}` |" not in reference] == [], "docs/configuration.md"
    asked = login_scopes({action.name: Policy.ASK for action in ACTIONS})
    assert {action.scope for action in ACTIONS} - {None} == set(asked), "the scopes asked for at login"
