"""Random requests made of ``/openapi.json``: each answer is of the contract, and what is refused does nothing."""

import pytest

from proving.attack.random_requests import fuzz


@pytest.mark.timeout(900)
def test_random_requests_get_answers_of_the_contract_and_refused_ones_do_nothing() -> None:
    fuzzed = fuzz(400, seed=1)
    assert fuzzed.found == 0, fuzzed.report()
    assert fuzzed.violations == ()
    assert fuzzed.cases > 300
