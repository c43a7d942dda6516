"""The test's end of ``obs_control_script.py``: calls into the service's OBS side inside a real OBS."""

import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.paths import OBS_PLUGIN
from tests.support.ports import free_port
from tests.support.waiting import HANG_S, wait_until

SCRIPT = Path(__file__).with_name("obs_control_script.py")
OTHER_SCRIPT = Path(__file__).with_name("obs_other_script.py")


@dataclass(frozen=True)
class Outcome:
    """What a call came to: ``value``, or the ClawcraftError's JSON. Times are the machine's monotonic clock."""

    value: Any
    error: dict[str, Any] | None
    began: float
    ended: float

    @property
    def code(self) -> str | None:
        return None if self.error is None else str(self.error["code"])

    @property
    def took_s(self) -> float:
        return self.ended - self.began


class Pending:
    """A call that runs inside OBS while the test goes on."""

    def __init__(self, control: "ObsControl", call: dict[str, Any]) -> None:
        self._outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run, args=(control, call), name=f"control {call['do']}")
        self._thread.start()

    def _run(self, control: "ObsControl", call: dict[str, Any]) -> None:
        self._outcome = control.outcome(**call)

    def result(self) -> Outcome:
        self._thread.join(HANG_S)
        if self._outcome is None:
            raise TimeoutError("the call inside OBS has not ended")
        return self._outcome


class ObsControl:
    """Calls by name; each opens its own connection, so that they can run side by side."""

    def __init__(self) -> None:
        self.port = free_port()

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"plugin_dir": str(OBS_PLUGIN), "port": self.port, **more}

    def wait_ready(self) -> Self:
        """Until the script in OBS answers."""

        def answers() -> bool:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                return False
            return True

        wait_until(answers, "the control script listens")
        return self

    def outcome(self, do: str, **args: Any) -> Outcome:
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_S) as sock, sock.makefile("rwb") as stream:
            stream.write(json.dumps({"do": do, **args}).encode() + b"\n")
            stream.flush()
            line = stream.readline()
        if not line:
            raise ConnectionError(f"OBS ended during {do}")
        answer = json.loads(line)
        if "defect" in answer:
            raise AssertionError(answer["defect"])
        return Outcome(answer.get("value"), answer.get("error"), answer["began"], answer["ended"])

    def call(self, do: str, **args: Any) -> Any:
        """The value; an error fails the test."""
        outcome = self.outcome(do, **args)
        assert outcome.error is None, outcome.error
        return outcome.value

    def begin(self, do: str, **args: Any) -> Pending:
        return Pending(self, {"do": do, **args})
