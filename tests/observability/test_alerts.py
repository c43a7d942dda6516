"""The rules for Prometheus: what they name is there, they mean what they say, and a real Prometheus fires them."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from obs_mock.scenarios import SCENARIOS, Timings
from tests.service.conftest import Studio
from tests.support.paths import TOOLS
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.real_obs import obs_required
from tests.support.tool_client import stored_token
from tests.support.waiting import HANG_S, wait_until

FOLDER = TOOLS / "observability"
RULES = FOLDER / "alerts.yml"
METRIC = re.compile(r"\bclawcraft_\w+")


def require(program: str, package: str = "prometheus") -> str:
    """Where ``program`` is; without it the test is skipped, or fails where everything has to be there."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        (pytest.fail if obs_required() else pytest.skip)(f"not installed: {program}; apt-get install {package}")
    return found


@contextlib.contextmanager
def prometheus_of(folder: Path, port: int) -> Iterator[None]:
    """A real one, as ``prometheus.yml`` in its folder says."""
    options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data")
    process = Process([require("prometheus"), *options, f"--web.listen-address=127.0.0.1:{port}"])
    try:
        process.wait_for_line("Server is ready")
        yield
    finally:
        process.kill()


@pytest.mark.parametrize("file", ["alerts.yml", "dashboard.json"])
def test_every_metric_that_is_watched_is_there(tmp_path: Path, file: str) -> None:
    with Studio(tmp_path) as studio:
        text = studio.client().get("/metrics").text
    there = {name.removesuffix("_total") for name in re.findall(r"# TYPE (\w+)", text)}
    parts = re.compile("_(count|sum|bucket|total|created)$")
    watched = {parts.sub("", name) for name in METRIC.findall((FOLDER / file).read_text("utf-8"))}
    assert watched
    assert watched <= there


def test_the_rules_mean_what_they_say() -> None:
    promtool = require("promtool")
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, timeout=HANG_S)
        assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """A real one over the rules as they are shipped, with seconds for minutes."""

    def __init__(self, folder: Path, service_port: int) -> None:
        self._folder = folder
        self._port = free_port()
        config = (FOLDER / "prometheus.yml").read_text("utf-8")
        config = config.replace("127.0.0.1:3040", f"127.0.0.1:{service_port}").replace("15s", "1s")
        rules = re.sub(r"\b(for: )\w+", r"\g<1>0s", RULES.read_text("utf-8"))
        rules = re.sub(r"time\(\) - \d+", "time() - 30", rules)  # a busy machine may scrape late
        (folder / "alerts.yml").write_text(re.sub(r"(?<=[\[ ])\d+m\b", "5s", rules), "utf-8")
        (folder / "prometheus.yml").write_text(config, "utf-8")
        self.trust("none yet")

    def trust(self, token: str) -> None:
        (self._folder / "token").write_text(token, "utf-8")

    def running(self) -> contextlib.AbstractContextManager[None]:
        return prometheus_of(self._folder, self._port)

    def fires(self, name: str) -> bool:
        answer = requests.get(f"http://127.0.0.1:{self._port}/api/v1/alerts", timeout=HANG_S)
        alerts: list[dict[str, Any]] = answer.json()["data"]["alerts"]
        return any(alert["labels"]["alertname"] == name and alert["state"] == "firing" for alert in alerts)


def test_a_real_prometheus_fires_and_recovers(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "home", Timings().scaled(0.05), "refused_key")
    prometheus = Prometheus(tmp_path, studio.port)
    with prometheus.running(), studio:
        client = studio.client()
        prometheus.trust(stored_token(studio.folder))
        wait_until(lambda: not prometheus.fires("ClawcraftDown"), "the service is seen")
        assert client.run("twitch.start_stream", "refused")["status"] == "failed"
        wait_until(lambda: prometheus.fires("ClawcraftJobFailed"), "the failed start is told")
        wait_until(lambda: not prometheus.fires("ClawcraftJobFailed"), "after a while it is over")
        studio.obs.meet(SCENARIOS["good"].but(retries_fail=None), "good")
        assert client.run("twitch.start_stream", "drops")["status"] == "done"
        studio.obs.disconnect()
        wait_until(lambda: prometheus.fires("ClawcraftStreamDropped"), "the drop is told")
        assert client.run("twitch.start_stream", "again")["status"] == "done"
        wait_until(lambda: not prometheus.fires("ClawcraftStreamDropped"), "the next start ends it")
        studio.obs.stop()
        wait_until(lambda: prometheus.fires("ClawcraftDown"), "a closed OBS is told")
