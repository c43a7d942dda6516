"""The soak itself: an OBS, real or fake, its load, a start and a stop in each cycle, and a look at the end of each."""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clawcraft.authority.audit_entries import FILE_NAME as AUDIT
from clawcraft.clock import SystemClock
from clawcraft.jobs.store import FILE_NAME as JOBS
from clawcraft.operator.pages import PairedPages
from clawcraft.secrets import SecretStore
from proving.page import BEGIN, END, put_figures
from proving.soak.alone import ObsAlone
from proving.soak.load import ASKED, Load, run_job
from proving.soak.process import Sample, sample
from proving.soak.report import Soak, markdown, svg
from proving.soak.slopes import lines
from tests.support import studio
from tests.support.paths import data_folder
from tests.support.real_obs import obs_missing
from tests.support.show import Show
from tests.support.tool_client import ToolClient, stored_token
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim

CYCLE_S: Final = 20.0
RATE_PER_S: Final = 200
_TWICE: Final = "-wal"
_SETTINGS: Final = {
    "TOOL_ACTION_POLICY": f"{ASKED}=ask",
    "TWITCH_EVENTS": "chat,stream",
    "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000",
}


@dataclass(frozen=True, slots=True)
class Running:
    """An OBS with the service, and the local Twitch beside it."""

    where: str
    pid: int
    port: int
    token: str
    page_token: str
    folder: Path
    twitch: TwitchSim
    alone: ObsAlone | None = None

    @property
    def databases(self) -> list[Path]:
        return [self.folder / f"{name}{end}" for name in (JOBS, AUDIT) for end in ("", _TWICE)]


@contextlib.contextmanager
def real_obs(folder: Path) -> Iterator[Running]:
    with TwitchSim() as twitch:
        show = Show(folder / "show", {**twitch.environment(), **_SETTINGS})
        show.obs_home = show.obs_home.small()
        page_token = _paired(data_folder(show.config))
        with show, ObsAlone(folder / "alone") as alone:
            where = f"OBS {show.client.status()['obs']['version']}"
            token = stored_token(show.config)
            yield Running(where, show.obs.pid, show.port, token, page_token, show.data_dir, twitch, alone)


@contextlib.contextmanager
def fake_obs(folder: Path) -> Iterator[Running]:
    page_token = _paired(data_folder(folder))
    with studio.Studio(folder, _SETTINGS) as running:
        assert running.twitch is not None
        twitch, data = running.twitch, data_folder(folder)
        yield Running("fake OBS", running.pid, running.port, studio.TOKEN, page_token, data, twitch)


def _paired(data: Path) -> str:
    """The operator page's cookie, of before the service starts: nobody is there to read the code in the panel."""
    return PairedPages(SecretStore(data), SystemClock()).add("soak").reveal()


def soak(obs: Running, length_s: float, rate_per_s: int) -> Soak:
    """Whole cycles, for about ``length_s``."""
    agent = ToolClient(obs.port, obs.token, "starter")
    wait_until(lambda: agent.status()["events"]["connected"], "EventSub is connected")
    load = Load(obs.port, obs.token, obs.page_token, obs.twitch, rate_per_s)
    samples: list[Sample] = []
    load.begin()
    began_s = time.monotonic()
    cycles = 0
    try:
        while (now_s := time.monotonic() - began_s) < length_s - CYCLE_S / 2:
            run_job(agent, load.tally, "twitch.start_stream", f"soak-start-{cycles}")
            if obs.alone:
                obs.alone.start()
            _sleep_until(began_s + now_s + CYCLE_S / 2)
            run_job(agent, load.tally, "twitch.stop_stream", f"soak-stop-{cycles}")
            if obs.alone:
                obs.alone.stop()
            cycles += 1
            _sleep_until(began_s + now_s + CYCLE_S - 1.5)
            alone = obs.alone.pid if obs.alone else None
            samples.append(sample(obs.pid, obs.databases, time.monotonic() - began_s, alone))
            _tell(samples[-1], load.tally.done, load.tally.failures)
            _sleep_until(began_s + now_s + CYCLE_S)
        took_s = time.monotonic() - began_s
    finally:
        load.end()
        agent.close()
    tally = load.tally
    found = lines(samples, took_s)
    return Soak(obs.where, took_s, rate_per_s, tally.done, cycles, tally.failures, samples, found)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30.0, help="how long, at least 2")
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--fake", action="store_true", help="in the fake OBS")
    parser.add_argument("--report", type=Path, help="a folder for the table and the plot")


def main(options: argparse.Namespace) -> int:
    """0 if nothing failed and every bound is kept."""
    if not options.fake and (reason := obs_missing()):
        print(f"error: {reason}", file=sys.stderr)
        return 2
    return run(options.minutes, options.rate, fake=options.fake, report=options.report)


def run(minutes: float, rate_per_s: int, *, fake: bool, report: Path | None) -> int:
    """0 if nothing failed and every bound is kept."""
    with tempfile.TemporaryDirectory() as folder, fake_obs(Path(folder)) if fake else real_obs(Path(folder)) as obs:
        done = soak(obs, minutes * 60, rate_per_s)
    print(markdown(done, "soak.svg"))
    for failure in done.failures[:20]:
        print(failure)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
        (report / "soak.svg").write_text(svg(done), "utf-8")
        page, figures = report / "soak.md", markdown(done, "soak.svg")
        if page.exists():
            put_figures(page, figures)
        else:
            page.write_text(f"# Soak\n\n{BEGIN}{figures}{END}", "utf-8")
    return int(bool(done.broken))


def _tell(now: Sample, requests: int, failures: Sequence[str]) -> None:
    print(
        f"{now.at_s:6.0f} s  {requests:8,} requests  {len(failures)} failed  {now.memory_mb:7.2f} MB "
        f"({now.alone_mb:.2f} MB without the script)  "
        f"{now.threads:3.0f} threads  {now.handles:3.0f} handles  database {now.database_mb:6.2f} MB",
        flush=True,
    )


def _sleep_until(monotonic_s: float) -> None:
    time.sleep(max(0.0, monotonic_s - time.monotonic()))
