"""What the streamer paused or switched off is refused before anything else; a rate only counts what would run."""

from pathlib import Path

import pytest

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.authority.guard import Guard
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies, Policies
from clawcraft.clock import rfc3339
from clawcraft.errors import ActionDisabled, PausedByOperator
from clawcraft.settings import Settings
from tests.support.agents import no_agents
from tests.support.clock import ManualClock
from tests.support.job_rig import CONTRACT, LimiterDouble, envelope
from tests.support.settings import make_settings

TITLE = "twitch.set_title"


class Rig:
    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.pause = PauseSwitch(folder, clock)
        self.limiter = LimiterDouble()
        self.settings: Settings = make_settings()
        policies = Policies(ChosenPolicies(folder), lambda: self.settings, no_agents())
        rails = GuardRails(lambda: self.settings, clock, CONTRACT.texts, AgentStarts(clock))
        self.guard = Guard(self.pause, self.limiter, policies, rails)


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Rig:
    return Rig(tmp_path, clock)


def test_a_pause_refuses_everything_and_says_since_when(rig: Rig, clock: ManualClock) -> None:
    rig.guard.check(envelope(TITLE))
    rig.pause.pause(survive_restart=False)
    rig.settings = make_settings(disabled_actions=(TITLE,))
    with pytest.raises(PausedByOperator) as refused:
        rig.guard.check(envelope(TITLE))
    assert refused.value.details["since"] == rfc3339(clock.now_s)
    rig.pause.resume()
    with pytest.raises(ActionDisabled, match=TITLE):
        rig.guard.check(envelope(TITLE))
    rig.guard.check(envelope("twitch.set_game"))
    rig.settings = make_settings()
    rig.guard.check(envelope(TITLE))
    assert rig.limiter.taken == []


def test_what_is_admitted_counts_against_its_rate(rig: Rig) -> None:
    rig.guard.admit(BY_NAME[TITLE], "")
    assert rig.limiter.taken == [TITLE]
