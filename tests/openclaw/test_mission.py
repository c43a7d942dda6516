"""The mission bridge check passes on a sound service, and fails at the right step on one that breaks the contract."""

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.secrets import Secret, SecretStore
from mission_show import PLAYS
from tests.support.loopback import Handler, Loopback
from tests.support.paths import data_folder
from tests.support.ports import free_port
from tests.support.studio import TOKEN, Studio
from tests.support.tool import Done, tool

Body = dict[str, Any]
Change = Callable[[str, str, Body, int, Body], int]
"""(method, path, request, status, answer) → status; changes the answer in place."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio")) as studio:
        yield studio


def mission(url: str, *options: str, token: str | None = TOKEN, port: int | None = None) -> Done:
    """Where ``url`` is empty, at ``port``, which it is told as the service is."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TOOL_")}
    if token is not None:
        env["TOOL_SERVICE_TOKEN"] = token
    if port is not None:
        env["PORT"] = str(port)
    where = ["--url", url] if url else []
    return tool("mission.py", *where, "--job-timeout", "30", *options, env=env)


def report(done: Done) -> dict[str, bool]:
    """Which checks passed, by name."""
    assert done.stdout, done.stderr
    return {check["name"]: check["passed"] for check in json.loads(done.stdout)["checks"]}


@contextmanager
def changed(studio: Studio, change: Change) -> Iterator[str]:
    """The address of a server in front of the studio that breaks the contract in one way."""

    class PassedOn(Handler):
        def _pass_on(self) -> None:
            body = self.body()
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.request(self.command, studio.url + self.path, headers=headers, data=body, timeout=40)
            content = answer.json()
            status = change(self.command, self.path, json.loads(body or "{}"), answer.status_code, content)
            kept = {
                name: answer.headers[name] for name in ("Location", "Idempotent-Replayed") if name in answer.headers
            }
            self.answer(status, json.dumps(content).encode(), kept)

        do_GET = do_POST = _pass_on

    with Loopback(PassedOn) as server:
        yield server.address


def test_a_sound_service_passes_every_check(studio: Studio) -> None:
    done = mission(studio.url, "--json", "--title", "A mission")
    assert done.returncode == 0, done.stdout
    assert len(report(done)) == 17
    assert studio.stream_state() == "offline"
    changes = [call for call in studio.sim.world.calls if call.body == {"title": "A mission"}]
    assert len(changes) == 1, "the repeated set_title must not reach Twitch twice"


def test_the_table_names_each_check(studio: Studio) -> None:
    done = mission(studio.url)
    assert done.returncode == 0
    assert done.stdout.count("\nok  ") == 17
    # Which of the states before the last a poll meets is a matter of the moment.
    assert re.search(r"(queued → )?(running → )?done, result started", done.stdout), done.stdout


def test_signed_and_without_twitch(tmp_path: Path) -> None:
    settings = {"TOOL_SERVICE_SIGNATURE_SECRET": "s3cret-of-the-studio", "TOOL_SERVICE_REQUIRE_TIMESTAMP": "1"}
    secret = tmp_path / "secret"
    secret.write_text(settings["TOOL_SERVICE_SIGNATURE_SECRET"] + "\n")
    with Studio(tmp_path / "studio", settings, with_twitch=False) as studio:
        signed = mission(studio.url, "--json", "--without-twitch", "--signature-secret-file", str(secret))
        assert signed.returncode == 0, signed.stdout
        with_twitch = mission(studio.url, "--json", "--signature-secret-file", str(secret))
        assert with_twitch.returncode == 1
        assert not report(with_twitch)["set title"]
        assert report(with_twitch)["off air at the end"]
        unsigned = mission(studio.url, "--json", "--without-twitch")
        assert unsigned.returncode == 1
        assert not report(unsigned)["start: 202 and a job"]


def test_on_the_streamers_machine_it_takes_the_stored_token_and_signs_with_the_stored_secret(tmp_path: Path) -> None:
    folder = data_folder(tmp_path)
    stored = SecretStore(folder)
    stored.update({"TOOL_SERVICE_SIGNATURE_SECRET": Secret("s3cret-of-the-studio")})
    with Studio(tmp_path, {"TOOL_SERVICE_TOKEN": ""}, with_twitch=False) as studio:
        done = mission(studio.url, "--json", "--without-twitch", "--data-dir", str(folder), token=None)
        assert done.returncode == 0, done.stdout + done.stderr
        at_its_port = mission("", "--json", "--without-twitch", "--data-dir", str(folder), token=None, port=studio.port)
        assert at_its_port.returncode == 0, at_its_port.stdout + at_its_port.stderr


def test_a_token_that_is_named_brings_no_stored_secret_along(studio: Studio, tmp_path: Path) -> None:
    SecretStore(tmp_path).update({"TOOL_SERVICE_SIGNATURE_SECRET": Secret("of another service")})
    assert mission(studio.url, "--json", "--data-dir", str(tmp_path)).returncode == 0


def test_without_any_token_it_says_what_to_do(studio: Studio, tmp_path: Path) -> None:
    done = mission(studio.url, "--data-dir", str(tmp_path), token=None)
    assert (done.returncode, done.stdout) == (2, "")
    assert "start OBS with the script once" in done.stderr
    (tmp_path / "secrets.json").write_text("{")
    assert mission(studio.url, "--data-dir", str(tmp_path), token=None).returncode == 2


def _start(path: str, request: Mapping[str, Any]) -> bool:
    return path == "/tools/execute" and str(request.get("request_id", "")).endswith(":start")


def _not_202(_method: str, path: str, request: Body, status: int, _answer: Body) -> int:
    return 200 if _start(path, request) and status == 202 else status


def _new_job_for_a_repeat() -> Change:
    seen: list[str] = []

    def change(_method: str, path: str, request: Body, status: int, answer: Body) -> int:
        if _start(path, request) and status == 202:
            seen.append(answer["result"]["job_id"])
            if len(seen) == 2:
                answer["result"]["job_id"] = "job_other"
        return status

    return change


def _polled(change_job: Callable[[Body, int], None]) -> Change:
    """Each poll's job is changed, which is told how many polls there were."""
    polls = itertools.count(1)

    def change(_method: str, path: str, _request: Body, status: int, answer: Body) -> int:
        if path.startswith("/tools/jobs/"):
            change_job(answer["job"], next(polls))
        return status

    return change


def _percent_falls(job: Body, poll: int) -> None:
    job["progress"]["percent"] = 60 if poll == 1 else 50
    if poll == 1:
        job["status"] = "running"


def _done_becomes_running_again(job: Body, poll: int) -> None:
    if poll <= 2:
        job["status"] = ("running", "queued")[poll - 1]


def _bare_string_error(_method: str, _path: str, _request: Body, status: int, answer: Body) -> int:
    if "error" in answer:
        answer["error"] = "something went wrong"
    return status


def _failure_ends_the_stream(_method: str, path: str, _request: Body, status: int, answer: Body) -> int:
    if path == "/status" and answer["obs"]["stream"]["live"]:
        answer["obs"]["stream"] |= {"live": False, "state": "stopping"}
    return status


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (_not_202, "start: 202 and a job"),
        (_new_job_for_a_repeat(), "start again, same request_id: same job"),
        (_polled(_percent_falls), "start: every transition to done"),
        (_polled(_done_becomes_running_again), "start: every transition to done"),
        (_bare_string_error, "failing call in the middle"),
        (_failure_ends_the_stream, "still live after the failures"),
    ],
)
def test_a_broken_contract_fails_its_check_and_no_stream_is_left(studio: Studio, change: Change, failing: str) -> None:
    with changed(studio, change) as url:
        done = mission(url, "--json")
    assert done.returncode == 1, done.stdout
    assert report(done)[failing] is False
    assert studio.stream_state() == "offline"


def test_a_live_stream_is_not_touched(studio: Studio) -> None:
    studio.client.run("twitch.start_stream", "before-the-mission")
    done = mission(studio.url)
    assert done.returncode == 2
    assert "this check would end it" in done.stderr
    assert studio.stream_state() == "live"
    studio.client.run("twitch.stop_stream", "after-the-mission")


def test_what_cannot_begin_says_why(studio: Studio, tmp_path: Path) -> None:
    nobody = mission(f"http://127.0.0.1:{free_port()}")
    assert (nobody.returncode, "no answer from" in nobody.stderr) == (2, True)
    stranger = mission(studio.url, token="not-the-right-token")
    assert (stranger.returncode, "unauthorized" in stranger.stderr) == (2, True)
    tokenless = mission(studio.url, "--json", "--data-dir", str(tmp_path), token=None)
    assert (tokenless.returncode, json.loads(tokenless.stderr)["ok"]) == (2, False)
    for done in (nobody, stranger, tokenless):
        assert TOKEN not in done.stdout + done.stderr


ON_TWITCH = {action.key for action in ACTIONS if action.name.startswith("twitch.")}
ALL_ON = {
    "TOOL_ACTION_POLICY": ",".join(f"{action.key}=allow" for action in ACTIONS),
    "TWITCH_RAID_TARGETS": "friendlyneighbour",
    "TWITCH_EVENTS": "chat,stream",
}


@pytest.fixture(scope="module")
def all_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio where everything is allowed and heard, on a channel that is live."""
    with Studio(tmp_path_factory.mktemp("all-on"), ALL_ON) as studio:
        studio.sim.play("realistic")
        world = studio.sim.world
        world.live_delay_s = world.clip_delay_s = 0.0
        world.eventsub.wait_for(lambda: world.eventsub.subscribed(3))
        yield studio


def witnessed(studio: Studio, url: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of a mission with the local Twitch as its witness, and its claims."""
    studio.sim.show_live(True)
    target = ("--target", "friendlyneighbour")
    done = mission(url, "--json", *target, "--witness", studio.sim.control_url)
    studio.sim.show_live(False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["claims"]


def test_what_is_switched_on_is_played_and_true(all_on: Studio) -> None:
    _, claims = witnessed(all_on, all_on.url)
    false = [claim for claim in claims if claim["failure"] and claim["claim"]["kind"] != "stop_stream"]
    assert false == []
    assert {claim["claim"]["kind"] for claim in claims} >= ON_TWITCH


def shown(studio: Studio) -> tuple[object, ...]:
    world = studio.sim.world
    channel = world.channels[OWN]
    return channel.title, channel.game_id, world.show.tags.get(OWN, []), world.show.labels.get(OWN, [])


OWN = "1001"
PUT_BACK = "title, game, tags, labels as before"


def test_the_channel_is_left_as_it_was_also_after_a_failed_check(tmp_path: Path) -> None:
    with Studio(tmp_path / "studio", ALL_ON) as studio:
        studio.sim.world.show.tags[OWN] = ["English", "Chill"]
        before = shown(studio)
        assert mission(studio.url, "--json").returncode == 0
        assert shown(studio) == before
        with changed(studio, _bare_string_error) as url:
            failed = mission(url, "--json")
        assert (failed.returncode, report(failed)[PUT_BACK]) == (1, True)
        assert shown(studio) == before
        assert any("MissionCheck" in str(call.body) for call in studio.sim.world.calls)


def _put_back_is_refused(_method: str, _path: str, request: Body, status: int, answer: Body) -> int:
    """The tags alone; and what was there before the first title is not told."""
    if ":before-twitch.set_tags" in str(request.get("request_id")):
        answer.clear()
        answer |= {"ok": False, "error": {"code": "twitch_rejected", "message": "Twitch refuses a tag"}}
        return 422
    if request.get("action") == "twitch.set_title" and "result" in answer:
        answer["result"]["previous"] = None
    return status


def test_what_cannot_be_put_back_fails_a_check_that_names_it(tmp_path: Path) -> None:
    with Studio(tmp_path / "studio", ALL_ON) as studio:
        studio.sim.world.show.tags[OWN] = ["English"]
        _, game_id, _, labels = shown(studio)
        with changed(studio, _put_back_is_refused) as url:
            done = mission(url, "--json")
        assert done.returncode == 1
        (seen,) = [check["seen"] for check in json.loads(done.stdout)["checks"] if check["name"] == PUT_BACK]
        assert seen == (
            "not put back: title (what was there before is not known); "
            "tags ['English'] (twitch_rejected: Twitch refuses a tag)"
        )
        assert shown(studio)[1::2] == (game_id, labels)


def test_there_is_a_play_for_each_action() -> None:
    assert {*PLAYS, "twitch.start_stream", "twitch.stop_stream"} >= {action.name for action in ACTIONS}


def test_a_question_that_nobody_answers_is_a_no_and_no_failure(tmp_path: Path) -> None:
    settings = {"TOOL_ACTION_POLICY": "create_marker=ask", "TOOL_APPROVAL_TIMEOUT_MS": "5000"}
    with Studio(tmp_path / "studio", settings) as studio:
        studio.sim.world.go_live()
        done = mission(studio.url, "--json")
        assert done.returncode == 0, done.stdout
        refused = {claim["claim"]["kind"]: claim["claim"]["refused"] for claim in json.loads(done.stdout)["claims"]}
        assert refused["create_marker"] == "approval_expired"
        assert studio.sim.world.show.markers == []


UNTRUE: dict[str, Body] = {
    "set_title": {"current": {"title": "another", "game_id": "0"}},
    "set_game": {"current": {"title": "Mission check, part 1", "game_id": "27471"}},
    "set_tags": {"tags": []},
    "set_labels": {"labels": ["Gambling"]},
    "post_chat_message": {"message_id": "none of them"},
    "announce": {"colour": "never"},
    "create_marker": {"position_s": 7777},
    "create_clip": {"clip_id": "none of them"},
    "create_poll": {"poll_id": "none of them"},
    "shoutout": {"target": "stranger"},
    "raid": {"target": "stranger"},
    "cancel_raid": {"status": "no_raid_pending"},
    "run_ad": {"length_s": 180},
    "snooze_ad": {"snooze_count": 77},
}


def _untrue(_method: str, path: str, request: Body, status: int, answer: Body) -> int:
    kind = str(request.get("action", "")).removeprefix("twitch.")
    if kind in UNTRUE and "result" in answer:
        answer["result"] |= UNTRUE[kind]
    if path == "/channel":
        answer["channel"]["data"]["title"] = "another"
        answer["stream"]["data"]["live"] = False
    return status


def test_what_is_not_true_is_seen_and_fails_the_mission(tmp_path: Path) -> None:
    with Studio(tmp_path / "studio", ALL_ON) as studio:
        studio.sim.play("realistic")
        studio.sim.world.clip_delay_s = 0.0
        studio.sim.world.live_delay_s = -600.0  # listed for so long that the judge is sure
        with changed(studio, _untrue) as url:
            status, claims = witnessed(studio, url)
    assert status == 1
    false = {claim["claim"]["kind"] for claim in claims if claim["otherwise"]}
    assert {*UNTRUE, "shown channel", "shown stream"} - false == set()
