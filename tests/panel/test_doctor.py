"""tools/doctor.py, run as a user runs it: what it finds, what it says to do, and that it changes nothing."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.kept_rails import KeptRails
from clawcraft.secrets import Secret
from installer import homes
from tests.panel.conftest import Streamer
from tests.support.loopback import Handler, Loopback
from tests.support.paths import SCRIPT
from tests.support.tool import Done, tool

OF_THIS_MACHINE = {"python", "packages"}
"""What the doctor says of the OBS installed here, if one is; the tests of the installer have that."""


class Patient(Streamer):
    """Whose OBS has a scene collection that lists the script."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.add_collection("Untitled", [{"path": str(SCRIPT), "settings": {"port": self.port}}])

    def add_collection(self, name: str, scripts: list[dict[str, Any]]) -> Path:
        path = self.folder / "basic" / "scenes" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"name": name, "modules": {"scripts-tool": scripts}}))
        return path

    def doctor(self, *arguments: str, **env: str) -> Done:
        return tool("doctor.py", "--obs-config-dir", str(self.folder), *arguments, env=os.environ | env)

    def outcomes(self, *arguments: str, **env: str) -> dict[str, str]:
        done = self.doctor("--json", *arguments, **env)
        checks = json.loads(done.stdout)["checks"]
        return {check["name"]: check["outcome"] for check in checks if check["name"] not in OF_THIS_MACHINE}

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def patient(streamer: Streamer) -> Iterator[Patient]:
    """``streamer`` for its clean environment."""
    patient = Patient(streamer.folder)
    yield patient
    patient.stop()


def test_a_running_service_is_well_but_for_twitch(patient: Patient) -> None:
    patient.start()
    outcomes = patient.outcomes()
    assert outcomes == {
        **dict.fromkeys(("obs_found", "script_listed", "settings", "service", "clock", "token", "signature"), "ok"),
        **dict.fromkeys(("obs", "stream", "scene", "pause", "actions"), "ok"),
        "twitch": "warning",
    }


def test_it_says_what_to_do_in_words_and_with_its_exit_status_and_changes_nothing(patient: Patient) -> None:
    before = patient.files()
    done = patient.doctor()
    assert patient.files() == before
    assert done.returncode == 1
    assert f"nothing answers on http://127.0.0.1:{patient.port}" in done.stdout
    assert "→ Start OBS" in done.stdout


@pytest.mark.parametrize(("bind", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_a_service_that_listens_everywhere_is_asked_where_it_answers(patient: Patient, bind: str, host: str) -> None:
    done = patient.doctor(TOOL_SERVICE_BIND=bind)
    assert f"nothing answers on http://{host}:{patient.port}: " in done.stdout


def test_the_signature_is_tried_with_the_secret_known_here(patient: Patient) -> None:
    secret = "a-signing-secret-of-the-tests"
    patient.start()
    token = patient.stored("TOOL_SERVICE_TOKEN")
    assert token is not None
    patient.stop()
    patient.store.update({"TOOL_SERVICE_SIGNATURE_SECRET": Secret(secret)})
    patient.start()
    assert patient.outcomes()["signature"] == "ok"
    assert patient.outcomes(TOOL_SERVICE_SIGNATURE_SECRET="another-secret")["signature"] == "failed"
    assert patient.outcomes(TOOL_SERVICE_TOKEN="another-token-0123456789")["token"] == "failed"
    done = patient.doctor("--json", TOOL_SERVICE_TOKEN="another-token-0123456789")
    for text in (token, secret, "another-token-0123456789"):
        assert text not in done.stdout + done.stderr


def test_a_collection_without_the_script_and_a_broken_one_are_told(patient: Patient) -> None:
    patient.add_collection("Other", [])
    assert patient.outcomes()["script_listed"] == "warning"
    patient.add_collection("Untitled", [])
    assert patient.outcomes()["script_listed"] == "failed"
    patient.add_collection("Other", []).write_text("{")
    done = patient.doctor()
    assert "Other.json cannot be read" in done.stdout


def test_the_collection_in_use_counts_also_where_its_panel_was_never_touched(patient: Patient) -> None:
    patient.add_collection("As installed", [{"path": str(SCRIPT), "settings": {}}])
    (patient.folder / "global.ini").write_text("[Basic]\nSceneCollection=As installed\n")
    assert "nothing answers on http://127.0.0.1:3040" in patient.doctor().stdout


def test_settings_of_obs_that_cannot_be_read_are_told_among_the_rest(patient: Patient) -> None:
    (patient.folder / "global.ini").write_bytes(b"[Basic]\nSceneCollection=Caf\xe9\n")
    done = patient.doctor()
    assert done.stderr == ""
    assert "global.ini" in done.stdout
    assert "[ok]" in done.stdout or "ok" in done.stdout


def test_a_wrong_setting_is_named_and_nothing_more_is_asked(patient: Patient) -> None:
    outcomes = patient.outcomes(PORT="many")
    assert outcomes["settings"] == "failed"
    assert "service" not in outcomes


@pytest.mark.parametrize("kept", ["{", '{"TOOL_STARTS_PER_HOUR": "many"}'])
def test_guard_rails_with_which_the_service_does_not_start_are_told(patient: Patient, kept: str) -> None:
    path = patient.store.path.with_name(KeptRails.FILE_NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(kept)
    assert patient.outcomes()["settings"] == "failed"


def test_the_token_goes_to_no_other_machine_that_a_collection_names(patient: Patient) -> None:
    settings = {"port": patient.port, "tool_service_bind": "192.0.2.7"}
    patient.add_collection("Untitled", [{"path": str(SCRIPT), "settings": settings}])
    done = patient.doctor(TOOL_SERVICE_TOKEN="a-token-of-the-tests")
    assert "asks for TOOL_SERVICE_BIND=192.0.2.7, which nobody confirmed on this machine" in done.stdout
    assert "192.0.2.7:" not in done.stdout


def test_the_token_follows_no_redirect(patient: Patient) -> None:
    seen: list[str | None] = []

    class Redirecting(Handler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            body = json.dumps({"service": "twitch-clawcraft"}).encode()
            if self.path == "/health":
                self.answer(200, body)
            else:
                self.answer(302, body, {"Location": f"http://127.0.0.1:{patient.port}/elsewhere"})

    with Loopback(Redirecting, patient.port):
        outcomes = patient.outcomes(TOOL_SERVICE_TOKEN="a-token-of-the-tests")
    assert outcomes["token"] == "failed"
    assert seen == [None, "Bearer a-token-of-the-tests"]


def test_something_else_on_the_port_is_recognised(patient: Patient) -> None:
    with Loopback(Handler, patient.port):
        done = patient.doctor()
    assert "something else answers" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the kinds of Linux: of the system, Flatpak, Snap")
def test_of_several_obs_it_names_the_others(tmp_path: Path) -> None:
    config, flatpak = tmp_path / "config" / "obs-studio", tmp_path / homes.FLATPAK / "obs-studio"
    for folder in (config, flatpak):
        folder.mkdir(parents=True)
    done = tool("doctor.py", env=os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(config.parent)})
    assert f"is in {config} (native); for that of the other OBS (flatpak): --obs-config-dir {flatpak}\n" in done.stdout
