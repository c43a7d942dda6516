"""``tools/install.py`` as a streamer runs it, on OBS homes in temporary folders."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import install
from clawcraft import dependencies
from clawcraft.secrets import Secret, SecretStore
from installer import embedded, homes
from tests.support.tool import python
from tests.support.waiting import HANG_S
from tests.tools.conftest import OWN_TAG, Clone, hide, make_wheel, pin

OTHER_SCRIPT = {"path": "/home/me/clock.lua", "settings": {"format": "%H:%M"}}
COLLECTION = {
    "current_scene": "Main",
    "name": "My Show",
    "sources": [{"name": "Main", "volume": 0.5}],
    "modules": {"auto-scene-switcher": {"interval": 300}, "scripts-tool": [OTHER_SCRIPT]},
}
LAYOUTS = {
    "as OBS writes it": json.dumps(COLLECTION, indent=4).encode(),
    "on one line": json.dumps(COLLECTION, separators=(",", ":")).encode(),
    "as an editor on Windows does": b"\xef\xbb\xbf" + json.dumps(COLLECTION, indent=1).replace("\n", "\r\n").encode(),
    "with numbers Python would write differently": b'{"name": "x", "volume": 0.10000000000000001, "id": 1.0e+20}',
    "empty": b"{}",
}


def test_an_empty_obs_home_gets_a_collection_and_uninstalling_leaves_no_file(clone: Clone) -> None:
    done = clone.installs()

    assert clone.scripts(clone.config / "basic/scenes/Untitled.json") == [{"path": str(clone.script), "settings": {}}]
    for name in ("global.ini", "user.ini"):
        assert "SceneCollectionFile=Untitled" in (clone.config / name).read_text()
    assert "Next: start OBS" in done.stdout
    for_openclaw = json.loads(done.stdout[done.stdout.index("{") :])
    secrets_file = str(clone.config / "plugin_config" / "twitch-clawcraft" / "secrets.json")
    assert for_openclaw["secrets"]["providers"]["twitch-clawcraft"]["path"] == secrets_file

    clone.installs("--uninstall")

    assert [path for path in clone.config.rglob("*") if path.is_file()] == []
    assert not clone.packages.exists()


def test_uninstalling_gives_back_every_byte_with_its_permissions_through_a_link(clone: Clone, tmp_path: Path) -> None:
    paths = {layout: clone.add_file(f"{layout}.json", content) for layout, content in LAYOUTS.items()}
    linked = paths["on one line"]
    elsewhere = linked.rename(tmp_path / "elsewhere.json")
    linked.symlink_to(elsewhere)
    elsewhere.chmod(0o640)
    clone.installs()
    for path in paths.values():
        assert {"path": str(clone.script), "settings": {}} in clone.scripts(path), path
    assert elsewhere.stat().st_mode & 0o777 == 0o640

    done = clone.install("--uninstall")

    assert done.stdout.count("every byte is as it was before") == len(LAYOUTS)
    assert {layout: path.read_bytes() for layout, path in paths.items()} == LAYOUTS
    assert linked.is_symlink()
    assert elsewhere.stat().st_mode & 0o777 == 0o640
    assert not (clone.config / "plugin_config").exists()


def test_installing_twice_is_installing_once(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    clone.installs()
    once = snapshot(clone.config)
    packages = clone.packages.stat().st_ino

    done = clone.installs()

    assert snapshot(clone.config) == once
    assert clone.packages.stat().st_ino == packages
    assert "already lists the script" in done.stdout
    assert clone.scripts(path) == [OTHER_SCRIPT, {"path": str(clone.script), "settings": {}}]


def test_uninstalling_after_obs_saved_anew_removes_only_our_entry(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    clone.installs()
    saved_by_obs = json.loads(path.read_bytes())
    saved_by_obs["sources"].append({"name": "New scene"})
    saved_by_obs["modules"]["scripts-tool"][1]["settings"] = {"port": "3041"}
    path.write_text(json.dumps(saved_by_obs))

    done = clone.installs("--uninstall")

    assert "Show.json: changed since the installer wrote it; the script alone is removed" in done.stdout
    assert json.loads(path.read_bytes()) == saved_by_obs | {"modules": COLLECTION["modules"]}
    assert not (clone.config / "plugin_config").exists()


def test_installing_from_a_second_copy_keeps_the_backup_from_before_the_first(clone: Clone, tmp_path: Path) -> None:
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()
    second = Clone(tmp_path / "second", clone.user_home)
    shutil.copytree(clone.folder, second.folder)
    clone.installs()
    second.installs()
    assert second.scripts(path) == [OTHER_SCRIPT, {"path": str(second.script), "settings": {}}]

    second.installs("--uninstall")

    assert path.read_bytes() == before


def test_an_older_copy_hands_its_settings_on_and_the_installer_says_so(clone: Clone, tmp_path: Path) -> None:
    older = tmp_path / "older" / clone.script.name
    older.parent.mkdir()
    older.touch()
    kept = {"port": 3041, "hotkey_pause": [{"key": "OBS_KEY_F9"}]}
    path = clone.add_collection("Show", {"modules": {"scripts-tool": [{"path": str(older), "settings": kept}]}})

    done = clone.installs()

    assert f"Show.json: pointed here from {older}, its settings kept" in done.stdout
    assert clone.scripts(path) == [{"path": str(clone.script), "settings": kept}]


def test_the_configuration_for_openclaw_has_the_services_port_and_signs_where_it_asks_for_that(clone: Clone) -> None:
    store = SecretStore(clone.config / "plugin_config" / "twitch-clawcraft")
    store.update({"TOOL_SERVICE_SIGNATURE_SECRET": Secret("s" * 20)})
    clone.environment["PORT"] = "4001"

    said = clone.installs().stdout

    config = json.loads(said[said.index("{") :])["plugins"]["entries"]["twitch-clawcraft"]["config"]
    assert config["baseUrl"] == "http://127.0.0.1:4001"
    assert config["signatureSecret"]["id"] == "/TOOL_SERVICE_SIGNATURE_SECRET"


def test_broken_collections_are_named_and_left_alone_and_the_others_are_done(clone: Clone) -> None:
    contents = (b'{"name": "Broken", ', b"[]", b'{"a": 1, "a": 2}')
    broken = {clone.add_file(f"Broken {number}.json", content): content for number, content in enumerate(contents)}
    good = clone.add_collection("Good", COLLECTION)

    done = clone.install()

    assert done.returncode == 1
    assert {path: path.read_bytes() for path in broken} == broken
    for path in broken:
        assert f"{path.name} is left alone" in done.stderr
        assert f"{path.name}.bak" in done.stderr
    assert len(clone.scripts(good)) == 2


def test_only_the_named_collection_is_changed_and_changed_back(clone: Clone) -> None:
    mine = clone.add_collection("My_Show", COLLECTION)
    other = clone.add_collection("Other", COLLECTION | {"name": "Other"})
    before = mine.read_bytes()
    done = clone.install("--collection", "Typo")
    assert done.returncode == 1
    assert "no scene collection 'Typo'" in done.stderr
    assert "there are: My Show, Other" in done.stderr

    clone.installs("--collection", "My Show")
    assert (len(clone.scripts(mine)), len(clone.scripts(other))) == (2, 1)

    clone.installs("--collection", "Other")
    clone.installs("--uninstall", "--collection", "My Show")
    assert mine.read_bytes() == before
    assert len(clone.scripts(other)) == 2
    assert clone.packages.exists(), "the other collection needs them"


def test_a_portable_obs_and_collections_moved_elsewhere_by_obs_31_are_found(clone: Clone, tmp_path: Path) -> None:
    portable = tmp_path / "portable/config/obs-studio"
    scenes = tmp_path / "moved/obs-studio/basic/scenes"
    for folder in (portable, scenes):
        folder.mkdir(parents=True)
    (scenes / "Show.json").write_text("{}")
    (portable / "global.ini").write_text(f"[Locations]\nSceneCollections={tmp_path / 'moved'}\n")

    clone.installs("--obs-config-dir", str(tmp_path / "portable"))

    assert len(clone.scripts(scenes / "Show.json")) == 1
    assert not (portable / "basic").exists()


def test_two_installers_at_once_add_the_script_once(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    shutil.rmtree(clone.packages)

    both = [
        subprocess.Popen(clone.command(), env=clone.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]

    said = [process.communicate(timeout=HANG_S)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted("installed in" in words for words in said) == [False, True], "one waits for the other"
    assert len(clone.scripts(path)) == 2
    assert (clone.packages / "first.py").exists()


# --- OBS running


@pytest.fixture
def running_obs(clone: Clone, tmp_path: Path) -> Iterator[None]:
    """A process that looks like OBS of the clone's user."""
    shutil.copy("/bin/sleep", tmp_path / "obs")
    with subprocess.Popen([str(tmp_path / "obs"), "1000"], env=clone.env()) as process:
        yield
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("running_obs")
def test_while_obs_runs_only_the_packages_are_installed(clone: Clone, tmp_path: Path) -> None:
    clone.add_collection("Show", COLLECTION)
    before = snapshot(clone.config)
    for arguments in ((), ("--uninstall",)):
        done = clone.install(*arguments)
        assert done.returncode == 3
        assert "OBS is running" in done.stderr
    assert snapshot(clone.config) == before
    shutil.rmtree(clone.packages)

    clone.installs("--deps-only")

    assert (clone.packages / "first.py").exists()
    assert snapshot(clone.config) == before
    another = str(tmp_path / "another")
    assert clone.install("--obs-config-dir", another).returncode == 0, "an OBS with another configuration"


# --- packages


def test_the_packages_import_in_that_python_and_without_any_other(whole_clone: Clone) -> None:
    done = whole_clone.installs("--deps-only")
    code = (
        f"import sys; sys.path.insert(0, {str(whole_clone.packages)!r})\n"
        "import bottle, waitress, requests, jsonschema, prometheus_client, rpds\n"
        "print(rpds.__file__)"
    )

    done = python("-I", "-S", "-c", code)

    assert done.stdout.startswith(str(whole_clone.packages)), done.stderr


def test_packages_of_other_pins_are_replaced(clone: Clone, wheels: Path) -> None:
    clone.pin(pin("second", make_wheel(wheels, "second")))

    done = clone.install("--deps-only")

    assert done.returncode == 0, f"only what is pinned is installed, not what it says to need: {done.stderr}"
    assert [path.name for path in clone.packages.glob("*.py")] == ["second.py"]


def test_packages_for_another_python_than_the_running_one_are_that_pythons(clone: Clone, wheels: Path) -> None:
    other = "3.12" if OWN_TAG != "cp312" else "3.11"
    tag = "cp" + other.replace(".", "")
    machine = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    made = [make_wheel(wheels, "compiled", f"{python}-{python}-{machine}") for python in (OWN_TAG, tag)]
    clone.pin(pin("compiled", *made))

    clone.installs("--deps-only", "--python-version", other)

    assert f"{tag}-{tag}" in (clone.packages.with_name(tag) / "compiled.py").read_text()


@pytest.mark.parametrize(
    "pins",
    [f"first==99.0 --hash=sha256:{'0' * 64}", f"first==1.0 --hash=sha256:{'0' * 64}", "first==1.0"],
    ids=["missing", "another than the one pinned", "pinned by its version alone"],
)
def test_where_a_package_cannot_be_got_the_old_ones_and_the_collections_stay(clone: Clone, pins: str) -> None:
    clone.pin(pins)
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()

    done = clone.install()

    assert done.returncode == 5
    assert "pip could not get the packages" in done.stderr
    assert path.read_bytes() == before
    assert (clone.packages / "first.py").exists()
    assert list(clone.packages.parent.glob(".new*")) == []


def test_what_a_release_brought_along_needs_no_pip_and_stays(clone: Clone, tmp_path: Path) -> None:
    brought = clone.packages.rename(f"{clone.packages}-{dependencies.machine()}")
    (brought / "made-from.sha256").unlink()
    clone.environment |= hide(tmp_path / "shadow", "pip", "venv", "virtualenv")

    done = clone.installs()

    assert f"already in {brought}" in done.stdout
    clone.installs("--uninstall")
    assert (brought / "first.py").exists()


def test_a_python_without_pip_is_told_what_to_install(clone: Clone, tmp_path: Path) -> None:
    """As on a Debian with neither python3-pip nor python3-venv."""
    shutil.rmtree(clone.packages)
    clone.environment |= hide(tmp_path / "shadow", "pip", "venv", "virtualenv")

    done = clone.install()

    assert done.returncode == 5
    assert "apt install python3-venv" in done.stderr


# --- the Python of OBS


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--python-version", "3.9"), 4, "needs 3.11 or newer"),
        (("--python-version", "three"), 2, "is not a Python version"),
        (("--python", "/nowhere/python"), 4, "not a Python that runs"),
        (("--python-version", "3.11", "--python", sys.executable), 2, "not allowed with"),
    ],
)
def test_a_python_that_does_not_fit_is_refused(
    clone: Clone, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = clone.install(*arguments)

    assert done.returncode == status
    assert said in done.stderr
    assert not clone.config.exists()


def test_the_python_of_obs_can_be_named_by_its_program(clone: Clone) -> None:
    done = clone.installs("--deps-only", "--python", sys.executable)

    assert f"already in {clone.packages}" in done.stdout


def test_where_obs_has_no_python_set_the_one_found_is_set_and_taken_back(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Windows and macOS, where OBS has to be told."""
    user_ini = clone.config / "user.ini"
    clone.add_collection("Show", COLLECTION)
    user_ini.write_bytes(b"\xef\xbb\xbf[General]\r\nFirstRun=true\r\n")
    before = user_ini.read_bytes()
    home = homes.ObsHome(clone.config, "native")

    installer = install.Installer(argparse.Namespace(collection=None, dock=False), None)
    installer._add_to(home, embedded.EmbeddedPython((3, 12), "found", "C:/Program Files/Python312"))

    assert user_ini.read_bytes() == before + b"[Python]\r\nPath64bit=C:/Program Files/Python312\r\n"
    assert "OBS will use the Python in C:/Program Files/Python312" in capsys.readouterr().out
    clone.installs("--uninstall")
    assert user_ini.read_bytes() == before


# --- folders that cannot be written


@pytest.fixture
def bound() -> tuple[str, ...]:
    """What makes file permissions bind the installer, also when root runs the tests."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root ignores permissions, and setpriv (util-linux) is not installed")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def test_a_read_only_folder_is_a_clear_message(clone: Clone, bound: tuple[str, ...]) -> None:
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()
    path.parent.chmod(0o555)

    done = clone.install(through=bound)

    path.parent.chmod(0o755)
    assert done.returncode == 1
    assert f"cannot write {path}" in done.stderr
    assert "Permission denied" in done.stderr
    assert path.read_bytes() == before


def test_a_read_only_project_is_a_clear_message(clone: Clone, bound: tuple[str, ...]) -> None:
    library = clone.packages.parent
    shutil.rmtree(clone.packages)
    library.chmod(0o555)

    done = clone.install(through=bound)

    library.chmod(0o755)
    assert done.returncode in (1, 5)
    assert f"to {library}" in done.stderr
    assert not clone.config.exists()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
