"""What a failure's report needs to be understood where nobody can look at the machine any more."""

from collections.abc import Generator

import pytest

from tests.support.process import Process

LINES = 40


class Evidence:
    """A pytest plugin: a report of a failure tells what each program that the test runs said last."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        Process.forget_ended()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            report.sections += [(f"last of {name}", text) for name, text in Process.evidence(LINES)]
        return report
