"""An OBS script of the campaign, listed in every scene collection: what the streamer and the machine do to OBS.

One JSON line in, one out, on a loopback socket: ``active`` (does OBS stream?), ``stop`` (the frontend's own),
``switch`` (to another collection, answered when OBS has), ``clock`` (this interpreter's wall time, so many seconds
off), ``ui`` (whether OBS's UI thread does anything within UI_S). Its thread begins with the first load and ends with
OBS. Its name keeps it behind the service in OBS's list, whose first entry is the one that the campaign reloads.
"""

import ctypes
import json
import socket
import threading
import time
from typing import Any

import obspython as obs

listener: socket.socket | None = globals().get("listener")
frontend = ctypes.CDLL(None)
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
UI_S = 10.0
tasks: list[Any] = []
real_time = globals().get("real_time", time.time)


def answer(call: dict[str, Any]) -> Any:
    """ctypes calls leave Python to the script that runs meanwhile."""
    match call["do"]:
        case "active":
            frontend.obs_frontend_streaming_active.restype = ctypes.c_bool
            return bool(frontend.obs_frontend_streaming_active())
        case "stop":
            return frontend.obs_frontend_streaming_stop()
        case "switch":
            return frontend.obs_frontend_set_current_scene_collection(call["name"].encode())
        case "clock":
            off_s = call["off_s"]
            time.time = (lambda: real_time() + off_s) if off_s else real_time
            return None
        case "ui":
            return ui_answers()


def ui_answers() -> bool:
    turn = threading.Event()
    task = TASK(lambda _nothing: turn.set())
    tasks.append(task)  # OBS may call it late
    frontend.obs_queue_task(0, task, None, False)
    return turn.wait(UI_S)


def serve(listening: socket.socket) -> None:
    while True:
        connection, _address = listening.accept()
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                stream.write(json.dumps({"value": answer(json.loads(line))}).encode() + b"\n")
                stream.flush()


def script_load(settings: object) -> None:
    global listener
    if listener is None:
        listener = socket.create_server(("127.0.0.1", json.loads(obs.obs_data_get_json(settings))["port"]))
        threading.Thread(target=serve, args=(listener,), name="streamer", daemon=True).start()
