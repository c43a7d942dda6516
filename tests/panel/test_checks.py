"""The pre-show check tells each thing that would keep an agent from its work, and nothing else."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clawcraft import checks
from clawcraft.actions.catalogue import ACTIONS
from clawcraft.secrets import SecretStore
from clawcraft.settings import Settings, load_settings
from tests.support.http_service import CONTRACT, HttpService

Change = Callable[[dict[str, Any]], None]
WELL: dict[str, Any] = {
    "ok": True,
    "paused": False,
    "queue_length": 0,
    "obs": {
        "version": "29.0.2",
        "responsive": True,
        "stream": {"state": "offline", "live": False, "reconnecting": False},
        "current_scene": "Main",
        "scenes": ["Main", "BRB"],
    },
    "twitch": {
        "state": "ok",
        "identity": {"login": "clawstreamer", "user_id": "1001"},
        "scopes_missing": [],
        "expires_at": "2030-01-01T00:00:00.000Z",
        "refreshable": True,
        "renewal": "proven",
        "last_error": None,
    },
}


NOT_STORED = {"code": "secret_store", "message": "it could not be stored", "hint": "Look at the disk."}


def run(status: dict[str, Any], known: Settings) -> list[dict[str, str]]:
    policies = {action.name: action.policy for action in ACTIONS}
    return checks.run(status, known, {**policies, **known.given_policies})


def settings(tmp_path: Path, **env: str) -> Settings:
    return load_settings(env, SecretStore(tmp_path), {}, tmp_path)


def troubles(status: dict[str, Any], known: Settings) -> dict[str, str]:
    """The outcome of each check that is not ok, by its name."""
    return {check["name"]: check["outcome"] for check in run(status, known) if check["outcome"] != "ok"}


def twitch(**fields: Any) -> Change:
    return lambda status: status["twitch"].update(fields)


def hearing(**fields: Any) -> Change:
    heard = {"enabled": True, "connected": True, "subscriptions": [{"kind": "chat"}]}
    return lambda status: status.update(events={**heard, **fields})


def test_where_all_is_well_every_check_is_ok_and_has_nothing_to_fix(tmp_path: Path) -> None:
    found = run(WELL, settings(tmp_path, OBS_STREAM_SCENE="BRB"))
    assert {check["outcome"] for check in found} == {"ok"}
    assert {check["fix"] for check in found} == {""}
    assert {check["name"] for check in found} == {
        *("obs", "stream", "scene", "pause", "actions", "twitch", "twitch_scopes", "twitch_token")
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda status: status["obs"].update(responsive=False, problem="busy"), {"obs": "failed"}),
        (lambda status: status["obs"]["stream"].update(reconnecting=True), {"stream": "warning"}),
        (lambda status: status.update(paused=True), {"pause": "failed"}),
        (twitch(state="not_configured", identity=None, expires_at=None), {"twitch": "warning"}),
        (twitch(state="revoked"), {"twitch": "failed"}),
        (twitch(state="unreachable", last_error={"message": "no answer", "hint": ""}), {"twitch": "warning"}),
        (
            twitch(scopes_missing=[{"scope": "clips:edit", "blocks": ["twitch.create_clip"]}]),
            {"twitch_scopes": "warning"},
        ),
        (twitch(refreshable=False, renewal="none"), {"twitch_token": "warning"}),
        (
            twitch(refreshable=False, renewal="refused", last_error={"code": "x", "message": "no secret", "hint": "y"}),
            {"twitch_token": "warning"},
        ),
        (twitch(last_error=NOT_STORED), {"twitch_token": "warning"}),
        (twitch(bot={**WELL["twitch"], "last_error": NOT_STORED}), {"twitch_bot": "warning"}),
        (twitch(bot={"state": "revoked"}), {"twitch_bot": "failed"}),
        (twitch(bot={"state": "unreachable", "last_error": {"message": "no answer"}}), {"twitch_bot": "warning"}),
        (twitch(bot={**WELL["twitch"], "scopes_missing": [{"scope": "user:write:chat"}]}), {"twitch_bot": "failed"}),
        (twitch(bot={**WELL["twitch"], "refreshable": False}), {"twitch_bot": "warning"}),
        (
            lambda status: status.update(guard_rails={"next_start_at": "2030-01-01T18:00:00.000Z"}),
            {"guard_rails": "failed"},
        ),
        (twitch(expires_at=None, refreshable=False, renewal="none"), {}),
        (hearing(problem="chat: refused"), {"events": "warning"}),
        (hearing(problem=None), {}),
    ],
)
def test_a_trouble_is_named_and_says_what_to_do(tmp_path: Path, change: Change, expected: dict[str, str]) -> None:
    status = copy.deepcopy(WELL)
    change(status)
    known = settings(tmp_path)
    assert troubles(status, known) == expected
    for check in run(status, known):
        assert bool(check["fix"]) == (check["outcome"] != "ok")


def test_the_alerts_look_at_a_login_only_where_somebody_is_connected(tmp_path: Path) -> None:
    status, known = copy.deepcopy(WELL), settings(tmp_path)
    policies = {action.name: action.policy for action in ACTIONS}

    def watched(dropped: bool = False) -> set[str]:
        names = {check["name"] for check in checks.watched(status, known, policies, dropped)}
        return names & {"twitch", "twitch_token", "twitch_bot", "stream_dropped"}

    assert watched() == {"twitch", "twitch_token"}
    twitch(state="unchecked", expires_at=None, identity=None, renewal="untried")(status)
    assert watched() == {"twitch"}
    twitch(state="not_configured")(status)
    assert watched(dropped=True) == {"stream_dropped"}


@pytest.mark.parametrize(
    ("stream", "dropped", "outcome"),
    [
        ({"live": True}, False, ["ok"]),
        ({"live": False, "reconnecting": True}, False, ["ok"]),
        ({"live": False}, False, []),
        ({"live": False}, True, ["failed"]),
    ],
)
def test_a_stream_is_put_right_by_one_that_is_up_and_by_nothing_else(
    tmp_path: Path, stream: dict[str, bool], dropped: bool, outcome: list[str]
) -> None:
    status = copy.deepcopy(WELL)
    status["obs"]["stream"].update(stream)
    policies = {action.name: action.policy for action in ACTIONS}
    found = checks.watched(status, settings(tmp_path), policies, dropped)
    assert [check["outcome"] for check in found if check["name"] == "stream_dropped"] == outcome


@pytest.mark.parametrize("setting", [{"TWITCH_BROADCASTER_ID": "1002"}, {"TWITCH_BROADCASTER_LOGIN": "somebody"}])
def test_a_token_of_another_account_than_the_channels_is_told(tmp_path: Path, setting: dict[str, str]) -> None:
    known = settings(tmp_path, **setting)
    assert troubles(WELL, known) == {"twitch_channel": "warning"}
    [check] = [check for check in run(WELL, known) if check["name"] == "twitch_channel"]
    assert "clawstreamer" in check["message"]
    assert next(iter(setting)) in check["fix"]
    own = settings(tmp_path, TWITCH_BROADCASTER_ID="1001", TWITCH_BROADCASTER_LOGIN="somebody")
    assert troubles(WELL, own) == {}


def test_a_renewal_that_was_never_tried_is_not_said_to_work(tmp_path: Path) -> None:
    status = copy.deepcopy(WELL)
    status["twitch"]["renewal"] = "untried"
    [check] = [check for check in run(status, settings(tmp_path)) if check["name"] == "twitch_token"]
    assert "renewed by itself" not in check["message"]


def test_a_scene_that_is_not_there_and_actions_that_are_off_are_told(tmp_path: Path) -> None:
    known = settings(tmp_path, OBS_STREAM_SCENE="Gone", TOOL_DISABLED_ACTIONS="create_clip")
    assert troubles(WELL, known) == {"scene": "failed", "actions": "warning"}
    fixes = " ".join(check["fix"] for check in run(WELL, known))
    assert "'Main', 'BRB'" in fixes


def test_status_answers_with_the_checks_only_when_asked(tmp_path: Path) -> None:
    with HttpService() as service:
        service.status = lambda: WELL
        service.checks = lambda status: run(dict(status), settings(tmp_path))
        assert "checks" not in service.get("/status").json
        body = service.get("/status?check=1").json
        assert body["checks"][0]["name"] == "obs"
        assert service.get("/status?check=yes").code == "invalid_request"
        allowed = CONTRACT.responses["status"]["properties"]["checks"]["items"]
        assert all(set(check) == set(allowed["properties"]) for check in body["checks"])
        assert {check["outcome"] for check in body["checks"]} <= set(allowed["properties"]["outcome"]["enum"])
