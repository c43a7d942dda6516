"""An OBS script for tests, listed in every scene collection: switches to the one that a line on its socket names.

Its thread begins with the first load and ends with OBS: it has to be there in a collection without any other script.
"""

import ctypes
import json
import socket
import threading

import obspython as obs

listener: socket.socket | None = globals().get("listener")


def serve(listening: socket.socket) -> None:
    while True:
        connection, _address = listening.accept()
        with connection, connection.makefile("rwb") as stream:
            # Waits until OBS has switched; a ctypes call leaves Python to the script that loads meanwhile.
            ctypes.CDLL(None).obs_frontend_set_current_scene_collection(stream.readline().strip())
            stream.write(b"switched\n")


def script_load(settings: object) -> None:
    global listener
    if listener is None:
        listener = socket.create_server(("127.0.0.1", json.loads(obs.obs_data_get_json(settings))["port"]))
        threading.Thread(target=serve, args=(listener,), name="switcher", daemon=True).start()
