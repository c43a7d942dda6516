"""What goes wrong: each fault by its name, how often it comes, and how it is played. The order of a campaign's faults
is a matter of its seed alone."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from proving.campaign.link import SILENT, Ending, Way
from proving.campaign.stage import DISK_ERRORS
from proving.campaign.turn import Turn

HANDSHAKE_BYTES: Final = 3_500
"""Until here OBS and the server greet each other and agree on the stream; the rest is media."""


@dataclass(frozen=True)
class Fault:
    """``of_service`` is what the peer has no such thing of."""

    name: str
    play: Callable[[Turn], object]
    weight: int = 4
    of_service: bool = False


@dataclass(frozen=True)
class Case:
    number: int
    fault: Fault
    seed: str


def cases(seed: int, peer: bool = False) -> "Cases":
    """Those of the campaign ``seed``, without end."""
    return Cases(seed, tuple(fault for fault in FAULTS if not (peer and fault.of_service)))


@dataclass(frozen=True)
class Cases:
    seed: int
    faults: tuple[Fault, ...]

    def __getitem__(self, number: int) -> Case:
        seed = f"{self.seed}/{number}"
        # Every fault in turn at first: a short campaign meets them all.
        if number < len(self.faults):
            order = random.Random(str(self.seed)).sample(self.faults, len(self.faults))
            return Case(number, order[number], seed)
        fault = random.Random(seed).choices(self.faults, [each.weight for each in self.faults])[0]
        return Case(number, fault, seed)


def _then_stop(turn: Turn, told: str | None, always: bool = False) -> None:
    """A stream that is up ends; after a failure the agent at times stops to be sure."""
    if told == "done" or always or turn.dice.random() < 0.3:
        turn.hold()
        turn.stop()


def _by_way(make: Callable[[random.Random], Way], mends: bool = False) -> Callable[[Turn], None]:
    """A start over a bad link; where it ``mends``, new connections find it good after a while."""

    def play(turn: Turn) -> None:
        turn.stage.link.use(make(turn.dice))
        asking = turn.ask("start")
        if mends and turn.dice.random() < 0.5:
            time.sleep(turn.dice.uniform(0.1, 1.5))
            turn.stage.link.way = Way()
        asking.join()
        _then_stop(turn, asking.told)

    return play


def _ends(ending: Ending, most: int = HANDSHAKE_BYTES * 3) -> Callable[[random.Random], Way]:
    def make(dice: random.Random) -> Way:
        if dice.random() < 0.5:
            return Way(up=dice.randrange(most), ending=ending)
        return Way(down=dice.randrange(HANDSHAKE_BYTES), ending=ending)

    return make


def _good(turn: Turn) -> None:
    _then_stop(turn, turn.start().told)


def _dead(turn: Turn) -> None:
    turn.stage.link.dead()
    asking = turn.ask("start")
    if turn.dice.random() < 0.4:
        time.sleep(turn.dice.uniform(0.2, 1.2))
        turn.stage.link.open()
    asking.join()
    _then_stop(turn, asking.told)


def _refused(turn: Turn) -> None:
    turn.stage.link.target = turn.stage.rtmp.refusing_port
    _then_stop(turn, turn.start().told)


def _silent_then_gone(turn: Turn) -> None:
    turn.stage.link.use(SILENT)
    told = turn.start().told
    turn.stage.link.cut(reset=turn.dice.random() < 0.5)
    _then_stop(turn, told)


def _silent_then_wakes_late(turn: Turn) -> None:
    """After the start has failed: OBS goes live, against what the agent was told."""
    turn.stage.link.use(SILENT)
    told = turn.start().told
    turn.stage.link.wake()
    if turn.dice.random() < 0.3:
        turn.hold()
        _then_stop(turn, told, always=True)


def _silent_then_wakes(turn: Turn) -> None:
    turn.stage.link.use(SILENT)
    told = turn.while_starting(turn.stage.link.wake, 2.6).told
    _then_stop(turn, told)


def _slow_handshake(turn: Turn) -> None:
    """So that more of the start can be met."""
    turn.stage.link.use(Way(latency_s=turn.dice.uniform(0.0, 0.12)))


def _stop_while_starting(turn: Turn) -> None:
    _slow_handshake(turn)
    start = turn.ask("start")
    turn.hold(0.8)
    turn.stop()
    start.join()


def _several_at_once(turn: Turn) -> None:
    """Starts and a stop of agents that do not know of each other."""
    _slow_handshake(turn)
    asked = []
    for what in turn.dice.sample(("start", "start", "start", "stop"), 4):
        asked.append(turn.ask(what))
        turn.hold(0.2)
    for asking in asked:
        asking.join()
    _then_stop(turn, "done")


def _cut_while_live(turn: Turn) -> None:
    """OBS connects again by itself."""
    told = turn.start().told
    turn.hold()
    turn.stage.link.cut(reset=turn.dice.random() < 0.5)
    turn.hold(0.8)
    if turn.dice.random() < 0.5:
        turn.ask("start").join()
    _then_stop(turn, told)


def _server_dies_while_live(turn: Turn) -> None:
    told = turn.start().told
    turn.hold()
    turn.stage.link.dead()
    turn.stage.link.cut()
    turn.hold(1.0)
    if turn.dice.random() < 0.5:
        turn.stage.link.open()
    _then_stop(turn, told)


def _cut_while_stopping(turn: Turn) -> None:
    if turn.start().told == "done":
        turn.hold()
        turn.while_stopping(turn.stage.link.cut)


def _twitch(turn: Turn) -> None:
    """Twitch answers nothing, nonsense, or no to a start with a title."""
    how: dict[str, Any] = turn.dice.choice(
        ({"status": 500}, {"status": 503}, {"hang": True}, {"drop": True}, {"delay_s": 0.5}, {"status": 401})
    )
    turn.stage.twitch.fault("*", times=turn.dice.randrange(1, 8), **how)
    args: dict[str, Any] = {"title": "A show"}
    if turn.dice.random() < 0.3:
        args["game"] = "Just Chatting"
    _then_stop(turn, turn.start(**args).told)


def _click_as_it_starts(turn: Turn) -> None:
    _slow_handshake(turn)
    start = turn.ask("start")
    time.sleep(turn.dice.uniform(0.0, 0.1))
    turn.click()
    start.join()
    _then_stop(turn, "done")


def _click_before(turn: Turn) -> None:
    """The streamer's own start, and the agent's right behind it."""
    _slow_handshake(turn)
    turn.click()
    turn.hold(0.4)
    _then_stop(turn, turn.start().told)


def _click_while_live(turn: Turn) -> None:
    told = turn.start().told
    turn.hold()
    turn.click()
    if turn.dice.random() < 0.6:
        turn.hold(0.5)
        _then_stop(turn, told)


def _click_while_stopping(turn: Turn) -> None:
    if turn.start().told == "done":
        turn.hold()
        turn.while_stopping(turn.click)


def _starting(disturb: Callable[[Turn], Callable[[], object]]) -> Callable[[Turn], None]:
    def play(turn: Turn) -> None:
        act = disturb(turn)
        _slow_handshake(turn)
        _then_stop(turn, turn.while_starting(act, 0.7).told)

    return play


def _live(disturb: Callable[[Turn], Callable[[], object]]) -> Callable[[Turn], None]:
    def play(turn: Turn) -> None:
        act = disturb(turn)
        told = turn.start().told
        turn.hold()
        act()
        _then_stop(turn, told)

    return play


def _stopping(disturb: Callable[[Turn], Callable[[], object]]) -> Callable[[Turn], None]:
    def play(turn: Turn) -> None:
        act = disturb(turn)
        if turn.start().told == "done":
            turn.hold()
            turn.while_stopping(act)

    return play


def _switch(turn: Turn) -> Callable[[], object]:
    return turn.switch_away_and_back


def _reload(turn: Turn) -> Callable[[], object]:
    turn.stage.prepare_reload()
    return turn.stage.reload


def _kill(turn: Turn) -> Callable[[], object]:
    return turn.kill


def _disk(turn: Turn) -> Callable[[], object]:
    """Broken for a while. The end of the block is the case's own."""
    how = turn.dice.choice(DISK_ERRORS)

    def act() -> None:
        turn.stage.break_disk(how)
        time.sleep(turn.dice.uniform(0.1, 1.0))
        turn.stage.mend_disk()

    return act


def _disk_when_asked(turn: Turn) -> None:
    """Nothing can be stored when the request comes: it is refused, and asked again until it can."""
    turn.stage.break_disk(turn.dice.choice(DISK_ERRORS))
    asking = turn.ask("start")
    time.sleep(turn.dice.uniform(0.1, 1.2))
    turn.stage.mend_disk()
    _then_stop(turn, asking.join().told)


def _clock(turn: Turn) -> Callable[[], object]:
    jump_s = turn.dice.choice((-86_400, -3_600, -5, 5, 3_600, 86_400))
    return lambda: turn.stage.set_clock(jump_s)


FAULTS: Final = (
    Fault("nothing", _good),
    Fault("server: dead", _dead, 3),
    Fault("server: refuses the key", _refused, 3),
    Fault("server: silent, then gone", _silent_then_gone, 2),
    Fault("server: silent, then too late", _silent_then_wakes_late, 2),
    Fault("server: silent for a while", _silent_then_wakes, 3),
    Fault("server: dies while live", _server_dies_while_live),
    Fault("link: latency", _by_way(lambda dice: Way(latency_s=dice.uniform(0.01, 0.3)))),
    Fault("link: narrow", _by_way(lambda dice: Way(bytes_per_s=dice.randrange(1_500, 20_000)))),
    Fault("link: closes after n bytes", _by_way(_ends("close"), mends=True), 6),
    Fault("link: resets after n bytes", _by_way(_ends("reset"), mends=True), 6),
    Fault("link: closes slowly", _by_way(_ends("slow_close"), mends=True)),
    Fault("link: closes one way", _by_way(_ends("half_close"), mends=True), 3),
    Fault("link: silent after n bytes", _by_way(_ends("silence")), 3),
    Fault("link: cut while live", _cut_while_live),
    Fault("link: cut while stopping", _cut_while_stopping),
    Fault("agent: stop while starting", _stop_while_starting),
    Fault("agents: several at once", _several_at_once, 3),
    Fault("Twitch: down or wrong", _twitch, 4, of_service=True),
    Fault("streamer: clicks as it starts", _click_as_it_starts),
    Fault("streamer: clicks before", _click_before),
    Fault("streamer: clicks while live", _click_while_live),
    Fault("streamer: clicks while stopping", _click_while_stopping),
    Fault("collection: switched while starting", _starting(_switch), 3),
    Fault("collection: switched while live", _live(_switch), 2),
    Fault("collection: switched while stopping", _stopping(_switch), 2),
    Fault("reload: while starting", _starting(_reload), 3, of_service=True),
    Fault("reload: while live", _live(_reload), 2, of_service=True),
    Fault("reload: while stopping", _stopping(_reload), 2, of_service=True),
    Fault("kill -9: while starting", _starting(_kill), 2),
    Fault("kill -9: while live", _live(_kill), 1),
    Fault("kill -9: while stopping", _stopping(_kill), 1),
    Fault("disk: fails while starting", _starting(_disk), 3, of_service=True),
    Fault("disk: fails when asked", _disk_when_asked, 3, of_service=True),
    Fault("disk: fails while stopping", _stopping(_disk), 2, of_service=True),
    Fault("clock: jumps while starting", _starting(_clock), 3, of_service=True),
    Fault("clock: jumps while live", _live(_clock), 2, of_service=True),
)
