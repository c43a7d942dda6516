"""The structured log: what is written, what is not, and that it never gets in the way."""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.secrets import Secret
from clawcraft.telemetry import log as module
from clawcraft.telemetry.events import Happened
from clawcraft.telemetry.log import ServiceLog, scrubbed
from tests.support.clock import ManualClock
from tests.support.waiting import HANG_S, wait_until


class Rig:
    """A log in ``folder`` and what OBS got of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.obs: list[str] = []
        self.log = ServiceLog(folder, self.obs.append, self.clock)

    def until_obs_got(self, lines: int) -> None:
        wait_until(lambda: len(self.obs) >= lines, f"OBS got {lines} lines")

    def written(self) -> list[dict[str, Any]]:
        """Close, and everything in the file; each line must be JSON."""
        self.log.close()
        return [json.loads(line) for line in self.log.path.read_text("ascii").splitlines()]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    before = set(threading.enumerate())
    rig = Rig(tmp_path / "not" / "there" / "yet")
    yield rig
    rig.log.close()
    assert set(threading.enumerate()) <= before


def a_request(**fields: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/tools/execute", "status": 200, "duration_ms": 1.5, **fields}


def test_one_line_with_time_and_fields_for_each_event(rig: Rig) -> None:
    rig.log.event("request", **a_request(request_id="r:1", code=None))
    rig.log.event("job", job_id="j", status="done", outcome="started", duration_s=0.2)
    time_ = "2026-05-28T20:26:40.000Z"
    assert rig.written() == [
        {"time": time_, "event": "request", **a_request(request_id="r:1")},
        {"time": time_, "event": "job", "job_id": "j", "status": "done", "outcome": "started", "duration_s": 0.2},
    ]


def test_obs_gets_short_lines_of_actions_jobs_and_failures_only(rig: Rig) -> None:
    rig.log.event("request", **a_request(action="twitch.set_title", request_id="r"))
    rig.log.event("request", **a_request(method="GET", path="/health"))
    rig.log.event("request", **a_request(method="GET", path="/status", status=401, code="unauthorized"))
    rig.log.event("job", job_id="j", status="failed", outcome="stream_key_refused", action="twitch.start_stream")
    rig.log.event("library", logger="waitress", message="x")
    rig.log.event("incident", incident_id="abc", traceback="Traceback\nsecret")
    rig.log.event("listening", message="http://127.0.0.1:3040")
    rig.log.close()
    assert rig.obs == [
        "POST /tools/execute 200 1.5 ms action=twitch.set_title request_id=r",
        "GET /status 401 unauthorized 1.5 ms",
        "job failed stream_key_refused action=twitch.start_stream job_id=j",
        "unexpected error incident abc see service.log",
        "listening http://127.0.0.1:3040",
    ]


def test_a_flood_is_bounded_in_obs_and_counted(rig: Rig) -> None:
    for number in range(1000):
        rig.log.event("request", **a_request(request_id=f"r{number}"))
    rig.log.close()
    assert len(rig.obs) == module.OBS_LINES + 1
    assert rig.obs[-1] == f"{1000 - module.OBS_LINES} more lines are only in {rig.log.path}"


def test_after_a_flood_the_count_comes_by_itself_and_lines_again(tmp_path: Path) -> None:
    said: list[str] = []
    clock = ManualClock()
    lines = module._ObsLines(said.append, clock, tmp_path)
    for number in range(module.OBS_LINES + 5):
        lines.show(str(number))
    assert lines.next_window(at_once=False) == module.OBS_WINDOW_S
    assert said == [str(number) for number in range(module.OBS_LINES)]
    clock.now_s += module.OBS_WINDOW_S
    assert lines.next_window(at_once=False) is None
    lines.show("next")
    assert said[-2:] == [f"5 more lines are only in {tmp_path}", "next"]


def test_a_flood_that_goes_on_for_hours_leaves_obs_few_lines_and_jobs_among_them(tmp_path: Path) -> None:
    said: list[str] = []
    clock = ManualClock()
    lines = module._ObsLines(said.append, clock, tmp_path)
    hours = 5
    for second in range(hours * 3600):
        for _ in range(10):
            lines.show("GET /status 401", is_request=True)
        if second % 300 == 0:
            lines.show(f"job done {second}")
        clock.now_s += 1
        lines.next_window(at_once=False)
    windows = hours * 3600 / module.OBS_LONG_WINDOW_S
    assert len(said) < module.OBS_MANY + windows * (module.OBS_LINES + 1)
    assert [line for line in said if line.startswith("job done")] == [
        f"job done {second}" for second in range(0, hours * 3600, 300)
    ]


def test_secrets_have_no_text_in_the_log(rig: Rig) -> None:
    token = "abcdefghijklmnop1234"
    rig.log.event("settings", token=Secret(token), nested={"token": Secret(token)})
    rig.log.event("library", message=f"Authorization: Bearer {token}", traceback=f"x\nheaders={{'a': 'OAuth {token}'}}")
    rig.log.event("library", message=f"GET /x?access_token={token}&a=1 client_secret={token}")
    rig.log.event("library", message='{"refresh_token": "' + token + '", "device_code":"' + token + '"}')
    rig.log.event("notice", message=f"TOOL_SERVICE_TOKEN=oauth:{token}", list=[f"Bearer {token}"])
    rig.log.close()
    assert token not in rig.log.path.read_text("ascii")
    assert token not in "".join(rig.obs)


def test_plain_words_about_tokens_stay_readable() -> None:
    for text in ("the bearer token is not the right one", "OAuth device flow", "no token: connect Twitch"):
        assert scrubbed(text) == text


@given(st.dictionaries(st.sampled_from(["request_id", "path", "message", "mission_id"]), st.text(max_size=600)))
def test_no_text_can_forge_a_line(fields: dict[str, str]) -> None:
    line = json.dumps({"event": "x", **module._clean(fields)})
    assert line.isascii()
    assert line.isprintable()
    short = module._short("notice", fields)
    assert short is not None
    assert short.isprintable()
    assert len(short) <= module.MAX_TEXT


def test_texts_are_cut_and_tracebacks_keep_their_end(rig: Rig) -> None:
    rig.log.event("incident", message="m" * 10_000, traceback="t" * 50_000 + "the end")
    (entry,) = rig.written()
    assert len(entry["message"]) == module.MAX_TEXT
    assert len(entry["traceback"]) == module.MAX_TRACEBACK
    assert entry["traceback"].endswith("the end")


def test_what_cannot_be_written_is_noted_and_raises_nothing(rig: Rig) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    rig.log.event("odd", value=Odd())
    rig.log.event("odd", status=Odd())
    rig.log.event("nan", value=float("nan"))
    assert [entry["event"] for entry in rig.written()] == ["log_failed"] * 3


def in_the_way(path: Path) -> None:
    path.parent.parent.mkdir()
    path.parent.touch()


def full_disk(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")


@pytest.mark.parametrize("spoil", [in_the_way, full_disk])
def test_an_unusable_disk_costs_the_lines_and_nothing_else(
    tmp_path: Path, capfd: Any, spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "a" / "b"
    spoil(folder / module.FILE_NAME)
    rig = Rig(folder)
    rig.log.event("lost", message="m" * 300)
    rig.until_obs_got(1)
    (folder if folder.is_file() else rig.log.path).unlink()
    rig.log.event("kept")
    rig.until_obs_got(2)
    assert [json.loads(line)["event"] for line in rig.log.path.read_text().splitlines()] == ["kept"]
    shutil.rmtree(folder)  # and a folder that vanishes is made anew
    rig.log.event("kept too")
    assert [entry["event"] for entry in rig.written()] == ["kept too"]
    assert capfd.readouterr() == ("", "")


def test_an_obs_that_raises_costs_nothing(tmp_path: Path) -> None:
    def raises(_: str) -> None:
        raise RuntimeError

    log = ServiceLog(tmp_path, raises, ManualClock())
    log.event("notice", message="x")
    log.close()
    assert "notice" in log.path.read_text("ascii")


def test_a_stuck_disk_blocks_nobody_and_the_lines_lost_are_counted(rig: Rig) -> None:
    stuck, go_on = threading.Event(), threading.Event()
    write = rig.log._file.write

    def slow(lines: list[str]) -> None:
        stuck.set()
        go_on.wait(30)
        write(lines)

    rig.log._file.write = slow  # type: ignore[method-assign]
    rig.log.event("first")
    assert stuck.wait(10)
    begun_s = time.monotonic()
    for _ in range(module.MAX_PENDING + 100):
        rig.log.event("more")
    assert time.monotonic() - begun_s < 5
    go_on.set()
    entries = rig.written()
    assert entries[-1] == {"event": "log_overflow", "lines_lost": 100}
    assert len(entries) == 1 + module.MAX_PENDING + 1


def test_library_warnings_go_to_the_file_and_nowhere_else(rig: Rig, capfd: Any) -> None:
    logging.getLogger("waitress.queue").warning("Task queue depth is %d", 5)
    logging.getLogger("urllib3.connectionpool").warning("Retrying %s", "x\ny")
    logging.getLogger("clawcraft.http").info("not a warning")
    rig.log._takeover.handle(logging.LogRecord("waitress", logging.ERROR, "x.py", 1, "%d", ("not a number",), None))
    try:
        raise ValueError("inside")
    except ValueError:
        logging.getLogger("waitress").exception("broke")
    entries = rig.written()
    assert [(entry["logger"], entry["level"]) for entry in entries] == [
        ("waitress.queue", "WARNING"),
        ("urllib3.connectionpool", "WARNING"),
        ("waitress", "ERROR"),
        ("waitress", "ERROR"),
    ]
    assert "ValueError: inside" in entries[-1]["traceback"]
    assert capfd.readouterr() == ("", "")
    assert rig.obs == []


def test_close_gives_the_loggers_back_and_may_come_twice(tmp_path: Path) -> None:
    loggers = [logging.getLogger(name) for name in module.LIBRARY_LOGGERS]
    before = [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers]
    log = ServiceLog(tmp_path, lambda line: None, ManualClock())
    assert [logger.propagate for logger in loggers] == [False] * len(loggers)
    log.close()
    log.close()
    assert [(list(logger.handlers), logger.propagate, logger.level) for logger in loggers] == before
    log.event("late")
    assert not log.path.exists()


def test_a_close_in_the_middle_of_a_batch_ends_the_thread(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the queue was then taken for one more entry of the batch, and the thread waited for another."""
    pending = rig.log._pending
    closer = threading.Thread(target=rig.log.close)

    class ClosesMeanwhile:
        """The queue, but that somebody closes the log just before the next entry is taken."""

        def __getattr__(self, name: str) -> Any:
            return getattr(pending, name)

        def get_nowait(self) -> Any:
            monkeypatch.setattr(rig.log, "_pending", pending)
            closer.start()
            wait_until(pending.qsize, "the end is in the queue")
            return pending.get_nowait()

    monkeypatch.setattr(rig.log, "_pending", ClosesMeanwhile())
    rig.log.event("notice", message="the last one")
    rig.log._thread.join(HANG_S)
    closer.join(HANG_S)
    assert not rig.log._thread.is_alive()
    assert [line["message"] for line in rig.written()] == ["the last one"]


def test_files_rotate_by_size_and_the_oldest_goes(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"old".ljust(99, b".") + b"\n")
    file = module._RotatingFile(tmp_path / "a.log", max_bytes=100, files=3)
    for number in range(5):
        file.write([f"{number} {'x' * 36}", "and"])
    kept = [(tmp_path / name).read_text() for name in ("a.log.2", "a.log.1", "a.log")]
    assert [text[:3] for text in kept] == ["0 x", "2 x", "4 x"]
    assert all(len(text) <= 100 for text in kept)
    assert len(list(tmp_path.iterdir())) == 3


def test_where_a_file_cannot_be_renamed_the_newest_lines_win(tmp_path: Path) -> None:
    (tmp_path / "a.log.1").mkdir()
    file = module._RotatingFile(tmp_path / "a.log", max_bytes=20, files=2)
    for number in range(5):
        file.write([f"line number {number}"])
    assert (tmp_path / "a.log").read_bytes() == b"line number 4\n"


def test_the_panel_is_told_what_failed_last(rig: Rig) -> None:
    rig.log.event("job", action="twitch.start_stream", agent_id="a", status="failed", outcome="superseded")
    rig.log.event("request", action="twitch.set_title", agent_id="b", status=200)
    rig.log.event("request", path="/status", status=200)
    at_s = rig.clock.now_s
    assert rig.log.last_error == Happened(at_s, "twitch.start_stream", "a", "superseded")
    rig.log.event("request", path="/x", status=404, code="not_found")
    assert rig.log.last_error == Happened(at_s, "", "", "not_found")
