"""Random requests made of ``/openapi.json``, by schemathesis, and what may never come back.

Runs in an environment of its own (requirements-schemathesis.txt) and ends with its report as JSON on stdout.

The service's address, its token and the witness's address are in the environment; the number of requests and the seed
are the arguments.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance]
DECLARED_5XX = (502, 503, 504)
"""Twitch refuses, or a queue is full: with a code of the contract. A 500 is a defect."""
SAID_EACH_S = 15.0


def main(cases: int, seed: int) -> dict[str, Any]:
    url, token, witness = (os.environ[name] for name in ("FUZZ_URL", "FUZZ_TOKEN", "FUZZ_WITNESS"))
    session = requests.Session()
    session.trust_env = False
    document = session.get(f"{url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    # Most of what can go wrong is in a request to act.
    weights = {"/tools/execute": 12}
    shares = [weights.get(operation.path, 1) for operation in operations]
    statuses: Counter[str] = Counter()
    findings: list[str] = []
    effects = [session.get(witness).text]
    begun = said = time.monotonic()

    def once(case: Any) -> None:
        nonlocal said
        headers = {**dict(case.headers or {}), "Authorization": f"Bearer {token}"}
        if isinstance(case.query, dict) and isinstance(case.query.get("wait"), int | float):
            case.query["wait"] = min(case.query["wait"], 0.01)  # nothing would happen while it waits
        case.headers = {name: value for name, value in headers.items() if name.lower() not in ("host", "origin")}
        try:
            answer = case.call(base_url=url, session=session, timeout=60)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            statuses["cannot be sent"] += 1
            return
        statuses[f"{case.operation.path} {answer.status_code}"] += 1
        if time.monotonic() - said > SAID_EACH_S:
            said = time.monotonic()
            done = statuses.total()
            print(f"{done} of {cases}, {done / (said - begun):.0f} a second", file=sys.stderr, flush=True)
        if answer.status_code >= 500 and answer.status_code not in DECLARED_5XX:
            findings.append(f"{answer.status_code}: {case.as_curl_command()}")
        try:
            case.validate_response(answer, checks=CHECKS)
        except BaseExceptionGroup as failures:  # which is no Exception here
            findings.extend(f"{case.as_curl_command()}\n{failure}" for failure in failures.exceptions)
        if answer.status_code == 202 and case.operation.path == "/tools/execute":
            job = answer.json()["result"]["job_id"]
            session.get(f"{url}/tools/jobs/{job}?wait=30", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        if case.operation.method.upper() == "POST":
            now = session.get(witness).text
            if 400 <= answer.status_code < 500 and now != effects[0]:
                findings.append(f"refused with {answer.status_code}, and took effect: {case.as_curl_command()}")
            effects[0] = now

    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    for number, (operation, share) in enumerate(zip(operations, shares, strict=True)):
        for mode in modes:
            wanted = max(1, cases * share // (len(modes) * sum(shares)))
            play(operation.as_strategy(generation_mode=mode), wanted, seed + number, once)
    return {"cases": statuses.total(), "statuses": statuses, "findings": findings[:50], "found": len(findings)}


def play(strategy: Any, wanted: int, seed: int, once: Any) -> None:
    settings = hypothesis.settings(
        max_examples=wanted,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    @hypothesis.seed(seed)
    @settings
    @hypothesis.given(case=strategy)
    def run(case: Any) -> None:
        once(case)

    with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # an operation without anything to be wrong about
        run()


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
