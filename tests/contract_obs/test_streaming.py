"""What OBS tells of a start, a stop and a failure, in which order and on which thread.

An event may overtake the signal of the same moment: they come on different threads, so both orders are right.
"""

from typing import Any

import pytest

from tests.support.obs_hosts import ObsHost, Record

STARTING, STARTED, STOPPING, STOPPED = 0, 1, 2, 3
SHOWN = (STARTING, STARTED, STOPPING, STOPPED)


def told(records: list[Record]) -> list[Any]:
    """Stream events by number and signals by name, in order."""
    return [
        r["code"] if r["kind"] == "event" else r["name"] if r["code"] is None else (r["name"], r["code"])
        for r in records
        if r["kind"] == "signal" or (r["kind"] == "event" and r["code"] in SHOWN)
    ]


def wait_end(obs: ObsHost, mark: int) -> None:
    """Until both the event and the signal of an end are there."""
    obs.records.wait_event(STOPPED, mark)
    obs.records.wait_signal("stop", mark)


def go_live(obs: ObsHost) -> int:
    """The mark before the start."""
    mark = obs.records.mark()
    obs.records.ask("start")
    obs.records.wait_event(STARTED, mark)
    obs.records.wait_signal("start", mark)
    return mark


def stop(obs: ObsHost) -> int:
    mark = obs.records.mark()
    obs.records.ask("stop")
    wait_end(obs, mark)
    wait_inactive(obs)
    return mark


def wait_inactive(obs: ObsHost) -> None:
    """The output stays active for a moment after STOPPED; a start in that moment would be lost."""
    while obs.records.ask("ui.output_state").get("active"):
        pass


def test_stop_while_not_live_tells_nothing(obs: ObsHost) -> None:
    mark = obs.records.mark()
    obs.records.ask("stop")
    obs.records.wait_hook("save", mark)  # what OBS does at a stop, live or not
    assert obs.records.ask("ui.ident")
    assert told(obs.records.since(mark)) == []


def test_a_good_start_and_stop(obs: ObsHost) -> None:
    started = go_live(obs)
    assert told(obs.records.since(started)) in (
        [STARTING, "starting", "start", STARTED],
        [STARTING, "starting", STARTED, "start"],
    )
    state = obs.records.ask("ui.output_state")
    assert (state["active"], state["reconnecting"], state["streaming"]) == (True, False, True)
    stopped = stop(obs)
    assert told(obs.records.since(stopped)) in (
        [STOPPING, "stopping", ("stop", 0), STOPPED],
        [STOPPING, "stopping", STOPPED, ("stop", 0)],
    )
    assert obs.records.ask("ui.output_state")["streaming"] is False


def test_a_start_from_a_ui_task_through_the_native_call_tells_the_same(obs: ObsHost) -> None:
    mark = obs.records.mark()
    assert obs.records.ask("ui.native_start") is None
    obs.records.wait_event(STARTED, mark)
    obs.records.wait_signal("start", mark)
    records = obs.records.since(mark)
    assert set(told(records)) == {STARTING, "starting", "start", STARTED}
    kinds = [r["kind"] for r in records]
    assert kinds.index("event") < kinds.index("answer"), "STARTING comes inside the call"
    stop(obs)


def test_events_and_tasks_come_on_the_thread_of_script_load_and_output_signals_elsewhere(obs: ObsHost) -> None:
    started = go_live(obs)
    stop(obs)
    load = obs.records.wait_hook("load")["thread"]
    records = [r for r in obs.records.since(started) if r["kind"] in ("event", "signal", "hook")]
    on_ui = {(r["kind"], r.get("name", r.get("code"))) for r in records if r["thread"] == load}
    elsewhere = {(r["kind"], r.get("name", r.get("code"))) for r in records if r["thread"] != load}
    assert {("event", code) for code in SHOWN} <= on_ui
    assert {("signal", "starting"), ("signal", "stopping"), ("hook", "save")} <= on_ui
    assert elsewhere == {("signal", "start"), ("signal", "stop")}
    assert obs.records.ask("ui.ident") == load
    assert obs.records.ask("ident") != load


def test_streaming_is_active_from_the_start_signal_to_the_stop_signal(obs: ObsHost) -> None:
    mark = go_live(obs)
    stop(obs)
    records = [r for r in obs.records.since(mark) if r["kind"] in ("event", "signal")]
    active = {told([r])[0]: r["active"] for r in records if told([r])}
    assert active == {
        STARTING: False,
        "starting": False,
        "start": True,
        STARTED: True,
        STOPPING: True,
        "stopping": True,
        ("stop", 0): False,
        STOPPED: False,
    }


@pytest.mark.parametrize(("server", "code"), [("dead", -2), ("refusing", -3)])
def test_a_failure_has_its_code_in_the_stop_signal_and_opens_a_box(obs: ObsHost, server: Any, code: int) -> None:
    obs.server(server)
    mark = obs.records.mark()
    obs.records.ask("start")
    wait_end(obs, mark)
    assert told(obs.records.since(mark)) in (
        [STARTING, "starting", ("stop", code), STOPPED],
        [STARTING, "starting", STOPPED, ("stop", code)],
    )
    obs.wait_box()
    assert obs.records.ask("ui.ident"), "tasks run beneath the box"
    state = obs.records.ask("ui.output_state")
    assert (state["active"], state["streaming"]) == (False, False)
    obs.close_boxes()
    obs.server("good")
    go_live(obs)
    stop(obs)


def test_a_connecting_stream_cannot_be_stopped(obs: ObsHost) -> None:
    obs.server("silent")
    mark = obs.records.mark()
    obs.records.ask("start")
    obs.wait_connection()
    obs.records.wait_signal("starting", mark)
    obs.records.wait_hook("save", mark)
    stop_mark = obs.records.mark()
    obs.records.ask("stop")
    obs.records.wait_hook("save", stop_mark)
    assert obs.records.ask("ui.output_state")["active"] is False
    assert told(obs.records.since(mark)) == [STARTING, "starting"]
    obs.server("good")
    obs.disconnect()
    wait_end(obs, mark)
    assert ("stop", -2) in told(obs.records.since(mark))
    obs.wait_box()
    obs.close_boxes()


def test_while_obs_reconnects_the_stream_counts_as_active(obs: ObsHost) -> None:
    go_live(obs)
    mark = obs.records.mark()
    obs.server("dead")
    obs.disconnect()
    obs.records.wait_signal("reconnect", mark)
    state = obs.records.ask("ui.output_state")
    assert (state["active"], state["reconnecting"], state["streaming"]) == (True, True, True)
    obs.server("good")
    obs.records.wait_signal("reconnect_success", mark)
    state = obs.records.ask("ui.output_state")
    assert (state["active"], state["streaming"]) == (True, True)
    *reconnects, success = told(obs.records.since(mark))
    assert (set(reconnects), success) == ({"reconnect"}, "reconnect_success")
    stop(obs)


def test_a_stop_while_reconnecting_ends_it_at_once_on_the_ui_thread(obs: ObsHost) -> None:
    go_live(obs)
    mark = obs.records.mark()
    obs.server("dead")
    obs.disconnect()
    obs.records.wait_signal("reconnect", mark)
    # Not behind the first: OBS tells it before the thread that lost the connection is through, and never tells the end
    # of a stop in between.
    obs.records.wait_signal("reconnect", obs.records.mark())
    stopped = stop(obs)
    records = [r for r in obs.records.since(stopped) if r["kind"] in ("event", "signal")]
    assert told(records) == [STOPPING, "stopping", STOPPED, ("stop", 0)]
    assert {r["thread"] for r in records} == {obs.records.ask("ui.ident")}
    obs.server("good")


def test_a_forced_stop_of_an_idle_output_tells_an_end_and_no_more(obs: ObsHost) -> None:
    """What ends a stop whose end OBS owes."""
    go_live(obs)
    stop(obs)
    mark = obs.records.mark()
    assert obs.records.ask("ui.force_stop") == "rtmp_output"
    wait_end(obs, mark)
    assert told(obs.records.since(mark)) == [STOPPING, "stopping", STOPPED, ("stop", 0)]
    go_live(obs)
    stop(obs)


def test_the_bytes_of_a_stream_grow(obs: ObsHost) -> None:
    go_live(obs)
    first = obs.records.ask("ui.output_state")
    while obs.records.ask("ui.output_state")["bytes"] <= first["bytes"]:
        pass
    while obs.records.ask("ui.output_state")["frames"] <= first["frames"]:
        pass
    state = obs.records.ask("ui.output_state")
    assert (state["dropped"], state["last_error"]) == (0, None)
    stop(obs)
