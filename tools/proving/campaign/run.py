"""Runs the campaign: cases in lives of OBS, each judged when its life is over and the job table can be read."""

import argparse
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from proving.campaign.agent import Agent
from proving.campaign.faults import Case, cases
from proving.campaign.journal import HOME, Journal
from proving.campaign.judge import Disagreement, judge, judge_table, judged_anew
from proving.campaign.peer import Peer
from proving.campaign.report import REPORT, summary, write_report
from proving.campaign.stage import HANGS, Stage, Stuck, libfiu
from proving.campaign.turn import Turn
from tests.support.paths import TOOLS
from tests.support.real_obs import obs_missing

CASES_IN_A_LIFE: Final = 40
DEFAULT_SEED: Final = 1
DISAGREED: Final = 3
"""The status where the summary tells what is wrong; 1 is a traceback's."""


class Campaign:
    """``run`` plays what is left of so many starts, at most for so long. Ctrl-C ends it after the case that runs."""

    def __init__(self, seed: int, journal: Journal, peer: bool = False) -> None:
        self._seed = seed
        self._journal = journal
        self._peer = peer
        self._cases = cases(seed, peer)
        self._unjudged: list[dict[str, Any]] = []
        self._in_life = 0
        self._played = self._starts = 0
        self._began_s = time.monotonic()

    def run(self, starts: int, seconds: float | None) -> int:
        """How many starts were played."""
        number = self._journal.next_number()
        done = sum(entry["starts"] for entry in self._journal.entries())
        deadline_s = None if seconds is None else self._began_s + seconds
        # One folder for each run: its job table holds this run's requests alone.
        with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), self._peer) as stage:
            try:
                while done + self._starts < starts and (deadline_s is None or time.monotonic() < deadline_s):
                    self._play(stage, self._cases[number])
                    number += 1
                    self._say(done, starts, deadline_s)
            except KeyboardInterrupt:
                print("\nstopped; the same command goes on", file=sys.stderr)
            self._end_life(stage)
        return self._starts

    def _play(self, stage: Stage, case: Case) -> None:
        if self._in_life >= CASES_IN_A_LIFE:
            self._end_life(stage)
        if not stage.is_open:
            stage.open()
            self._in_life = 0
        self._in_life += 1
        began_s = time.monotonic()
        asker = Peer(stage.websocket_port or 0) if self._peer else Agent(stage.port, stage.token)
        turn = Turn(stage, asker, f"case-{case.number}", random.Random(case.seed))
        trouble = ""
        try:
            case.fault.play(turn)
        except Exception as error:  # noqa: BLE001 - what a case could not do is told with it, and the next one goes on
            trouble = f"{type(error).__name__}: {error}"
        evidence = turn.evidence()
        crashed = not stage.is_open
        try:
            stage.back_to_rest()
        except Stuck as error:
            trouble = trouble or f"afterwards: {error}"
            crashed = crashed or not stage.is_open or HANGS in str(error)
            if stage.is_open:
                stage.kill()
        self._unjudged.append(
            {
                "number": case.number,
                "fault": case.fault.name,
                "starts": sum(each["what"] == "start" for each in evidence["asked"]),
                "took_s": round(time.monotonic() - began_s, 2),
                "trouble": trouble,
                "crashed": crashed,
                "evidence": evidence,
            }
        )
        self._played += 1
        self._starts += self._unjudged[-1]["starts"]

    def _end_life(self, stage: Stage) -> None:
        """OBS ends, which frees the job table; what was played is judged and written down."""
        if stage.is_open:
            stage.obs.kill()
        table = {} if self._peer or not self._unjudged else stage.job_table()
        for entry in self._unjudged:
            found = judge(entry["evidence"])
            if not self._peer:
                found += judge_table(entry["evidence"], table)
            self._journal.add({**entry, "found": [each.to_json() for each in found]})
            if found:
                _tell(entry, found)
        self._unjudged.clear()

    def _say(self, done: int, starts: int, deadline_s: float | None) -> None:
        if not sys.stderr.isatty() and self._played % 20:
            return
        each_s = (time.monotonic() - self._began_s) / max(self._starts, 1)
        left_s = max(0, starts - done - self._starts) * each_s
        if deadline_s is not None:
            left_s = min(left_s, deadline_s - time.monotonic())
        last = self._unjudged[-1]["fault"] if self._unjudged else ""
        print(
            f"{done + self._starts:,} of {starts:,} starts, {each_s:.2f} s each, {max(left_s, 0) / 60:.0f} min left"
            f"  {last:40}",
            end="\r" if sys.stderr.isatty() else "\n",
            file=sys.stderr,
            flush=True,
        )


def _tell(entry: dict[str, Any], found: list[Disagreement]) -> None:
    for each in found:
        print(f"case {entry['number']} ({entry['fault']}): {each.kind}: {each.why}", file=sys.stderr, flush=True)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--starts", type=int, default=200, help="how many in all, with those of earlier runs")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="which faults come, and when in a case")
    parser.add_argument("--minutes", type=float, help="end after so long; the same command goes on")
    parser.add_argument("--peer", action="store_true", help="obs-websocket with a polling client instead")
    parser.add_argument(
        "--beside", type=int, default=1, metavar="N", help="N campaigns at once, of this seed and the next"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs of this seed found")
    parser.add_argument("--journal", type=Path, default=HOME, help=f"folder of what was found (default: {HOME})")
    parser.add_argument("--report", action="store_true", help=f"only write {REPORT.name}, of all seeds run here")


def main(options: argparse.Namespace) -> int:
    """0 if no witness disagreed, OBS neither crashed nor hung, and the cases could be played; 2 if they could not,
    DISAGREED if one of the others."""
    if options.report:
        if not any(Journal.seeds(peer, options.journal) for peer in (False, True)):
            print(f"error: {options.journal} has no figures: run a campaign first", file=sys.stderr)
            return 2
        write_report(options.journal)
        return 0
    if reason := obs_missing() or (None if libfiu() else "not installed: libfiu; apt-get install libfiu0"):
        print(f"error: {reason}", file=sys.stderr)
        return 2
    seeds = range(options.seed, options.seed + options.beside)
    journals = [Journal(seed, options.peer, options.journal) for seed in seeds]
    status = _side_by_side(options, seeds) if options.beside > 1 else _alone(options, journals[0])
    by_seed = [[judged_anew(entry) for entry in journal.entries()] for journal in journals]
    entries = [entry for mine in by_seed for entry in mine]
    print(summary(entries))
    if any(says_nothing(mine) for mine in by_seed):
        print("error: too few cases could be played to say anything", file=sys.stderr)
        return status or 2
    wrong = any(entry["found"] or entry["crashed"] for entry in entries)
    return status or (DISAGREED if wrong and not options.peer else 0)


def says_nothing(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether of one seed nothing was started, or more than one case in ten could not be played as meant; of a few
    cases, more than one."""
    unplayed = sum(bool(entry["trouble"]) for entry in entries)
    return not sum(entry["starts"] for entry in entries) or unplayed > max(1, len(entries) // 10)


def _alone(options: argparse.Namespace, journal: Journal) -> int:
    if options.fresh:
        journal.forget()
    seconds = None if options.minutes is None else options.minutes * 60
    Campaign(options.seed, journal, options.peer).run(options.starts, seconds)
    return 0


def _side_by_side(options: argparse.Namespace, seeds: Sequence[int]) -> int:
    """A process for each seed: a case mostly waits, so that several OBS keep one machine busy."""
    shared = ["--journal", str(options.journal), "--starts", str(math.ceil(options.starts / len(seeds)))]
    shared += ["--minutes", str(options.minutes)] if options.minutes is not None else []
    shared += [f"--{name}" for name in ("peer", "fresh") if getattr(options, name)]
    command = [sys.executable, str(TOOLS / "prove.py"), "campaign", *shared]
    running = [subprocess.Popen([*command, "--seed", str(seed)], stdout=subprocess.DEVNULL) for seed in seeds]
    while True:
        try:
            return max((status for each in running if (status := each.wait()) != DISAGREED), default=0)
        except KeyboardInterrupt:
            continue  # it reached them too, and each ends after its case
