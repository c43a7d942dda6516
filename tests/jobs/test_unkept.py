"""What is answered and not stored: the newest few can be read from memory, and the table never has it."""

from pathlib import Path

from clawcraft.jobs.plain import NOT_KEPT
from clawcraft.jobs.store import WHOLE_IN_MEMORY, JobStore
from tests.support.clock import ManualClock
from tests.support.job_rig import envelope, open_store

RESULT = {"status": "taken", "data": "a picture"}
STORED = {"status": "taken", "data": None, "not_kept": NOT_KEPT}


def taken(store: JobStore, number: int) -> str:
    job = store.create(envelope("obs.screenshot", f"shot-{number}"), "f")
    store.start(job.id)
    return store.finish(job.id, RESULT).id


def test_the_newest_pictures_can_be_read_while_obs_runs_and_none_is_stored(tmp_path: Path) -> None:
    store = open_store(tmp_path, ManualClock())
    ids = [taken(store, number) for number in range(WHOLE_IN_MEMORY + 2)]
    assert [store.get(job_id).result for job_id in ids] == [STORED] * 2 + [RESULT] * WHOLE_IN_MEMORY
    assert [job.result for job in store.list({}, 10)[0]] == [STORED] * len(ids)
    store.close()
    store = open_store(tmp_path, ManualClock())
    assert [store.get(job_id).result for job_id in ids] == [STORED] * len(ids)
    store.close()


def test_the_result_of_any_other_action_is_stored_whole(tmp_path: Path) -> None:
    store = open_store(tmp_path, ManualClock())
    job = store.create(envelope("twitch.start_stream", "r"), "f")
    store.start(job.id)
    store.finish(job.id, {"status": "started", "data": "of no picture"})
    assert store.list({}, 1)[0][0].result == {"status": "started", "data": "of no picture"}
    store.close()
