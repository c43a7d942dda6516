"""Guard rails: off by default, and each refuses what is beyond it and nothing else."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.authority.guard_rails import RAID, GuardRails, TextKind
from clawcraft.clock import rfc3339
from clawcraft.errors import RefusedByGuardRail
from clawcraft.hours import Hours, parse_hours
from clawcraft.settings import RAIL_NAMES, SETTINGS, Settings
from tests.support.clock import ManualClock
from tests.support.examples import EXAMPLES
from tests.support.job_rig import CONTRACT, finished, open_store, start
from tests.support.settings import make_settings

START, TITLE, CHAT = "twitch.start_stream", "twitch.set_title", "twitch.post_chat_message"
SWITCH = "obs.switch_scene"


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.settings: Settings = make_settings()
        self.starts = AgentStarts(self.clock)
        self.rails = GuardRails(lambda: self.settings, self.clock, CONTRACT.texts, self.starts)

    def set(self, **changes: Any) -> None:
        self.settings = make_settings(**changes)

    def refusal(self, check: Callable[..., None], *args: Any) -> RefusedByGuardRail:
        with pytest.raises(RefusedByGuardRail) as refused:
            check(*args)
        assert refused.value.status == 403
        assert not refused.value.retryable
        assert refused.value.details["setting"] in RAIL_NAMES
        return refused.value

    def at(self, local: str) -> None:
        """Turn the wall clock to this local time of the machine."""
        self.clock.now_s = datetime.fromisoformat(local).timestamp()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_each_is_off_by_default(rig: Rig) -> None:
    assert [row.default for row in SETTINGS if row.rail] == [0, "", 0, "", "", False, ""]
    for hour in range(24):
        rig.at(f"2026-03-03T{hour:02d}:30")
        for action in ACTIONS:
            if action.name in (RAID, SWITCH):  # which are possible nowhere until the streamer says where
                continue
            rig.rails.check(action.name, {**EXAMPLES[action.name], "obs_scene": "Any"})
            rig.rails.check_time(action.name)
    assert {value for value in rig.rails.status().values() if value} == set()


def test_a_start_outside_the_hours_is_refused_and_told_when_the_next_may_be(rig: Rig) -> None:
    rig.set(start_hours=parse_hours("18:00-02:00"))
    for local in ("2026-03-03T18:00:00", "2026-03-03T23:59:59", "2026-03-04T00:00:00", "2026-03-04T01:59:59"):
        rig.at(local)
        rig.rails.check_time(START)
    for local in ("2026-03-04T02:00:00", "2026-03-04T17:59:59"):
        rig.at(local)
        error = rig.refusal(rig.rails.check_time, START)
        assert error.details["rail"] == "start_hours"
        assert error.details["next_start_at"] == rfc3339(datetime.fromisoformat("2026-03-04T18:00").timestamp())
        assert "18:00" in error.hint
        assert rig.rails.status()["next_start_at"] == error.details["next_start_at"]
    for action in ACTIONS:
        if action.name != START:
            rig.rails.check_time(action.name)


def test_only_so_many_starts_an_hour_and_the_next_when_the_oldest_is_an_hour_old(rig: Rig, tmp_path: Path) -> None:
    rig.set(starts_per_hour=2)
    store = open_store(tmp_path, rig.clock, on_transition=rig.starts.note)
    first_s = rig.clock.now_s
    for number in range(2):
        rig.rails.check_time(START)
        finished(store, start(f"r{number}"))
        rig.clock.advance(60)
    error = rig.refusal(rig.rails.check_time, START)
    assert error.details["next_start_at"] == rfc3339(first_s + 3600)
    assert "in 58 minutes" in error.hint
    rig.clock.advance(3600 - 121)
    rig.refusal(rig.rails.check_time, START)
    rig.clock.advance(1)
    rig.rails.check_time(START)
    store.close()


def test_what_was_started_in_the_life_before_counts_too(rig: Rig, tmp_path: Path) -> None:
    store = open_store(tmp_path, rig.clock)
    finished(store, start("r"))
    store.close()
    rig.set(starts_per_hour=1)
    store = open_store(tmp_path, rig.clock)
    rig.starts.recall(store)
    rig.refusal(rig.rails.check_time, START)
    assert rig.rails.status()["starts_in_last_hour"] == 1
    store.close()


def test_an_agent_may_show_the_scenes_that_are_listed_and_the_scene_at_start(rig: Rig) -> None:
    rig.set(allowed_scenes=("Game, wide", "Chat"), default_scene="Intro")
    for scene in ("Game, wide", "Chat", "Intro"):
        rig.rails.check(START, {"obs_scene": scene})
    rig.rails.check(START, {})
    error = rig.refusal(rig.rails.check, START, {"obs_scene": "game, wide"})
    assert error.details["allowed"] == ["Game, wide", "Chat"]


def test_an_agent_may_switch_to_the_scenes_that_are_listed_and_without_a_list_to_none(rig: Rig) -> None:
    unlisted = rig.refusal(rig.rails.check, SWITCH, {"obs_scene": "Chat"})
    assert (unlisted.details["setting"], unlisted.details["allowed"]) == ("TOOL_ALLOWED_SCENES", [])
    assert "TOOL_ALLOWED_SCENES" in unlisted.hint
    rig.set(allowed_scenes=("Game, wide", "Chat"), default_scene="Intro")
    rig.rails.check(SWITCH, {"obs_scene": "Chat"})
    for scene in ("Intro", "chat"):
        assert rig.refusal(rig.rails.check, SWITCH, {"obs_scene": scene}).details["allowed"] == ["Game, wide", "Chat"]


@pytest.mark.parametrize(("action", "name"), [(START, "title"), (TITLE, "title"), (CHAT, "message")])
def test_refused_words_and_links_are_looked_for_in_what_viewers_read(rig: Rig, action: str, name: str) -> None:
    rig.set(refused_words=("heck",), refuse_links=True)
    word = rig.refusal(rig.rails.check, action, {name: "oh H.e.c.k"})
    assert (word.details["rail"], word.details["argument"], word.details["word"]) == ("refused_words", name, "heck")
    link = rig.refusal(rig.rails.check, action, {name: "see example.com/x now"})
    assert (link.details["rail"], link.details["link"]) == ("refuse_links", "example.com/x")
    rig.rails.check(action, {name: "a checked text. Nothing else"})


def test_names_of_scenes_and_categories_and_what_nobody_reads_may_have_any_words(rig: Rig) -> None:
    rig.set(refused_words=("heck", "agar"), refuse_links=True)
    rig.rails.check(START, {"obs_scene": "heck.com", "game": "Agar.io"})
    rig.rails.check("twitch.stop_stream", {"reason": "heck, see example.com"})


def test_each_text_argument_is_for_viewers_unless_its_schema_says_otherwise() -> None:
    said = {
        (action, name): kind
        for action, texts in CONTRACT.texts.items()
        for name, kind in texts.items()
        if kind is not TextKind.FOR_VIEWERS
    }
    assert said == {
        ("twitch.start_stream", "game"): TextKind.CATEGORY,
        ("twitch.start_stream", "obs_scene"): TextKind.SCENE,
        ("twitch.set_game", "game"): TextKind.CATEGORY,
        ("twitch.stop_stream", "reason"): TextKind.PRIVATE,
        (SWITCH, "obs_scene"): TextKind.LISTED_SCENE,
    }
    assert CONTRACT.texts["twitch.run_ad"] == {}


def test_an_agent_may_raid_the_channels_that_are_listed_and_no_other(rig: Rig) -> None:
    nowhere = rig.refusal(rig.rails.check, RAID, {"target": "friendlyneighbour"})
    assert "no raid is possible" in nowhere.message
    assert (nowhere.details["setting"], nowhere.details["allowed"]) == ("TWITCH_RAID_TARGETS", [])
    rig.set(raid_targets=("friendlyneighbour",))
    rig.rails.check(RAID, {"target": "FriendlyNeighbour"})
    other = rig.refusal(rig.rails.check, RAID, {"target": "stranger"})
    assert (other.details["target"], other.details["allowed"]) == ("stranger", ["friendlyneighbour"])


@pytest.mark.parametrize("action", ["create_marker", "set_tags", "announce", "create_poll"])
def test_each_text_of_the_later_actions_is_looked_at(rig: Rig, action: str) -> None:
    rig.set(refused_words=("heck",))
    args = EXAMPLES[f"twitch.{action}"]
    for name in CONTRACT.texts[f"twitch.{action}"]:
        bad: Any = ["fine", "heck"] if isinstance(args[name], list) else "oh heck"
        error = rig.refusal(rig.rails.check, f"twitch.{action}", {**args, name: bad})
        assert error.details["argument"] == name


def test_the_status_tells_what_is_in_force_and_no_word(rig: Rig) -> None:
    rig.at("2026-03-03T01:30")
    rig.set(start_hours=Hours(60, 120), starts_per_hour=3, allowed_scenes=("A",), refused_words=("heck",))
    assert rig.rails.status() == {
        "next_start_at": None,
        "start_hours": "01:00-02:00",
        "starts_per_hour": 3,
        "starts_in_last_hour": 0,
        "allowed_scenes": ["A"],
        "refuses_words": True,
        "refuses_links": False,
    }
