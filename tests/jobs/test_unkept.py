"""What is answered and not stored: the newest few can be read from memory, and the table never has it."""

from collections.abc import Callable

from clawcraft.jobs.plain import NOT_KEPT
from clawcraft.jobs.store import WHOLE_IN_MEMORY, JobStore
from tests.support.job_rig import envelope

RESULT = {"status": "taken", "data": "a picture"}
STORED = {"status": "taken", "data": None, "not_kept": NOT_KEPT}


def taken(store: JobStore, number: int) -> str:
    job = store.create(envelope("obs.screenshot", f"shot-{number}"), "f")
    store.start(job.id)
    return store.finish(job.id, RESULT).id


def test_the_newest_pictures_can_be_read_while_obs_runs_and_none_is_stored(
    store: JobStore, reopen: Callable[[], JobStore]
) -> None:
    ids = [taken(store, number) for number in range(WHOLE_IN_MEMORY + 2)]
    assert [store.get(job_id).result for job_id in ids] == [STORED] * 2 + [RESULT] * WHOLE_IN_MEMORY
    assert [job.result for job in store.list({}, 10)[0]] == [STORED] * len(ids)
    store = reopen()
    assert [store.get(job_id).result for job_id in ids] == [STORED] * len(ids)


def test_the_result_of_any_other_action_is_stored_whole(store: JobStore) -> None:
    job = store.create(envelope("twitch.start_stream", "r"), "f")
    store.start(job.id)
    store.finish(job.id, {"status": "started", "data": "of no picture"})
    assert store.list({}, 1)[0][0].result == {"status": "started", "data": "of no picture"}
