"""The pause switch: it acts at once, outlives a restart only if the streamer chose so, and errs towards paused."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clawcraft.authority.pause import PAUSES, PauseSwitch
from clawcraft.clock import rfc3339
from tests.support.clock import ManualClock


def test_it_is_off_at_first_and_says_since_when_it_is_on(tmp_path: Path, clock: ManualClock) -> None:
    switch = PauseSwitch(tmp_path, clock)
    assert switch.status() == {"paused": False, "since": None, "survives_restart": False}
    begun_s = clock.now_s
    switch.pause(survive_restart=False)
    clock.advance(10)
    switch.pause(survive_restart=False)  # a second press does not begin it anew
    assert switch.paused
    assert switch.status() == {"paused": True, "since": rfc3339(begun_s), "survives_restart": False}
    switch.resume()
    assert not switch.paused
    assert switch.status()["since"] is None


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """OBS ends, and another one begins; with the same number, as in a Flatpak, where it is always the same."""
    return lambda: monkeypatch.delitem(vars(sys), PAUSES, raising=False)


@pytest.mark.parametrize("survive", [True, False])
def test_it_survives_a_reload_of_the_script_in_any_case(tmp_path: Path, clock: ManualClock, survive: bool) -> None:
    switch = PauseSwitch(tmp_path, clock)
    switch.pause(survive_restart=survive)
    clock.advance(3600)
    again = PauseSwitch(tmp_path, clock)
    assert again.status() == switch.status()
    again.resume()
    assert not PauseSwitch(tmp_path, clock).paused
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("survive", [True, False])
def test_no_other_obs_with_the_same_folder_ends_it(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, survive: bool
) -> None:
    PauseSwitch(tmp_path, clock).pause(survive_restart=survive)
    with monkeypatch.context() as other_process:
        other_process.delitem(vars(sys), PAUSES, raising=False)
        other = PauseSwitch(tmp_path, clock)
        assert other.paused is survive
        other.pause(survive_restart=False)
        other.resume()
    reloaded = PauseSwitch(tmp_path, clock)
    assert reloaded.paused
    reloaded.resume()
    assert not PauseSwitch(tmp_path, clock).paused


@pytest.mark.parametrize("survive", [True, False])
def test_it_survives_a_restart_only_if_chosen(
    tmp_path: Path, clock: ManualClock, restart: Callable[[], None], survive: bool
) -> None:
    switch = PauseSwitch(tmp_path / "data", clock)
    switch.pause(survive_restart=survive)
    before = switch.status()
    clock.advance(3600)
    restart()
    after = PauseSwitch(tmp_path / "data", clock).status()
    assert after == (before if survive else {"paused": False, "since": None, "survives_restart": False})
    assert before["survives_restart"] is survive


def test_choosing_otherwise_while_paused_changes_only_that(
    tmp_path: Path, clock: ManualClock, restart: Callable[[], None]
) -> None:
    switch = PauseSwitch(tmp_path, clock)
    switch.pause(survive_restart=True)
    switch.pause(survive_restart=False)
    assert switch.paused
    restart()
    assert not PauseSwitch(tmp_path, clock).paused


@pytest.mark.parametrize("content", [b"", b"yesterday", b"\xff\xfe", b"nan", b"1e400", b"-1e300"])
def test_a_damaged_file_still_pauses(tmp_path: Path, clock: ManualClock, content: bytes) -> None:
    (tmp_path / PauseSwitch.FILE_NAME).write_bytes(content)
    assert PauseSwitch(tmp_path, clock).status() == {
        "paused": True,
        "since": rfc3339(clock.now_s),
        "survives_restart": True,
    }


def test_a_pause_that_cannot_be_kept_still_pauses_and_says_so(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("not a folder")
    switch = PauseSwitch(tmp_path / "file", clock)
    with pytest.raises(OSError, match="file"):
        switch.pause(survive_restart=True)
    assert switch.status() == {"paused": True, "since": rfc3339(clock.now_s), "survives_restart": False}


def test_a_pause_that_is_not_to_be_kept_needs_no_disk(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("not a folder")
    PauseSwitch(tmp_path / "file", clock).pause(survive_restart=False)
    reloaded = PauseSwitch(tmp_path / "file", clock)
    assert reloaded.paused
    reloaded.resume()
    assert not PauseSwitch(tmp_path / "file", clock).paused


def test_a_failed_write_leaves_no_litter(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / PauseSwitch.FILE_NAME).mkdir()
    switch = PauseSwitch(tmp_path, clock)
    assert switch.paused
    with pytest.raises(OSError, match="paused"):
        switch.pause(survive_restart=True)
    assert [path.name for path in tmp_path.iterdir()] == [PauseSwitch.FILE_NAME]


class BusyClock(ManualClock):
    """While a pause asks it for the time, somebody else presses too, and has come as far as it can."""

    def __init__(self, press: Callable[[], object]) -> None:
        super().__init__()
        self.other = threading.Thread(target=press)

    def time(self) -> float:
        if self.other.ident is None:
            self.other.start()
            self.other.join(0.2)  # either done by now, or waiting for the press before it
        return super().time()


def test_of_two_presses_at_once_one_pauses_and_the_other_resumes(tmp_path: Path) -> None:
    clock = BusyClock(lambda: switch.toggle(survive_restart=True))
    switch = PauseSwitch(tmp_path, clock)
    assert switch.toggle(survive_restart=True) is True
    clock.other.join()
    assert not switch.paused
    assert not PauseSwitch(tmp_path, clock).paused


def test_a_toggle_says_what_it_came_to_and_is_kept(tmp_path: Path, clock: ManualClock) -> None:
    switch = PauseSwitch(tmp_path, clock)
    assert [switch.toggle(survive_restart=True) for _ in range(3)] == [True, False, True]
    assert PauseSwitch(tmp_path, clock).paused


def test_whoever_is_told_of_a_pause_sees_it_on_any_thread(tmp_path: Path, clock: ManualClock) -> None:
    seen = []
    with ThreadPoolExecutor(1) as other:
        switch = PauseSwitch(tmp_path, clock)
        switch.tell(lambda *_told: seen.append(other.submit(lambda: switch.status()["paused"]).result(5)))
        switch.toggle(survive_restart=False)
    assert seen == [True]


def test_who_comes_later_is_told_of_what_nobody_has_heard(tmp_path: Path, clock: ManualClock) -> None:
    switch, first, second = PauseSwitch(tmp_path, clock), list[bool](), list[bool]()
    for _ in range(3):
        switch.toggle(survive_restart=False)
    switch.tell(first.append)
    assert first == [True, False, True]
    switch.resume()
    switch.tell(second.append)
    switch.pause(survive_restart=False)
    assert (first, second) == ([True, False, True, False], [True])


def test_a_pause_of_the_life_before_is_nothing_new(tmp_path: Path, clock: ManualClock) -> None:
    PauseSwitch(tmp_path, clock).pause(survive_restart=True)
    told: list[bool] = []
    PauseSwitch(tmp_path, clock).tell(told.append)
    assert told == []
