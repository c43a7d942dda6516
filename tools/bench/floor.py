"""An OBS script that serves as little as waitress and bottle can, on $FLOOR_PORT: what any answer in Python costs."""

import os
import sys
import threading
from pathlib import Path
from typing import Any

LIB = Path(__file__).resolve().parents[2] / "obs_plugin" / "lib" / f"cp{sys.version_info[0]}{sys.version_info[1]}"
_server: Any = None
_thread: threading.Thread | None = None


def script_load(_settings: object) -> None:
    global _server, _thread
    if str(LIB) not in sys.path:
        sys.path.append(str(LIB))
    import bottle
    import waitress

    app = bottle.Bottle()
    answer = {"ok": True, "result": {"job_id": "none"}}
    app.post("/tools/execute", callback=lambda: answer)
    app.get("/health", callback=lambda: answer)
    _server = waitress.create_server(app, host="127.0.0.1", port=int(os.environ["FLOOR_PORT"]), threads=8)
    _thread = threading.Thread(target=_server.run, daemon=True)
    _thread.start()


def script_unload() -> None:
    if _server is not None and _thread is not None:
        _server.trigger.pull_trigger(_server.close)
        _server.task_dispatcher.shutdown()
        _thread.join(2)


if __name__ == "__main__":  # without an OBS, until it is ended
    script_load(None)
    threading.Event().wait()
