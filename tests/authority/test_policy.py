"""What an agent may do: the environment's word, then the streamer's choice on this machine, then the catalogue's."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.authority import policy as policy_module
from clawcraft.authority.policy import ChosenPolicies, Policies
from clawcraft.files import write_atomically
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


class SlowDisk:
    """The first write hangs, once it has begun, until ``answers``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.answers = threading.Event(), threading.Event()

        def slow(path: Path, data: bytes) -> None:
            if not self.begun.is_set():
                self.begun.set()
                assert self.answers.wait(30)
            write_atomically(path, data)

        monkeypatch.setattr(policy_module, "write_atomically", slow)


def test_of_two_threads_that_save_the_later_choice_is_kept_and_choosing_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, disk = ChosenPolicies(tmp_path), SlowDisk(monkeypatch)
    panel, page = (threading.Thread(target=chosen.save) for _ in range(2))
    chosen.choose({TITLE: Policy.ASK})
    panel.start()
    assert disk.begun.wait(30)
    chosen.choose({STOP: Policy.OFF})  # would hang for good, if it waited
    page.start()
    page.join(0.2)  # either done by now, or waiting for the one before it
    disk.answers.set()
    panel.join(30)
    page.join(30)
    again = ChosenPolicies(tmp_path)
    assert (again.get(TITLE), again.get(STOP)) == (Policy.ASK, Policy.OFF)


class SlowMapping(dict[str, Policy]):
    """While one choice is being taken over, another thread makes one too, and comes as far as it can."""

    def __init__(self, choices: Mapping[str, Policy], other: threading.Thread) -> None:
        super().__init__(choices)
        self._other = other

    def keys(self) -> Any:
        if self._other.ident is None:
            self._other.start()
            self._other.join(0.2)  # either done by now, or waiting for the choice before it
        return super().keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


def test_of_two_choices_at_once_both_count(tmp_path: Path) -> None:
    chosen = ChosenPolicies(tmp_path)
    other = threading.Thread(target=lambda: chosen.choose({STOP: Policy.OFF}))
    chosen.choose(SlowMapping({TITLE: Policy.ASK}, other))
    other.join(30)
    assert (chosen.get(TITLE), chosen.get(STOP)) == (Policy.ASK, Policy.OFF)


def test_what_is_kept_already_is_not_written_again_and_what_the_disk_refused_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, path = ChosenPolicies(tmp_path), tmp_path / ChosenPolicies.FILE_NAME
    chosen.choose({TITLE: Policy.OFF})
    path.mkdir()
    chosen.save()
    assert "cannot be written" in chosen.problem
    path.rmdir()
    chosen.save()
    assert chosen.problem == ""
    assert json.loads(path.read_text()) == {TITLE: "off"}
    monkeypatch.setattr(policy_module, "write_atomically", lambda *_: pytest.fail("written again"))
    chosen.save()
