"""An OBS script of the campaign, listed in every scene collection: what the streamer and the machine do to OBS.

One JSON line in, one out, on a loopback socket: ``active`` (does OBS stream?), ``stop`` (the frontend's own),
``switch`` (to another collection, answered when OBS has), ``clock`` (this interpreter's wall time, so many seconds
off), ``fail`` (SQLite's writes, with that ``errno``, until it is 0), ``ui`` (whether OBS's UI
thread does anything within UI_S). Its thread begins with the first load and ends with
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
WRITES = b"posix/io/rw/pwrite"
"""libfiu's failure point."""
tasks: list[Any] = []
real_time = globals().get("real_time", time.time)


class Vfs(ctypes.Structure):
    """``sqlite3_vfs``, version 3."""


Vfs._fields_ = [
    *((name, ctypes.c_int) for name in ("version", "file_size", "longest_path")),
    *((f"pointer_{number}", ctypes.c_void_p) for number in range(16)),
    ("set_system_call", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Vfs), ctypes.c_char_p, ctypes.c_void_p)),
]


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
        case "fail":
            return fail(call["preload"], call["errno"])
        case "ui":
            return ui_answers()


def fail(preload: str, errno: int) -> None:
    """SQLite's writes go through libfiu's ``pwrite``, as SQLite offers for tests. To preload all of that library is no
    way: its malloc, inside a dlopen, stops OBS for good."""
    fiu = ctypes.CDLL("libfiu.so.0")
    if errno == 0:
        fiu.fiu_disable(WRITES)
        return
    sqlite = ctypes.CDLL("libsqlite3.so.0")
    sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
    vfs = sqlite.sqlite3_vfs_find(None)
    for name in ("pwrite", "pwrite64"):
        vfs.contents.set_system_call(vfs, name.encode(), ctypes.cast(ctypes.CDLL(preload)[name], ctypes.c_void_p))
    if fiu.fiu_enable(WRITES, 1, ctypes.c_void_p(errno), 0):
        raise OSError("libfiu does not let SQLite's writes fail")


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
