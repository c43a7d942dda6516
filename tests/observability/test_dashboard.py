"""The dashboard for Grafana: Grafana's own model knows all of it, and a real Prometheus understands every query."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.observability.test_alerts import prometheus_of
from tests.support.paths import TOOLS
from tests.support.ports import free_port
from tests.support.waiting import HANG_S

DASHBOARD: dict[str, Any] = json.loads((TOOLS / "observability" / "dashboard.json").read_text("utf-8"))
NEWER = re.compile(r"\.panels\[\d+\]\.options\.(wideLayout|showPercentChange|percentChangeColorMode)")
"""What Grafana 11 wants of a Stat panel, and the model of Grafana 10 does not know yet."""
VARIABLES = {"$job": "twitch-clawcraft", "$__rate_interval": "1m"}


def queries() -> list[str]:
    return [str(target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


def lost(asked: Any, known: Any, path: str = "") -> Iterator[str]:
    """Where ``known`` has not what ``asked`` has."""
    if isinstance(asked, dict):
        for name, value in asked.items():
            if not isinstance(known, dict) or name not in known:
                yield f"{path}.{name}"
            else:
                yield from lost(value, known[name], f"{path}.{name}")
    elif isinstance(asked, list):
        if not isinstance(known, list) or len(asked) != len(known):
            yield path
            return
        for index, (one, other) in enumerate(zip(asked, known, strict=True)):
            yield from lost(one, other, f"{path}[{index}]")
    elif asked != known:
        yield f"{path}: {asked!r}, not {known!r}"


def test_grafanas_own_model_knows_all_of_it() -> None:
    plugins.register_default_plugins()
    known = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert [path for path in lost(DASHBOARD, known) if not NEWER.fullmatch(path)] == []
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_panel_covers_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_a_real_prometheus_understands_every_query(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("global: {}\n")  # it watches nothing
    port = free_port()
    with prometheus_of(tmp_path, port):
        for query in queries():
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            answer = requests.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=HANG_S)
            assert answer.status_code == 200, (query, answer.text)
