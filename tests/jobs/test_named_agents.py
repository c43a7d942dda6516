"""Two named agents on one worker: what one asks for, and however much, leaves the other's jobs and places alone."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from clawcraft.actions.catalogue import Policy
from clawcraft.authority.agent_file import AgentFile
from clawcraft.authority.approval import MAX_QUESTIONS
from clawcraft.errors import Busy, JobNotFound, QueueFull
from clawcraft.jobs.model import Envelope, JobStatus
from clawcraft.jobs.slots import Slots
from clawcraft.jobs.store import MAX_ACTIVE
from tests.support.agents import add_agent
from tests.support.clock import ManualClock
from tests.support.job_rig import JobRig, code, envelope, start, stop
from tests.support.waiting import HANG_S

A, B = "alpha", "beta"


@pytest.fixture
def open_rig(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., JobRig]]:
    opened: list[JobRig] = []

    def open_with_agents(**options: bool) -> JobRig:
        for name in (A, B):
            add_agent(tmp_path, name)
        opened.append(JobRig(tmp_path, clock=clock, **options))
        return opened[-1]

    yield open_with_agents
    for rig in opened:
        rig.close()


def by(agent: str, request: Envelope) -> Envelope:
    return replace(request, agent_id=agent, holder=agent)


# --- replay -----------------------------------------------------------------------------------------------------------


def test_a_mission_without_request_ids_is_known_to_its_own_agent_alone(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig(working=False)
    request = start(mission_id="m", agent_id=A)
    of_a = rig.accept(request.held_by(A))
    of_service = rig.accept(request)  # which says to be A
    assert of_a != of_service
    assert [rig.accept(request.held_by(A)), rig.accept(request)] == [of_a, of_service]
    rig.accept(replace(stop(mission_id="m"), agent_id=A))
    assert rig.accept(request.held_by(A)) == of_a  # no other action of its own came between
    assert rig.accept(request) != of_service


# --- supersede --------------------------------------------------------------------------------------------------------


def test_a_stop_supersedes_the_waiting_starts_of_its_own_agent_alone(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig(working=False)
    of_a, of_b, of_service = (rig.accept(request) for request in (by(A, start("r")), by(B, start("r")), start("r")))
    rig.accept(by(B, stop("s")))
    assert [code(rig.store.get(job_id)) for job_id in (of_a, of_b, of_service)] == [None, "superseded", None]
    rig.accept(stop("s"))
    assert [code(rig.store.get(job_id)) for job_id in (of_a, of_service)] == ["superseded"] * 2


def test_a_stop_acts_on_the_stream_and_cancels_no_other_agents_start(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig()
    of_a = rig.connecting(by(A, start("r")))
    assert rig.ended(rig.accept(by(B, stop("s")))).status is JobStatus.DONE
    assert "stop" in rig.stream.calls
    assert rig.store.get(of_a).status is JobStatus.RUNNING  # what becomes of it is OBS's word
    rig.accept(by(A, stop("s")))
    assert code(rig.ended(of_a)) == "superseded"


# --- starve -----------------------------------------------------------------------------------------------------------


def test_a_start_waits_for_one_start_of_another_agent_and_not_for_all(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig()
    first, *rest = [rig.connecting(by(A, start("r0"))), *(rig.accept(by(A, start(f"r{n}"))) for n in range(1, 5))]
    of_b = rig.accept(by(B, start("mine")))
    rig.stream.let(rig.stream.connects)
    for job_id in (first, of_b, *rest):
        assert rig.ended(job_id).status is JobStatus.DONE
    done = [job.id for job in rig.transitions if job.status is JobStatus.DONE]
    assert done == [first, of_b, *rest]


def test_the_services_full_queue_knows_its_jobs_and_has_room_for_a_stop(
    open_rig: Callable[..., JobRig],
) -> None:
    rig = open_rig(working=False)
    first, *_ = [rig.accept(start(f"r{n}")) for n in range(MAX_ACTIVE)]
    with pytest.raises(QueueFull):
        rig.execute(start("more"))
    assert rig.accept(start("r0")) == first
    assert rig.execute(stop("s")).status == 202


def test_one_agent_cannot_keep_every_place_at_twitch(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig()
    rig.sync.gate.clear()

    def title(agent: str, request_id: str) -> int:
        return rig.execute(by(agent, envelope("twitch.set_title", request_id, args={"title": "x"}))).status

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(title, A, f"r{n}") for n in range(3)]
        for _ in answers:
            assert rig.sync.entered.acquire(timeout=HANG_S)
        with pytest.raises(Busy):
            title(A, "r3")
        answers.append(pool.submit(title, B, "r0"))
        assert rig.sync.entered.acquire(timeout=HANG_S)
        rig.sync.gate.set()
        assert [answer.result(HANG_S) for answer in answers] == [200] * 4


@pytest.mark.parametrize(
    ("shared", "granted"), [(True, [True, True, True, False, True, False]), (False, [True] * 4 + [False] * 2)]
)
def test_the_last_quarter_of_the_places_is_for_who_has_none_while_there_are_several(
    shared: bool, granted: list[bool]
) -> None:
    slots = Slots(4, lambda: shared)
    with contextlib.ExitStack() as held:
        assert [held.enter_context(slots.waiting(holder)) for holder in "aaaabb"] == granted
        assert slots.in_use == 4
    assert slots.in_use == 0
    with pytest.raises(ZeroDivisionError), slots.waiting(""):
        raise ZeroDivisionError
    assert slots.in_use == 0


# --- revoke -----------------------------------------------------------------------------------------------------------


def test_a_job_is_there_for_its_own_agent_and_the_services_token(open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig(working=False)
    job_id = rig.accept(by(A, start("r")))
    for holder in (A, ""):
        assert rig.store.get(job_id, holder).id == job_id
    with pytest.raises(JobNotFound) as refused:
        rig.store.get(job_id, B)
    with pytest.raises(JobNotFound) as unknown:
        rig.store.get(job_id[:-1] + "x", B)
    assert refused.value.message == unknown.value.message.replace(job_id[:-1] + "x", job_id)
    assert [rig.store.list({"holder": agent}, 10)[0] != [] for agent in (A, B)] == [True, False]


def test_what_a_revoked_agent_has_queued_never_reaches_obs(tmp_path: Path, open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig(working=False)
    of_a, of_b = rig.accept(by(A, start("r"))), rig.accept(by(B, start("r")))
    AgentFile(tmp_path).revoke(A)
    rig.worker.start()
    assert code(rig.ended(of_a)) == "action_disabled"
    assert rig.ended(of_b).status is JobStatus.DONE
    assert rig.stream.calls.count("start None") == 1


def test_a_start_that_connects_ends_with_its_agents_revocation(tmp_path: Path, open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig()
    job_id = rig.connecting(by(A, start("r")))
    AgentFile(tmp_path).revoke(A)
    rig.worker.forbid()
    assert code(rig.ended(job_id)) == "action_disabled"
    assert not rig.stream.live


# --- questions to the streamer ----------------------------------------------------------------------------------------


@pytest.fixture
def asking(tmp_path: Path, open_rig: Callable[..., JobRig]) -> JobRig:
    """The streamer wants to be asked about starts."""
    rig = open_rig(working=False)
    rig.chosen.choose({"twitch.start_stream": Policy.ASK})
    return rig


def test_an_agent_can_be_asked_about_where_the_others_are_not(tmp_path: Path, open_rig: Callable[..., JobRig]) -> None:
    rig = open_rig(working=False)
    add_agent(tmp_path, "careful", policy={"twitch.start_stream": Policy.ASK})
    assert rig.store.get(rig.accept(by("careful", start("r")))).is_pending
    assert not rig.store.get(rig.accept(by(A, start("r")))).is_pending


@pytest.mark.parametrize(("holder", "others"), [(A, (B, "")), ("", (A, B))], ids=["an agent", "the service's token"])
def test_whoever_asks_fills_its_own_list_of_questions(asking: JobRig, holder: str, others: tuple[str, str]) -> None:
    for n in range(MAX_QUESTIONS):
        asking.accept(start(f"r{n}").held_by(holder))
    with pytest.raises(QueueFull):
        asking.execute(start("more").held_by(holder))
    assert asking.accept(start("r0").held_by(holder))  # a repeat is none
    for other in others:
        assert asking.execute(start("r").held_by(other)).status == 202


def test_a_stop_takes_back_the_questions_of_its_own_agent_alone(asking: JobRig) -> None:
    of_a, of_b = asking.accept(by(A, start("r"))), asking.accept(by(B, start("r")))
    asking.accept(by(B, stop("s")))
    assert [code(asking.store.get(job_id)) for job_id in (of_a, of_b)] == [None, "superseded"]


def test_a_question_ends_with_its_agents_revocation(tmp_path: Path, asking: JobRig) -> None:
    job_id = asking.accept(by(A, start("r")))
    AgentFile(tmp_path).revoke(A)
    asking.approvals.start()
    asking.approvals.forbid()
    assert code(asking.ended(job_id)) == "action_disabled"
