"""The audit trail: what it keeps, what it never loses, and that nobody waits for its disk."""

import contextlib
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clawcraft.authority import audit_file
from clawcraft.authority.audit import LATEST, AuditTrail
from clawcraft.authority.audit_entries import FILE_NAME, Entry, newest_first
from clawcraft.authority.audit_file import KEPT_S, MAX_WAITING, AuditFile
from clawcraft.authority.refusals import KINDS_PER_MIN, RefusalCounts
from clawcraft.errors import GameNotFound, Interrupted, TwitchUnavailable
from clawcraft.jobs.answer import failed, succeeded
from clawcraft.jobs.model import Job, JobStatus, Progress
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.full_disk import full_database
from tests.support.job_rig import envelope
from tests.support.process import killed_after

SECRET = "a-secret-of-the-service"


class Trail(AuditTrail):
    """One over a file in ``folder``, which has not more than ``max_bytes``. The job table has ended ``left_over``."""

    def __init__(
        self, folder: Path, clock: ManualClock, events: RecordedEvents, max_bytes: int, left_over: Sequence[Job] = ()
    ) -> None:
        self.path = folder / FILE_NAME
        self.refusals = RefusalCounts(clock)
        self.file = AuditFile(self.path, clock, events, max_bytes)
        super().__init__(self.file, self.refusals, lambda text: SECRET in text, clock)
        for each in left_over:
            self.job_moved(each)
        self.begin()

    def act(self, title: str = "x", **result: Any) -> str:
        """One sync action, from the request to its end."""
        request = envelope("twitch.set_title", "r", args={"title": title})
        ref = self.asked(request, "allowed")
        self.ended(ref, succeeded(request, {"status": "updated", **result}))
        return ref

    def entries(self) -> list[dict[str, Any]]:
        """Oldest first, as somebody else reads them."""
        with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return [entry.to_json() for entry in newest_first(connection)][::-1]

    def named(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries() if entry["kind"] == kind]


Reopen = Callable[..., Trail]


@pytest.fixture
def reopen(tmp_path: Path, clock: ManualClock, events: RecordedEvents) -> Iterator[Reopen]:
    """Close the trail that is open, and open the same file again."""
    opened: list[Trail] = []

    def open_again(max_bytes: int = 100_000_000, left_over: Sequence[Job] = ()) -> Trail:
        for trail in opened:
            trail.close()
        opened.append(Trail(tmp_path, clock, events, max_bytes, left_over))
        return opened[-1]

    yield open_again
    for trail in opened:
        trail.close()


@pytest.fixture
def trail(reopen: Reopen) -> Trail:
    return reopen()


def job(job_id: str = "job_1", status: JobStatus = JobStatus.QUEUED) -> Job:
    made = Job(job_id, "twitch.start_stream", {}, "agent", "r", None, None, JobStatus.QUEUED, Progress(0, "", 0), 0)
    return made if status is JobStatus.QUEUED else made.moved(JobStatus.RUNNING, now_s=1)


def start(trail: Trail, job_id: str = "job_1", decision: str = "allowed") -> None:
    trail.asked(envelope("twitch.start_stream", "r", args={"title": "Live", "obs_scene": "Game"}), decision, job_id)


# --- what it keeps ----------------------------------------------------------------------------------------------------


def test_an_action_is_kept_with_all_its_words_and_what_it_changed(trail: Trail) -> None:
    before, after = {"title": "old", "game": "Art"}, {"title": "new", "game": "Art"}
    trail.act("new", previous=before, current=after, broadcaster_id="1")
    (entry,) = trail.named("asked")
    told = {name: entry[name] for name in ("action", "agent_id", "token", "request_id", "decision", "outcome", "args")}
    assert told == {
        **{"action": "twitch.set_title", "agent_id": "agent", "token": "service token", "request_id": "r"},
        **{"decision": "allowed", "outcome": "updated", "args": {"title": "new"}},
    }
    assert entry["result"] == {"previous": before, "current": after}


def test_a_request_is_on_disk_before_it_does_anything(trail: Trail) -> None:
    start(trail)
    trail.job_moved(job(status=JobStatus.RUNNING))
    ref = trail.asked(envelope("twitch.set_title", args={"title": "x"}), "allowed")
    started, title = trail.named("asked")
    assert (started["job_id"], started["args"]["obs_scene"]) == ("job_1", "Game")
    assert title["ref"] == ref
    assert not {"outcome"} & (started.keys() | title.keys())


def test_a_job_that_was_never_begun_has_its_entry_after_a_crash_all_the_same(reopen: Reopen) -> None:
    trail = reopen()
    start(trail, "job_1")
    trail.job_moved(job(status=JobStatus.RUNNING))
    cut_off = Interrupted("OBS or the service ended before this job did").to_json()
    queued = job("job_2")
    queued = replace(queued, args={"title": "Later"}, created_at=77.0)
    left_over = [
        each.moved(JobStatus.FAILED, now_s=9, error=cut_off) for each in (job(status=JobStatus.RUNNING), queued)
    ]
    for _ in range(2):  # the second time everything is known
        trail = reopen(left_over=left_over)
        first, second = trail.named("asked")
        assert (first["job_id"], first["outcome"]) == ("job_1", "interrupted")
        assert (second["job_id"], second["outcome"], second["args"]) == ("job_2", "interrupted", {"title": "Later"})
        assert second["time"].startswith("1970-01-01T00:01:17")
        left_over = []


def test_a_failure_is_kept_with_what_it_changed_all_the_same(trail: Trail) -> None:
    request = envelope("twitch.set_game", args={"game": "Artt"})
    applied = {"previous": {"title": "a"}, "current": {"title": "b"}}
    for details in ({"applied": applied}, {"scenes": ["x" * 100] * 100}):
        error = GameNotFound("no such game", details=details)
        trail.ended(trail.asked(request, "allowed"), failed(request, error))
    first, second = trail.named("asked")
    assert (first["outcome"], first["message"]) == ("game_not_found", "no such game")
    assert first["details"] == {"applied": applied}
    assert second["outcome"] == "game_not_found"
    assert "details" not in second


def test_the_streamers_decision_is_stored_before_the_job_runs(trail: Trail) -> None:
    start(trail, decision="asked")
    trail.decided(job(), "approved", "hotkey")
    assert trail.named("asked")[0]["decision"] == "asked"  # on OBS's UI thread nothing is written
    trail.job_moved(job(status=JobStatus.RUNNING))
    assert trail.named("asked")[0]["decision"] == "asked, approved by hotkey"
    trail.job_moved(job(status=JobStatus.RUNNING).moved(JobStatus.DONE, now_s=2, result={"status": "started"}))
    assert trail.named("asked")[0]["outcome"] == "started"


def test_a_job_that_ends_without_running_says_why_with_the_next_row(trail: Trail) -> None:
    start(trail)
    trail.job_moved(job().moved(JobStatus.FAILED, now_s=2, error=TwitchUnavailable("gone").to_json()))
    assert not trail.named("asked")  # a thousand may end at once
    trail.tend()
    (entry,) = trail.named("asked")
    assert (entry["outcome"], entry["message"]) == ("twitch_unavailable", "gone")


def test_what_the_streamer_does_is_stored_with_the_next_row_or_when_tended(trail: Trail, clock: ManualClock) -> None:
    trail.operator("paused")
    clock.advance(5)
    trail.tend()
    trail.operator("resumed")
    trail.act()
    paused, resumed = trail.named("operator")
    assert (paused["outcome"], resumed["outcome"]) == ("paused", "resumed")
    assert paused["time"] < resumed["time"]


def test_a_secret_is_never_written(trail: Trail) -> None:
    trail.act(f"my token is {SECRET}", note=["fine", {"deep": f"{SECRET}!"}])
    (entry,) = trail.named("asked")
    assert entry["args"] == {"title": "***"}
    assert entry["result"] == {"note": ["fine", {"deep": "***"}]}
    trail.close()
    assert SECRET.encode() not in trail.path.read_bytes()


def test_any_text_can_be_stored(trail: Trail) -> None:
    trail.act('half \ud800 a pair, "quoted"', odd=float("nan"))
    (entry,) = trail.named("asked")
    assert entry["args"] == {"title": 'half \ufffd a pair, "quoted"'}
    assert entry["outcome"] == "updated"


def test_the_latest_are_known_without_the_disk_also_after_a_restart(trail: Trail, reopen: Reopen) -> None:
    for number in range(LATEST + 3):
        trail.act(f"title {number}")

    def shown(entries: list[Entry]) -> list[tuple[Any, str]]:
        return [(entry.args["title"], entry.outcome) for entry in entries]

    expected = [(f"title {number}", "updated") for number in range(LATEST + 2, 2, -1)]
    assert shown(trail.latest()) == expected
    again = reopen()
    assert shown(again.latest()) == expected
    again.act("one more")
    assert shown(again.latest()) == [("one more", "updated"), *expected[:-1]]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_refusals_of_a_minute_are_one_row_for_each_kind(trail: Trail, clock: ManualClock) -> None:
    for _ in range(3):
        trail.refusals.count("rate_limited", "twitch.set_title", "agent", "127.0.0.1")
    trail.refusals.count("unauthorized", None, None, "127.0.0.1")
    trail.tend()
    assert trail.named("counted") == []
    clock.advance(60)
    trail.tend()
    limited, stranger = trail.named("counted")
    assert (limited["outcome"], limited["times"], limited["agent_id"]) == ("rate_limited", 3, "agent")
    assert limited["action"] == "twitch.set_title"
    assert (stranger["outcome"], stranger["times"], stranger["client"]) == ("unauthorized", 1, "127.0.0.1")


def test_those_of_an_unfinished_minute_are_stored_at_the_end_of_the_service(trail: Trail, reopen: Reopen) -> None:
    trail.refusals.count("unauthorized", None, None, "::1")
    assert [entry["times"] for entry in reopen().named("counted")] == [1]


def test_no_flood_of_refusals_pushes_anything_out(trail: Trail, clock: ManualClock) -> None:
    refs = []
    for number in range(5_000):
        trail.refusals.count("invalid_request", "twitch.set_title", f"agent-{number}", "127.0.0.1")
        if number % 500 == 0:
            refs.append(trail.act(f"title {number}"))
            clock.advance(20)
            trail.tend()
    clock.advance(60)
    trail.tend()
    assert [entry["ref"] for entry in trail.named("asked")] == refs
    counted = trail.named("counted")
    assert sum(entry["times"] for entry in counted) == 5_000
    assert len(counted) <= 5 * (KINDS_PER_MIN + 1)  # of 200 s


# --- what goes, and what does not -------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["UPDATE entries SET outcome = 'x'", "DELETE FROM entries"])
def test_nobody_changes_what_is_written(trail: Trail, change: str) -> None:
    trail.act()
    with (
        contextlib.closing(sqlite3.connect(trail.path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="audit trail"),
    ):
        connection.execute(change)


def test_entries_are_kept_for_90_days(trail: Trail, clock: ManualClock) -> None:
    for number in range(audit_file.SWEEP_BATCH + 50):
        trail.act(f"old {number}")
    clock.advance(KEPT_S - 10)
    trail.act("newer")
    trail.tend()
    assert len(trail.named("asked")) == audit_file.SWEEP_BATCH + 51
    clock.advance(20)
    trail.tend()
    assert [entry["args"]["title"] for entry in trail.named("asked")] == ["newer"]


def test_where_room_is_short_counts_go_first_and_then_the_oldest(reopen: Reopen, clock: ManualClock) -> None:
    trail = reopen(max_bytes=300_000)
    refs = []
    for number in range(300):
        refs.append(trail.act("t" * 140))
        for kind in range(KINDS_PER_MIN):
            trail.refusals.count("invalid_request", "twitch.set_title", f"agent-{kind}", "127.0.0.1")
        clock.advance(60)
        if number % 50 == 0:
            trail.tend()
    trail.tend()
    left = len(trail.named("counted"))
    assert [entry["ref"] for entry in trail.named("asked")] == refs
    assert left < 300 * KINDS_PER_MIN
    for _ in range(1_000):
        refs.append(trail.act("t" * 140))
    trail.tend()
    assert trail.named("counted") == []
    kept = [entry["ref"] for entry in trail.named("asked")]
    assert 100 < len(kept) < len(refs)
    assert kept == refs[-len(kept) :]
    trail.close()
    assert trail.path.stat().st_size < 5_000_000


# --- the disk ---------------------------------------------------------------------------------------------------------


def full_disk(trail: Trail) -> AbstractContextManager[None]:
    assert trail.file._database is not None
    return full_database(trail.file._database)


def test_a_full_disk_keeps_nobody_and_loses_nothing_and_is_told_until_it_is_over(trail: Trail) -> None:
    with full_disk(trail):
        refs = [trail.act("x" * 4_000) for _ in range(20)]
        assert "full" in trail.trouble
        trail.operator("paused")
        trail.tend()
        assert "full" in trail.trouble
        assert len(trail.named("asked")) < 20
    trail.tend()
    assert trail.trouble == ""
    asked = trail.named("asked")
    assert [entry["ref"] for entry in asked] == refs
    assert {entry["outcome"] for entry in asked} == {"updated"}
    (back,) = (entry for entry in trail.named("service") if entry["outcome"] == "written again")
    assert "full" in back["trouble"]
    assert back["entries_lost"] == 0


def test_in_trouble_no_request_tries_the_disk_and_memory_is_bounded(trail: Trail) -> None:
    with full_disk(trail):
        while not trail.trouble:
            trail.act("x" * 4_000)
        for _ in range(MAX_WAITING):
            trail.act()
        assert len(trail.file._waiting) == MAX_WAITING
    trail.tend()
    (back,) = (entry for entry in trail.named("service") if entry["outcome"] == "written again")
    assert back["entries_lost"] >= MAX_WAITING
    assert trail.act() in [entry["ref"] for entry in trail.named("asked")]


def test_no_place_for_the_file_is_told_and_tried_again(
    tmp_path: Path, clock: ManualClock, events: RecordedEvents
) -> None:
    (tmp_path / FILE_NAME).mkdir()
    trail = Trail(tmp_path, clock, events, 100_000_000)
    assert "cannot be used" in trail.trouble
    ref = trail.act()
    trail.tend()
    assert "cannot be used" in trail.trouble
    running = trail.asked(envelope("twitch.set_title", args={"title": "y"}), "allowed")
    (tmp_path / FILE_NAME).rmdir()
    trail.tend()
    assert trail.trouble == ""
    assert [(entry["ref"], entry.get("outcome")) for entry in trail.named("asked")] == [
        (ref, "updated"),
        (running, None),
    ]
    assert len(trail.named("service")) == 1
    trail.close()


def test_a_damaged_file_is_moved_aside_and_said_so(trail: Trail, reopen: Reopen, events: RecordedEvents) -> None:
    trail.act()
    trail.close()
    trail.path.write_bytes(b"no database at all" * 100)
    again = reopen()
    (event,) = events.named("audit_trail_replaced")
    assert Path(event["moved_to"]).read_bytes().startswith(b"no database")
    again.act("after")
    assert len(again.named("asked")) == 1


def test_the_file_is_its_owners_alone(trail: Trail) -> None:
    trail.act()
    for path in trail.path.parent.glob(f"{FILE_NAME}*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_after_the_close_nobody_is_hurt(trail: Trail) -> None:
    ref = trail.asked(envelope("twitch.set_title", args={"title": "x"}), "allowed")
    trail.close()
    trail.ended(ref, succeeded(envelope("twitch.set_title"), {}))
    trail.act()
    trail.tend()
    trail.close()


# --- kill -9 ----------------------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from tests.authority.test_audit import Trail, start
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import envelope
trail = Trail(Path(sys.argv[1]), ManualClock(), RecordedEvents(), 100_000_000)
trail.act("ended")
start(trail)
trail.asked(envelope("twitch.set_title", args={"title": "cut off"}), "allowed")
print("there", flush=True)
sys.stdin.read()
"""


def test_what_a_kill_cut_off_is_interrupted_at_the_next_start(tmp_path: Path, reopen: Reopen) -> None:
    assert killed_after(tmp_path, CHILD, 1) == ["there"]
    for _ in range(2):  # the second time there is nothing left to end
        trail = reopen()
        assert [(entry["action"], entry["outcome"]) for entry in trail.named("asked")] == [
            ("twitch.set_title", "updated"),
            ("twitch.start_stream", "interrupted"),
            ("twitch.set_title", "interrupted"),
        ]
        assert [entry.outcome for entry in trail.latest()] == ["interrupted", "interrupted", "updated"]
