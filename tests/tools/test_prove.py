"""The model of who may put the stream on air: no order of events breaks a promise, and each old fault does."""

import shutil

import pytest

from proving.model.run import FAULTS
from tests.support.real_obs import obs_required
from tests.support.tool import tool


@pytest.mark.timeout(900)
def test_no_order_of_events_breaks_a_promise_and_every_old_fault_does() -> None:
    if shutil.which("spin") is None or shutil.which("gcc") is None:
        (pytest.fail if obs_required() else pytest.skip)("not installed: apt-get install spin gcc")
    done = tool("prove.py", "model", "--quick", within_s=850)
    assert done.returncode == 0, done.stdout + done.stderr
    as_it_is, *faults = done.stdout.splitlines()
    assert "nothing broken" in as_it_is
    assert len(faults) == len(FAULTS)
