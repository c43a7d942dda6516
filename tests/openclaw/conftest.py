"""The parts of a show behind a real OpenClaw gateway, each started once per module."""

import os
from collections.abc import Iterator

import pytest

from tests.support.openclaw_gateway import installation
from tests.support.scripted_model import ScriptedModel


@pytest.fixture(scope="session")
def openclaw_installed() -> None:
    if os.environ.get("CLAWCRAFT_OPENCLAW") != "1":
        pytest.skip("the OpenClaw gateway is 800 MB: only with tools/test.py --openclaw")
    installation()


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model
