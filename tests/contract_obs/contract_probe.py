"""A plain OBS script that tells a test what OBS does to it, and does what the test asks.

Loaded by the real OBS and by the fake. Its setting ``port`` is a socket of the test: each hook, event and signal goes
there as one JSON line, and each line from there names a step, run on the probe's own thread (or on the UI thread).
"""

import contextlib
import ctypes
import functools
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import obspython as obs  # type: ignore[import-not-found, unused-ignore]

SIGNALS = ("starting", "start", "stopping", "stop", "reconnect", "reconnect_success")
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Wire:
    """The socket to the test. Written from any thread OBS calls us on."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lock = threading.Lock()
        self.lines = self._socket.makefile("r", encoding="utf-8")

    def tell(self, kind: str, **facts: Any) -> None:
        record = {"kind": kind, "thread": threading.get_ident(), **facts}
        with self._lock:
            self._socket.sendall(json.dumps(record).encode() + b"\n")

    def hang_up(self) -> None:
        """The reader of ``lines`` ends."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.lines.close()
        self._socket.close()


class Probe:
    """What lives from script_load to script_unload."""

    wire: Wire
    worker: threading.Thread
    connected = False
    hotkey = 0

    def __init__(self) -> None:
        self.at_save: list[Callable[[], None]] = []


probe = Probe()
generation = globals().get("generation", 0) + 1
tasks: list[Callable[[], None]] = []


@TASK  # type: ignore[untyped-decorator]
def run_task(_param: object) -> None:
    tasks.pop(0)()


def answer_of(fn: Callable[[], Any]) -> Any:
    try:
        return fn()
    except Exception as error:  # noqa: BLE001 - the answer to the test
        return f"{type(error).__name__}: {error}"


def on_ui(fn: Callable[[], Any], timeout_s: float = 15) -> Any:
    """``fn`` on OBS's UI thread; ``"TIMEOUT"`` if it has not returned in time. Without a timeout nobody waits."""
    libobs = ctypes.CDLL(None)
    libobs.obs_queue_task.argtypes = [ctypes.c_int, TASK, ctypes.c_void_p, ctypes.c_bool]
    libobs.obs_queue_task.restype = None
    done, box = threading.Event(), []

    def task() -> None:
        box.append(answer_of(fn))
        done.set()

    tasks.append(task)
    libobs.obs_queue_task(0, run_task, None, False)
    if not timeout_s:
        return None
    return box[0] if done.wait(timeout_s) else "TIMEOUT"


# What OBS calls


def script_description() -> str:
    return "contract probe"


def script_defaults(settings: object) -> None:
    obs.obs_data_set_default_string(settings, "text", "default text")
    obs.obs_data_set_default_int(settings, "number", 7)


def script_load(settings: object) -> None:
    probe.wire = Wire(obs.obs_data_get_int(settings, "port"))
    probe.connected = False
    probe.wire.tell("hook", name="load", text=obs.obs_data_get_string(settings, "text"))
    obs.obs_frontend_add_event_callback(on_event)
    probe.hotkey = obs.obs_hotkey_register_frontend("contract.probe", "Contract probe", on_hotkey)
    probe.worker = threading.Thread(target=work, name="contract probe")
    probe.worker.start()


def script_update(settings: object) -> None:
    flag = obs.obs_data_get_bool(settings, "flag")
    probe.wire.tell("hook", name="update", text=obs.obs_data_get_string(settings, "text"), flag=flag)


def script_save(settings: object) -> None:
    probe.wire.tell("hook", name="save")
    while probe.at_save:
        probe.at_save.pop()()
    obs.obs_data_set_string(settings, "saved", "äöü — ✓")


def script_properties() -> Any:
    probe.wire.tell("hook", name="properties")
    panel = obs.obs_properties_create()
    obs.obs_properties_add_button(panel, "button", "Press", on_button)
    flag = obs.obs_properties_add_bool(panel, "flag", "Flag")
    obs.obs_property_set_modified_callback(flag, on_modified)
    return panel


def script_unload() -> None:
    probe.wire.tell("hook", name="unload")
    probe.wire.hang_up()
    probe.worker.join(5)
    probe.wire.close()


def on_event(code: int) -> None:
    probe.wire.tell("event", code=code, active=obs.obs_frontend_streaming_active())
    if code == obs.OBS_FRONTEND_EVENT_STREAMING_STARTING and not probe.connected:
        output = obs.obs_frontend_get_streaming_output()
        handler = obs.obs_output_get_signal_handler(output)
        for name, listener in LISTENERS.items():
            obs.signal_handler_connect(handler, name, listener)
        obs.obs_output_release(output)
        probe.connected = True


def on_button(_panel: object, prop: object) -> bool:
    probe.wire.tell("button", name=obs.obs_property_name(prop))
    return False


def on_modified(_panel: object, prop: object, settings: object) -> bool:
    flag = obs.obs_data_get_bool(settings, "flag")
    probe.wire.tell("modified", name=obs.obs_property_name(prop), flag=flag)
    return False


def on_hotkey(pressed: bool) -> None:
    probe.wire.tell("hotkey", pressed=pressed)


def listener(name: str) -> Callable[[object], None]:
    def on_signal(data: object) -> None:
        code = obs.calldata_int(data, "code") if name == "stop" else None
        probe.wire.tell("signal", name=name, code=code, active=obs.obs_frontend_streaming_active())

    return on_signal


LISTENERS = {name: listener(name) for name in SIGNALS}


# What the test asks for


def output_state() -> dict[str, Any]:
    output = obs.obs_frontend_get_streaming_output()
    if output is None:
        return {"output": None, "streaming": obs.obs_frontend_streaming_active()}
    state = {
        "active": obs.obs_output_active(output),
        "reconnecting": obs.obs_output_reconnecting(output),
        "bytes": obs.obs_output_get_total_bytes(output),
        "frames": obs.obs_output_get_total_frames(output),
        "dropped": obs.obs_output_get_frames_dropped(output),
        "congestion": obs.obs_output_get_congestion(output),
        "last_error": obs.obs_output_get_last_error(output),
        "streaming": obs.obs_frontend_streaming_active(),
    }
    obs.obs_output_release(output)
    return state


def scenes() -> dict[str, Any]:
    listed = obs.obs_frontend_get_scenes()
    current = obs.obs_frontend_get_current_scene()
    names = [obs.obs_source_get_name(scene) for scene in listed]
    found = {
        "scenes": names,
        "names": obs.obs_frontend_get_scene_names(),
        "current": obs.obs_source_get_name(current),
        "collection": obs.obs_frontend_get_current_scene_collection(),
    }
    obs.obs_source_release(current)
    obs.source_list_release(listed)
    return found


def set_scene(name: str) -> None:
    listed = obs.obs_frontend_get_scenes()
    for scene in listed:
        if obs.obs_source_get_name(scene) == name:
            obs.obs_frontend_set_current_scene(scene)
    obs.source_list_release(listed)


def native_start() -> None:
    ctypes.CDLL(None).obs_frontend_streaming_start()


def data_round_trip(text: str) -> dict[str, Any]:
    """What obs_data makes of values, of the defaults below them, and of values of the wrong kind."""
    data, array = obs.obs_data_create(), obs.obs_data_array_create()

    def values() -> list[Any]:
        return [
            obs.obs_data_get_string(data, "text"),
            obs.obs_data_get_int(data, "int"),
            obs.obs_data_get_bool(data, "bool"),
        ]

    obs.obs_data_set_default_string(data, "text", "default")
    obs.obs_data_set_default_int(data, "int", 7)
    obs.obs_data_set_default_bool(data, "bool", True)
    found = {"defaults": values(), "json_of_defaults": obs.obs_data_get_json(data)}
    obs.obs_data_set_string(data, "text", text)
    obs.obs_data_set_int(data, "int", 2**40)
    obs.obs_data_set_bool(data, "bool", False)
    obs.obs_data_set_array(data, "array", array)
    found["values"] = values()
    found["missing"] = [obs.obs_data_get_string(data, "-"), obs.obs_data_get_int(data, "-")]
    found["wrong_kind"] = [
        obs.obs_data_get_string(data, "int"),
        obs.obs_data_get_int(data, "text"),
        obs.obs_data_get_int(data, "bool"),
        obs.obs_data_get_bool(data, "int"),
        obs.obs_data_get_array(data, "text"),
    ]
    found["json"] = json.loads(obs.obs_data_get_json(data))
    got = obs.obs_data_get_array(data, "array")
    found["count"] = [obs.obs_data_array_count(got), obs.obs_data_array_count(None)]
    for name in ("text", "int"):
        obs.obs_data_erase(data, name)
    found["erased"] = values()
    obs.obs_data_addref(data)
    for handle in (data, data, None):
        obs.obs_data_release(handle)
    for handle in (array, got, None):
        obs.obs_data_array_release(handle)
    return found


def bind_hotkey(keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The keys of the hotkey, once it has been given these."""
    given = obs.obs_data_create_from_json(json.dumps({"keys": keys}))
    array = obs.obs_data_get_array(given, "keys")
    obs.obs_hotkey_load(probe.hotkey, array)
    obs.obs_data_array_release(array)
    obs.obs_data_release(given)
    found, array = obs.obs_data_create(), obs.obs_hotkey_save(probe.hotkey)
    obs.obs_data_set_array(found, "keys", array)
    obs.obs_data_array_release(array)
    saved: list[dict[str, Any]] = json.loads(obs.obs_data_get_json(found))["keys"]
    obs.obs_data_release(found)
    return saved


def native_config_path() -> str:
    function = ctypes.CDLL(None).os_get_config_path
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    buffer = ctypes.create_string_buffer(1024)
    function(buffer, len(buffer), b"obs-studio/plugin_config/contract")
    return buffer.value.decode()


class Listener:
    def on_event(self, code: int) -> None:
        probe.wire.tell("method", code=code)


def register_method() -> str:
    return at_save(lambda: obs.obs_frontend_add_event_callback(Listener().on_event))


def at_save(fn: Callable[[], Any]) -> str:
    """Run it inside a hook, where registering is allowed: the next script_save; the error's name or "nothing"."""
    saved = threading.Event()
    answer: list[str] = []

    def run() -> None:
        answer.append(error_of(fn))
        saved.set()

    probe.at_save.append(run)
    obs.obs_frontend_streaming_stop()  # not live: OBS only saves
    return answer[0] if saved.wait(10) else "TIMEOUT"


def switch_collection(*names: str) -> None:
    """The native call: the first switch unloads this script, which must not use obspython after that."""
    for name in names:
        ctypes.CDLL(None).obs_frontend_set_current_scene_collection(name.encode())


def api(names: list[str]) -> dict[str, Any]:
    """Each name in this OBS's obspython: parameters, a value, or how it is missing."""
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(obs, name, "missing")
        code = getattr(value, "__code__", None)
        found[name] = list(code.co_varnames[: code.co_argcount]) if code else "C" if callable(value) else value
    return found


def refuses(name: str, arguments: list[Any]) -> str:
    """The error of a call with values of the wrong kind."""
    return error_of(lambda: getattr(obs, name)(*arguments))


def error_of(fn: Callable[[], Any]) -> str:
    try:
        fn()
    except Exception as error:  # noqa: BLE001 - the answer to the test
        return type(error).__name__
    return "nothing"


def native(result: Any, name: str, *arguments: Any) -> Any:
    """A C function of OBS's, called; texts and flags as they are, whole numbers and pointers as addresses."""
    function = getattr(ctypes.CDLL(None), name)
    kinds = {bytes: ctypes.c_char_p, bool: ctypes.c_bool}
    function.argtypes = [kinds.get(type(argument), ctypes.c_void_p) for argument in arguments]
    function.restype = result
    return function(*arguments)


def picture(width: int, height: int, encoder: str) -> dict[str, Any]:
    """What an output of OBS's own sends that codes the program as JPEGs in parts, and how it ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        data = native(ctypes.c_void_p, "obs_data_create")
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        texts = {"url": url, "format_name": "mpjpeg", "video_encoder": encoder}
        texts["muxer_settings"] = "flush_packets=1 boundary_tag=between"
        for name, text in texts.items():
            native(None, "obs_data_set_string", data, name.encode(), text.encode())
        for name, number in {"scale_width": width, "scale_height": height}.items():
            native(None, "obs_data_set_int", data, name.encode(), number)
        output = native(ctypes.c_void_p, "obs_output_create", b"ffmpeg_output", b"contract picture", data, None)
        native(None, "obs_data_release", data)
        found: dict[str, Any] = {"started": native(ctypes.c_bool, "obs_output_start", output)}
        connection = None
        while connection is None:
            with contextlib.suppress(TimeoutError):
                connection, _address = listener.accept()
            if connection is None and native(ctypes.c_char_p, "obs_output_get_last_error", output):
                native(None, "obs_output_release", output)
                return {**found, "error": True}
        with connection:
            received = bytearray()
            while received.count(b"--between\r\n") < 2 and (more := connection.recv(1 << 16)):
                received += more
            head, _, rest = received.partition(b"\r\n\r\n")
            opening, kind, length = head.decode().split("\r\n")
            name, _, count = length.partition(": ")
            jpeg = rest[: int(count)]
            found |= {"head": [opening, kind, name], "jpeg": (jpeg[:2] + jpeg[-2:]).hex()}
            found["then"] = rest[int(count) :][:13].decode()
            found["paused"] = native(ctypes.c_bool, "obs_output_pause", output, True)
            drain(connection)
            native(None, "obs_output_end_data_capture", output)
            while native(ctypes.c_bool, "obs_output_active", output):
                pass
            native(None, "obs_output_release", output)
            found["at_end"] = len(connection.recv(1 << 16))
    return found


def drain(connection: socket.socket) -> None:
    """What a paused output sends still, until a second's frames have gone by without one."""
    video = native(ctypes.c_void_p, "obs_get_video")
    connection.settimeout(0.1)
    quiet_since = native(ctypes.c_uint32, "video_output_get_total_frames", video)
    while native(ctypes.c_uint32, "video_output_get_total_frames", video) - quiet_since < 30:
        with contextlib.suppress(TimeoutError):
            if connection.recv(1 << 16):
                quiet_since = native(ctypes.c_uint32, "video_output_get_total_frames", video)
    connection.settimeout(None)


def force_stop() -> str:
    """The output's kind."""
    output = native(ctypes.c_void_p, "obs_frontend_get_streaming_output")
    kind: bytes = native(ctypes.c_char_p, "obs_output_get_id", output)
    native(None, "obs_output_force_stop", output)
    native(None, "obs_output_release", output)
    return kind.decode()


STEPS: dict[str, Callable[..., Any]] = {
    "ui.force_stop": force_stop,
    "start": lambda: obs.obs_frontend_streaming_start(),
    "stop": lambda: obs.obs_frontend_streaming_stop(),
    "ui.native_start": native_start,
    "ui.output_state": output_state,
    "ui.scenes": scenes,
    "ui.set_scene": set_scene,
    "ui.ident": threading.get_ident,
    "ident": threading.get_ident,
    "data": data_round_trip,
    "bind_hotkey": bind_hotkey,
    "press_hotkey": lambda: obs.obs_hotkey_trigger_routed_callback(probe.hotkey, True),
    "version": lambda: obs.obs_get_version_string(),
    "native_config_path": native_config_path,
    "leak": lambda: obs.obs_data_create() and None,
    "register_method": register_method,
    "post.switch_collection": switch_collection,
    "generation": lambda: generation,
    "config_path": lambda: obs.os_get_config_path_ptr("obs-studio/plugin_config/contract"),
    "log": lambda: obs.script_log(obs.LOG_INFO, "contract probe speaks"),
    "api": api,
    "refuses": refuses,
    "picture": picture,
}


def work() -> None:
    try:
        for line in probe.wire.lines:
            step = json.loads(line)
            fn = STEPS[step["do"]]
            arguments = step.get("with", [])
            place = step["do"].partition(".")[0]
            if place in ("ui", "post"):
                answer = on_ui(functools.partial(fn, *arguments), 15 if place == "ui" else 0)
            else:
                answer = answer_of(functools.partial(fn, *arguments))
            probe.wire.tell("answer", step=step["do"], value=answer)
    except OSError:
        return  # script_unload closed the socket
