"""Each thing the real OBS would not survive is raised where it is done, recorded, and fails the run."""

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest

from obs_mock import MockObs, Violation

NewObs = Callable[..., MockObs]
CONNECT = "obs.signal_handler_connect(handler, 'stop', listen)"


def streams(when: str, act: str) -> str:
    """A script that starts the stream, and acts at this event of it."""
    return f"""
        def on_stream_event(code):
            if code == obs.OBS_FRONTEND_EVENT_STREAMING_{when}:
                {act}

        def script_load(settings):
            obs.obs_frontend_add_event_callback(on_stream_event)
            in_thread(obs.obs_frontend_streaming_start)
        """


# What the script does in script_load, and what the report says.
AT_LOAD = {
    "scene call off the UI thread": (
        "in_thread(obs.obs_frontend_get_scene_names)",
        "obs_frontend_get_scene_names on thread 'worker'",
    ),
    "scene switch off the UI thread": (
        """
        scenes = obs.obs_frontend_get_scenes()
        in_thread(lambda: obs.obs_frontend_set_current_scene(scenes[1]))
        obs.source_list_release(scenes)
        """,
        "obs_frontend_set_current_scene on thread 'worker'",
    ),
    "start through obspython on the UI thread": ("obs.obs_frontend_streaming_start()", "would freeze Python"),
    "registration in another thread": (
        "in_thread(lambda: obs.obs_frontend_add_event_callback(on_event))",
        "obs_frontend_add_event_callback outside a hook or callback",
    ),
    "hotkey in another thread": (
        "in_thread(lambda: obs.obs_hotkey_register_frontend('a', 'A', on_event))",
        "obs_hotkey_register_frontend outside a hook or callback",
    ),
    "timer": ("obs.timer_add(on_event, 10)", "timer_add: its callback runs on the graphics thread"),
    "graphics task": ("on_ui(on_event, kind=1)", "obs_queue_task of type 1"),
    "bound method as a callback": (
        "obs.obs_frontend_add_event_callback(events.append)",
        "no plain function",
    ),
    "forgotten reference": ("obs.obs_frontend_get_current_scene()", "memory leak: obs_source_t *"),
    "forgotten list": ("obs.obs_frontend_get_scenes()", "memory leak: obs_source_t *"),
    "forgotten settings": ("obs.obs_data_create()", "memory leak: obs_data_t *"),
    "forgotten array": ("obs.obs_data_array_create()", "memory leak: obs_data_array_t *"),
    "forgotten panel": ("obs.obs_properties_create()", "memory leak: obs_properties_t *"),
    "configuration folder through SWIG": ("obs.os_get_config_path_ptr('obs-studio/x')", "a string that Python cannot"),
    "settings released that OBS owns": ("obs.obs_data_release(settings)", "released without holding a reference"),
    "settings used after their release": (
        "data = obs.obs_data_create(); obs.obs_data_release(data); obs.obs_data_get_string(data, 'a')",
        "obs_data_t * used after its release",
    ),
    "NULL": ("obs.obs_output_active(obs.obs_frontend_get_streaming_output())", "NULL where a obs_output_t *"),
    "stderr": ("import sys; print('oh', file=sys.stderr)", "stderr: oh"),
    "warning in the script log": ("obs.script_log(obs.LOG_WARNING, 'careful')", "script_log at level 200"),
    "error in the script log": ("obs.script_log(obs.LOG_ERROR, 'bad')", "script_log at level 100"),
    "exception out of a hook": ("1 / 0", "exception out of script_load: ZeroDivisionError"),
    "exception that ends a thread": (
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()",
        "stderr: exception in thread",
    ),
    "exception out of a UI task": ("on_ui(lambda: 1 / 0)", "stderr: exception nobody can raise: ZeroDivisionError"),
    "freed ctypes callback": (
        "in_thread(lambda: ctypes.CDLL(None).obs_queue_task(0, TASK(on_event), None, False))",
        "whose ctypes callback was freed",
    ),
    "property twice": (
        """
        panel = obs.obs_properties_create()
        try:
            obs.obs_properties_add_bool(panel, "a", "A")
            obs.obs_properties_add_bool(panel, "a", "A")
        finally:
            obs.obs_properties_destroy(panel)
        """,
        "property 'a' exists already",
    ),
}


@pytest.mark.parametrize("name", AT_LOAD)
def test_it_fails_the_run(new_obs: NewObs, name: str) -> None:
    code, said = AT_LOAD[name]
    obs = new_obs("def script_load(settings):\n" + textwrap.indent(textwrap.dedent(code), "    "))
    obs.start()
    report = obs.stop()
    assert any(said in violation for violation in report.violations), report.violations
    assert not report.ok
    with pytest.raises(AssertionError, match="would not have survived"):
        report.check()


def test_a_script_without_fault_leaves_no_violation(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        def script_load(settings):
            obs.obs_frontend_add_event_callback(on_event)
            obs.script_log(obs.LOG_INFO, "hello")
            print("printed")
        """
    )
    with obs:
        assert obs.log_lines() == ["hello", "printed"]
    report = obs.stop()
    assert (report.violations, report.memory_leaks, report.leftover_threads) == ((), 0, ())


def test_the_error_is_raised_where_the_call_is(new_obs: NewObs) -> None:
    obs = new_obs("def script_load(settings): results['error'] = in_thread(obs.obs_frontend_get_scenes)")
    obs.start()
    assert sys.modules["mock_test_script"].results == {"error": "Violation"}
    assert len(obs.stop().violations) == 1


def test_a_violation_that_the_script_swallows_still_fails_the_context_manager(new_obs: NewObs) -> None:
    body = """
        def script_load(settings):
            try:
                obs.obs_frontend_streaming_start()
            except Exception:
                pass
        """
    with pytest.raises(AssertionError, match="would freeze Python"), new_obs(body):
        pass


def test_script_tick_is_python_on_the_graphics_thread(new_obs: NewObs) -> None:
    obs = new_obs("def script_tick(seconds): pass")
    obs.start()
    assert "script_tick: Python on the graphics thread" in obs.stop().violations[0]


def test_a_second_start_while_the_first_connects_is_raised(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        def script_load(settings):
            for name in ("first", "second"):
                results[name] = in_thread(obs.obs_frontend_streaming_start)
        """
    )
    obs.start()
    assert sys.modules["mock_test_script"].results == {"first": None, "second": "Violation"}
    obs.wait_for("event STREAMING_STARTED")
    assert obs.stop().violations[0].startswith("second start while")


def test_a_start_that_the_user_has_overtaken_is_seen_though_nobody_can_catch_it(new_obs: NewObs) -> None:
    obs = new_obs("def script_load(settings): in_thread(obs.obs_frontend_streaming_start)", scenario="user_starts")
    obs.start()
    obs.wait_for("event STREAMING_STARTED")
    assert obs.stop().violations[0].startswith("second start while connecting")


def test_a_start_while_live_is_ignored_as_obs_does(new_obs: NewObs) -> None:
    obs = new_obs(streams("STARTED", "in_thread(obs.obs_frontend_streaming_start)"))
    obs.start()
    obs.wait_for("start ignored")
    assert obs.stop().ok


def test_a_second_stop_is_a_forced_one(new_obs: NewObs) -> None:
    obs = new_obs(streams("STOPPING", "in_thread(obs.obs_frontend_streaming_stop)"))
    obs.start()
    obs.wait_for("event STREAMING_STARTED")
    obs.press_stream_button()
    obs.wait_for("event STREAMING_STOPPED")
    assert obs.stop().violations == ("second stop while stopping: OBS takes it as a forced stop",)


# When in a stream the script does it with "output" and its "handler", what it does, and what the report says.
TO_THE_OUTPUT = {
    "a forced stop": ("STARTED", "obs.obs_output_force_stop(output)", "obs_output_force_stop hangs"),
    "a start past the frontend": ("STARTED", "obs.obs_output_start(output)", "goes past OBS's frontend"),
    "a signal connected while it runs": ("STARTED", CONNECT, "while the output runs: lock inversion"),
    "a signal connected twice": ("STARTING", f"{CONNECT}; {CONNECT}", "twice: it would be called twice"),
}


@pytest.mark.parametrize("name", TO_THE_OUTPUT)
def test_what_is_done_to_the_output_of_a_stream_fails_the_run(new_obs: NewObs, name: str) -> None:
    when, act, said = TO_THE_OUTPUT[name]
    body = f"""
        def listen(data): pass

        def act():
            output = obs.obs_frontend_get_streaming_output()
            try:
                handler = obs.obs_output_get_signal_handler(output)
                {act}
            finally:
                obs.obs_output_release(output)
        """
    obs = new_obs(body, streams(when, "act()"))
    obs.start()
    obs.wait_for("event STREAMING_STARTED")
    assert said in obs.stop().violations[0]


def test_what_a_signal_carries_is_gone_after_the_callback(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        def listen(data):
            results["data"] = data

        def on_stream_event(code):
            if code == obs.OBS_FRONTEND_EVENT_STREAMING_STARTING:
                output = obs.obs_frontend_get_streaming_output()
                obs.signal_handler_connect(obs.obs_output_get_signal_handler(output), "starting", listen)
                obs.obs_output_release(output)
            if code == obs.OBS_FRONTEND_EVENT_STREAMING_STARTED:
                obs.calldata_int(results["data"], "code")

        def script_load(settings):
            obs.obs_frontend_add_event_callback(on_stream_event)
            in_thread(obs.obs_frontend_streaming_start)
        """
    )
    obs.start()
    obs.wait_for("event STREAMING_STARTED")
    assert "calldata_t * used after its release" in obs.stop().violations[0]


def test_a_call_after_unload_is_raised(new_obs: NewObs) -> None:
    obs = new_obs()
    obs.start()
    module = sys.modules["mock_test_script"]
    assert obs.stop().ok
    with pytest.raises(Violation, match="obs_get_version_string called after unload"):
        module.obs.obs_get_version_string()


def test_a_thread_left_after_unload_is_named(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        go = threading.Event()
        thread = threading.Thread(target=go.wait, name="left behind")

        def script_load(settings):
            thread.start()
        """
    )
    obs.start()
    module = sys.modules["mock_test_script"]
    report = obs.stop()
    module.go.set()
    module.thread.join()
    assert report.leftover_threads == ("left behind",)
    assert report.violations == ("thread 'left behind' left after unload: OBS may not exit",)


def test_a_thread_of_a_thread_of_the_script_counts_and_the_tests_own_does_not(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        go = threading.Event()
        grandchild = threading.Thread(target=go.wait, name="grandchild")

        def script_load(settings):
            in_thread(grandchild.start)
        """
    )
    obs.start()
    module = sys.modules["mock_test_script"]
    own = threading.Thread(target=module.go.wait, name="the test's own")
    own.start()
    report = obs.stop()
    module.go.set()
    own.join()
    module.grandchild.join()
    assert report.leftover_threads == ("grandchild",)


def test_what_holds_the_ui_thread_too_long_is_a_violation(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        import time

        def script_save(settings):
            time.sleep(0.06)

        def script_unload():
            until_s = time.thread_time() + 1.01
            while time.thread_time() < until_s:
                pass
        """
    )
    obs.start()
    obs.save()
    held = [text for text in obs.stop().violations if "held the UI thread" in text]
    assert [text.partition(" ")[0] for text in held] == ["script_save", "script_save", "script_unload"]


def test_a_collection_of_garbage_is_not_charged(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        import gc

        def script_save(settings):
            gc.collect()
        """
    )
    obs.start()
    heap = [[n] for n in range(1_000_000)]  # of the tests, not of the script: to walk it takes more than the limit
    obs.save()
    assert heap
    assert obs.stop().ok


def test_a_wait_counts_without_the_time_that_the_machine_had_no_processor(new_obs: NewObs) -> None:
    obs = new_obs(
        """
        import time

        def work(seconds):
            until_s = time.thread_time() + seconds
            while time.thread_time() < until_s:
                pass

        def script_unload():
            # With a fifth of a processor well over the second of an unload, which is all that may be left of it.
            worker = threading.Thread(target=work, args=(0.4,))
            worker.start()
            worker.join()
        """
    )
    obs.start()
    code = "import time\nuntil = time.time() + 30\nwhile time.time() < until: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        assert obs.stop().ok
    finally:
        for other in others:
            other.kill()
            other.wait()
