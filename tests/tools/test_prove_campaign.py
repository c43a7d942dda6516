"""The truth campaign: its judge finds each kind of lie, and a short one in a real OBS finds none."""

import argparse
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from proving.campaign import run
from proving.campaign.faults import FAULTS, cases
from proving.campaign.journal import Journal
from proving.campaign.judge import judge, judge_table

ASKED: dict[str, Any] = {"accepted_s": 10.1, "job_id": "j", "code": None, "warnings": [], "attempts": 1, "retries": 0}
START = {
    **ASKED,
    "what": "start",
    "request_id": "a",
    "asked_s": 10.0,
    "told_s": 11.0,
    "told": "done",
    "status": "started",
}
STOP = {
    **ASKED,
    "what": "stop",
    "request_id": "b",
    "asked_s": 12.0,
    "told_s": 13.0,
    "told": "done",
    "status": "stopped",
}
FAILED = {**START, "told": "failed", "status": None, "code": "stream_connect_failed"}
HONEST: dict[str, Any] = {
    **{"began_s": 9.0, "asked": [START, STOP], "again": [START], "clicks": [], "cuts": [], "kills": []},
    **{"publishes": [[10.5, 12.5]], "until_s": 20.0},
}


def kinds(**changes: Any) -> list[str]:
    return sorted({found.kind for found in judge({**deepcopy(HONEST), **changes})})


def test_what_fits_is_no_disagreement() -> None:
    assert kinds() == []
    assert kinds(asked=[FAILED], again=[], publishes=[]) == []
    assert kinds(asked=[FAILED], again=[], publishes=[[10.5, 11.5]]) == [], "it was taken down by itself"
    assert kinds(cuts=[11.2], publishes=[[10.5, 11.2], [11.4, 12.5]]) == [], "OBS connects again by itself"
    joined = {**START, "request_id": "c", "asked_s": 11.5, "told_s": 11.6, "status": "already_running"}
    cut = {"asked": [START, joined, STOP], "cuts": [11.2], "publishes": [[10.5, 11.2]]}
    assert kinds(**cut) == [], "OBS itself does not know yet that the connection is gone"
    unanswered = {"asked": [FAILED], "again": [], "publishes": [[10.5, None]]}
    assert kinds(**unanswered, sent_bytes=3_400) == [], "no picture ever came through"
    assert kinds(**unanswered, sent_bytes=300_000) == ["false failure"]
    assert kinds(asked=[FAILED], again=[], clicks=[10.2], publishes=[[10.5, None]]) == [], "the streamer's own"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("false success", {"publishes": []}),
        ("false success", {"publishes": [[10.5, None]]}),
        (
            "false success",
            {"asked": [{**START, "status": "already_running"}, STOP], "cuts": [8.0], "publishes": [[7.0, 8.0]]},
        ),
        ("false success", {"asked": [{**START, "told": "vanished"}, STOP], "again": []}),
        ("false failure", {"asked": [FAILED], "again": [], "publishes": [[10.5, None]]}),
        ("double effect", {"publishes": [[10.5, 11.0], [11.1, 12.5]]}),
        ("double effect", {"publishes": [[10.5, 11.5], [11.1, 12.5]], "cuts": [11.1]}),
        ("double effect", {"again": [{**START, "told": "failed"}]}),
        ("nobody asked", {"publishes": [[10.5, 12.5], [14.0, 14.1]], "cuts": [12.5]}),
        ("nobody asked", {"publishes": [[9.5, 12.5]]}),
        ("nobody asked", {"asked": [FAILED], "again": [], "kills": [10.8], "publishes": [[15.0, 15.5]]}),
        ("no answer", {"asked": [{**START, "told": None, "told_s": None}, STOP], "again": []}),
    ],
)
def test_each_kind_of_lie_is_found(kind: str, changes: dict[str, Any]) -> None:
    assert kind in kinds(**changes)


def test_the_job_table_has_to_say_what_the_agent_was_told() -> None:
    kept: dict[str, Any] = {"job_id": "j", "action": "", "told": "done", "code": None, "status": "started"}
    stopped = {**kept, "status": "stopped"}
    assert judge_table(HONEST, {"a": [kept], "b": [stopped]}) == []
    for table in (
        {},
        {"a": [kept]},
        {"a": [kept, kept], "b": [stopped]},
        {"a": [{**kept, "told": "failed"}], "b": [stopped]},
    ):
        assert {found.kind for found in judge_table(HONEST, table)} == {"table differs"}


def test_the_seed_alone_decides_and_every_fault_has_its_turn() -> None:
    first, again, other = cases(1), cases(1), cases(2)
    numbers = range(len(FAULTS) * 2)
    assert [first[n].fault.name for n in numbers] == [again[n].fault.name for n in numbers]
    assert [first[n].fault.name for n in numbers] != [other[n].fault.name for n in numbers]
    assert {first[n].fault.name for n in range(len(FAULTS))} == {fault.name for fault in FAULTS}


def test_a_journal_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    journal = Journal(1, home=tmp_path)
    assert journal.next_number() == 0
    journal.add({"number": 0})
    journal.add({"number": 1})
    with journal.path.open("a") as file:
        file.write('{"number": 2, "cut o')
    journal = Journal(1, home=tmp_path)
    assert journal.next_number() == 2
    journal.add({"number": 2})
    assert journal.next_number() == 3


def entry(starts: int = 1, trouble: str = "") -> dict[str, Any]:
    return {"starts": starts, "trouble": trouble}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry()] * 10, False),
        ([], True),
        ([entry(starts=0)] * 3, True),
        ([entry(starts=0, trouble="ConnectionError: x")] * 30, True),
        ([*[entry()] * 9, entry(trouble="TimeoutError: x")], False),
        ([*[entry()] * 8, *[entry(trouble="TimeoutError: x")] * 2], True),
    ],
)
def test_a_campaign_that_played_hardly_anything_proves_nothing(entries: list[dict[str, Any]], expected: bool) -> None:
    assert run.says_nothing(entries) is expected


def test_campaigns_side_by_side_that_break_are_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each as a process of its own, which ends with a traceback."""
    monkeypatch.setattr(run, "obs_missing", lambda: None)
    monkeypatch.setattr(run, "libfiu", lambda: "there")
    monkeypatch.setattr(run, "TOOLS", tmp_path)
    (tmp_path / "prove.py").write_text("raise RuntimeError('OBS does not start')")
    assert played(tmp_path, "--beside", "2") == 1
    (tmp_path / "prove.py").write_text("")
    assert played(tmp_path, "--beside", "2") == 2
    assert "too few cases" in capsys.readouterr().err


def test_without_figures_no_report_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "write_report", lambda _home: pytest.fail("it would take the published figures away"))
    assert played(tmp_path, "--report") == 2


def played(journals: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    run.arguments(parser)
    return run.main(parser.parse_args([*arguments, "--journal", str(journals)]))


@pytest.mark.real_obs
def test_a_short_campaign_in_a_real_obs_finds_no_disagreement(tmp_path: Path) -> None:
    journal = Journal(7, home=tmp_path)
    run.Campaign(7, journal).run(24, seconds=None)
    entries = list(journal.entries())
    assert not run.says_nothing(entries), [entry["trouble"] for entry in entries]
    assert [(entry["fault"], entry["found"], entry["evidence"]) for entry in entries if entry["found"]] == []
    assert [entry["fault"] for entry in entries if entry["crashed"]] == []
