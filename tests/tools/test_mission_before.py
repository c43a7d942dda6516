"""What the mission puts back: what the channel showed before it, never its own."""

from typing import Any

import pytest

from mission_agent import Answer, CheckFailed
from mission_before import Before

TITLE = {"title": "Before", "game_id": "", "game": ""}


class Agent:
    """The service, which does what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def answered(self, action: str, request: str, **args: object) -> Answer:
        self.asked.append({"action": action, **args})
        return Answer({"status": "updated"}, {}, 0.0)


@pytest.fixture
def agent() -> Agent:
    return Agent()


def told(**more: object) -> dict[str, object]:
    return {"status": "updated", "previous": {**TITLE, **more}}


def test_the_first_that_changed_something_counts(agent: Agent) -> None:
    before = Before(agent)  # type: ignore[arg-type]
    for title in ("Before", "Mission check, part 1"):
        before.ask("twitch.set_title")
        before.hear("twitch.set_title", told(title=title), {})
    assert before.put_back() == "title 'Before'"
    assert agent.asked == [{"action": "twitch.set_title", "title": "Before"}]


def test_a_channel_without_a_category_has_none_again(agent: Agent) -> None:
    before = Before(agent)  # type: ignore[arg-type]
    before.ask("twitch.set_game")
    before.hear("twitch.set_game", told(), {})
    before.put_back()
    assert agent.asked == [{"action": "twitch.set_game", "game_id": "0"}]


@pytest.mark.parametrize("code", ["", "timeout", "interrupted"])
def test_after_one_that_may_have_taken_effect_nothing_is_made_up(agent: Agent, code: str) -> None:
    before = Before(agent)  # type: ignore[arg-type]
    before.ask("twitch.set_title")
    if code:  # else it was never heard of
        before.hear("twitch.set_title", None, {"code": code})
    before.ask("twitch.set_title")
    before.hear("twitch.set_title", told(title="Mission check, part 1"), {})
    with pytest.raises(CheckFailed, match="not put back: title"):
        before.put_back()
    assert agent.asked == []


def test_one_that_was_refused_tells_nothing(agent: Agent) -> None:
    before = Before(agent)  # type: ignore[arg-type]
    before.ask("twitch.set_title")
    before.hear("twitch.set_title", None, {"code": "policy_denied"})
    before.ask("twitch.set_title")
    before.hear("twitch.set_title", told(), {})
    before.put_back()
    assert agent.asked == [{"action": "twitch.set_title", "title": "Before"}]
