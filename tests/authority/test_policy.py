"""What an agent may do: the environment's word, then the streamer's choice on this machine, then the catalogue's."""

from pathlib import Path

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.authority.policy import ChosenPolicies, Policies
from tests.support.agents import no_agents
from tests.support.settings import make_settings

TITLE, CLIP, STOP = "twitch.set_title", "twitch.create_clip", "twitch.stop_stream"


def test_the_environment_counts_before_the_choice_and_that_before_the_default(tmp_path: Path) -> None:
    chosen = ChosenPolicies(tmp_path)
    settings = make_settings(action_policies={TITLE: Policy.ASK}, disabled_actions=(CLIP,))
    policies = Policies(chosen, lambda: settings, no_agents())
    chosen.choose(dict.fromkeys((TITLE, CLIP, STOP), Policy.ALLOW) | {"twitch.set_game": Policy.OFF})
    assert policies.of(TITLE, "") is Policy.ASK
    assert policies.of(CLIP, "") is Policy.OFF
    assert policies.of("twitch.set_game", "") is Policy.OFF
    defaults = {action.name: action.policy for action in ACTIONS}
    assert policies.all() == {**defaults, TITLE: Policy.ASK, CLIP: Policy.OFF, "twitch.set_game": Policy.OFF}


def test_a_choice_is_told_at_once_and_outlives_obs_once_saved(tmp_path: Path) -> None:
    chosen = ChosenPolicies(tmp_path / "made when needed")
    told: list[Policy | None] = []
    chosen.tell(lambda: told.append(chosen.get(TITLE)))
    chosen.choose({TITLE: Policy.ASK})
    assert told == [Policy.ASK]
    chosen.save()
    assert chosen.problem == ""
    again = ChosenPolicies(tmp_path / "made when needed")
    assert (again.get(TITLE), again.get(CLIP)) == (Policy.ASK, None)


def test_a_damaged_file_forbids_all_but_the_stop_until_the_streamer_chooses(tmp_path: Path) -> None:
    (tmp_path / ChosenPolicies.FILE_NAME).write_text('{"twitch.set_title": "perhaps"}')
    chosen = ChosenPolicies(tmp_path)
    assert "choose in Actions" in chosen.problem
    assert {action.name for action in ACTIONS if chosen.get(action.name) is not Policy.OFF} == {STOP}
    chosen.choose({TITLE: Policy.ALLOW})
    chosen.save()
    assert chosen.problem == ""
    assert ChosenPolicies(tmp_path).get(TITLE) is Policy.ALLOW


def test_a_disk_that_takes_no_choice_is_told_and_the_choice_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    chosen = ChosenPolicies(tmp_path / "file")
    chosen.choose({TITLE: Policy.OFF})
    chosen.save()
    assert "cannot be written" in chosen.problem
    assert chosen.get(TITLE) is Policy.OFF
