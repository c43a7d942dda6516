"""``tools/install.py`` as a streamer runs it, on OBS homes in temporary folders."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import install
from installer import embedded, homes
from tests.tools.conftest import OWN_TAG, ROOT, Clone, pin

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
    "with Windows line ends": json.dumps(COLLECTION, indent=4).replace("\n", "\r\n").encode(),
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(COLLECTION, indent="\t").encode(),
    "with numbers Python would write differently": b'{"name": "x", "volume": 0.10000000000000001, "id": 1.0e+20}',
    "without modules": b'{\n    "name": "x"\n}\n',
    "with no scripts": b'{"name":"x","modules":{}}',
    "with an empty list": b'{\n    "modules": {\n        "scripts-tool": []\n    }\n}',
    "empty": b"{}",
}


def test_an_empty_obs_home_gets_a_collection_that_lists_the_script(clone: Clone) -> None:
    done = clone.install()

    assert done.returncode == 0, done.stderr
    assert clone.scripts(clone.config / "basic/scenes/Untitled.json") == [{"path": str(clone.script), "settings": {}}]
    for name in ("global.ini", "user.ini"):
        assert "SceneCollectionFile=Untitled" in (clone.config / name).read_text()
    assert "Next: start OBS" in done.stdout
    for_openclaw = json.loads(done.stdout[done.stdout.index("{") :])
    secrets_file = str(clone.config / "plugin_config" / "twitch-clawcraft" / "secrets.json")
    assert for_openclaw["secrets"]["providers"]["twitch-clawcraft"]["path"] == secrets_file


def test_uninstalling_from_a_home_that_was_empty_leaves_no_file(clone: Clone) -> None:
    assert clone.install().returncode == 0

    done = clone.install("--uninstall")

    assert done.returncode == 0, done.stderr
    assert [path for path in clone.config.rglob("*") if path.is_file()] == []
    assert not clone.packages.exists()


def test_uninstalling_gives_back_every_byte_of_every_layout(clone: Clone) -> None:
    paths = {layout: clone.add_file(f"{layout}.json", content) for layout, content in LAYOUTS.items()}
    assert clone.install().returncode == 0
    for path in paths.values():
        assert {"path": str(clone.script), "settings": {}} in clone.scripts(path), path

    assert clone.install("--uninstall").returncode == 0

    assert {layout: path.read_bytes() for layout, path in paths.items()} == LAYOUTS
    assert not (clone.config / "plugin_config").exists()


def test_installing_twice_is_installing_once(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    assert clone.install().returncode == 0
    once = snapshot(clone.user_home)
    packages = clone.packages.stat().st_ino

    done = clone.install()

    assert done.returncode == 0, done.stderr
    assert snapshot(clone.user_home) == once
    assert clone.packages.stat().st_ino == packages
    assert "already lists the script" in done.stdout
    assert clone.scripts(path) == [OTHER_SCRIPT, {"path": str(clone.script), "settings": {}}]


def test_a_backup_of_each_changed_collection_is_kept(clone: Clone) -> None:
    for name in ("One", "Two"):
        clone.add_collection(name, COLLECTION | {"name": name})

    assert clone.install().returncode == 0

    backups = list((clone.config / "plugin_config/twitch-clawcraft/install").glob("*-*.json"))
    assert sorted(json.loads(path.read_bytes())["name"] for path in backups) == ["One", "Two"]


def test_uninstalling_after_obs_saved_anew_removes_only_our_entry(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    assert clone.install().returncode == 0
    saved_by_obs = json.loads(path.read_bytes())
    saved_by_obs["sources"].append({"name": "New scene"})
    saved_by_obs["modules"]["scripts-tool"][1]["settings"] = {"port": "3041"}
    path.write_text(json.dumps(saved_by_obs, indent=4))

    done = clone.install("--uninstall")

    assert done.returncode == 0, done.stderr
    expected = saved_by_obs | {"modules": COLLECTION["modules"]}
    assert path.read_text() == json.dumps(expected, indent=4)


def test_an_entry_of_a_copy_elsewhere_is_pointed_here_and_keeps_its_settings(clone: Clone) -> None:
    old = {"path": "C:\\old place\\twitch_clawcraft.py", "settings": {"port": "3055"}}
    path = clone.add_collection("Show", {"modules": {"scripts-tool": [old, OTHER_SCRIPT]}})

    assert clone.install().returncode == 0

    assert clone.scripts(path) == [{"path": str(clone.script), "settings": {"port": "3055"}}, OTHER_SCRIPT]


def test_installing_from_a_second_copy_keeps_the_backup_from_before_the_first(clone: Clone, tmp_path: Path) -> None:
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()
    second = Clone(tmp_path / "second", clone.user_home)
    shutil.copytree(clone.folder, second.folder)
    assert clone.install().returncode == 0
    assert second.install().returncode == 0
    assert second.scripts(path) == [OTHER_SCRIPT, {"path": str(second.script), "settings": {}}]

    assert second.install("--uninstall").returncode == 0

    assert path.read_bytes() == before


def test_a_broken_collection_is_left_alone_and_the_others_are_done(clone: Clone) -> None:
    broken = clone.add_file("Broken.json", b'{"name": "Broken", ')
    good = clone.add_collection("Good", COLLECTION)

    done = clone.install()

    assert done.returncode == 1
    assert broken.read_bytes() == b'{"name": "Broken", '
    assert len(clone.scripts(good)) == 2
    assert "Broken.json is left alone" in done.stderr
    assert "Broken.json.bak" in done.stderr


def test_what_obs_would_not_write_is_refused_not_mended(clone: Clone) -> None:
    odd = (b"", b"[]", b'{"modules": []}', b'{"modules": {"scripts-tool": {}}}', b"\xff\xfe")
    paths = {clone.add_file(f"Odd {number}.json", content): content for number, content in enumerate(odd)}

    done = clone.install()

    assert done.returncode == 1
    assert {path: path.read_bytes() for path in paths} == paths
    assert [path.name for path in paths if f"{path.name} is left alone" not in done.stderr] == []
    assert "Traceback" not in done.stderr


def test_only_the_named_collection_is_changed(clone: Clone) -> None:
    mine = clone.add_collection("My_Show", COLLECTION)
    other = clone.add_collection("Other", COLLECTION | {"name": "Other"})
    before = other.read_bytes()

    assert clone.install("--collection", "My Show").returncode == 0

    assert len(clone.scripts(mine)) == 2
    assert other.read_bytes() == before


def test_a_collection_that_is_not_there_is_named_with_those_that_are(clone: Clone) -> None:
    clone.add_collection("My_Show", COLLECTION)

    done = clone.install("--collection", "Typo")

    assert done.returncode == 1
    assert "no scene collection 'Typo'" in done.stderr
    assert "My Show" in done.stderr


def test_the_named_collection_is_uninstalled_and_the_packages_stay_for_the_other(clone: Clone) -> None:
    first = clone.add_collection("First", COLLECTION | {"name": "First"})
    second = clone.add_collection("Second", COLLECTION | {"name": "Second"})
    before = first.read_bytes()
    assert clone.install().returncode == 0

    assert clone.install("--uninstall", "--collection", "First").returncode == 0

    assert first.read_bytes() == before
    assert len(clone.scripts(second)) == 2
    assert clone.packages.exists()


def test_the_folder_of_a_portable_obs_is_understood(clone: Clone, tmp_path: Path) -> None:
    scenes = tmp_path / "portable/config/obs-studio/basic/scenes"
    scenes.mkdir(parents=True)
    (scenes / "Show.json").write_text("{}")

    assert clone.install("--obs-config-dir", str(tmp_path / "portable")).returncode == 0

    assert len(clone.scripts(scenes / "Show.json")) == 1


def test_collections_moved_elsewhere_by_obs_31_are_found(clone: Clone, tmp_path: Path) -> None:
    scenes = tmp_path / "moved/obs-studio/basic/scenes"
    scenes.mkdir(parents=True)
    (scenes / "Show.json").write_text("{}")
    clone.config.mkdir(parents=True)
    (clone.config / "global.ini").write_text(f"[Locations]\nSceneCollections={tmp_path / 'moved'}\n")

    assert clone.install().returncode == 0

    assert len(clone.scripts(scenes / "Show.json")) == 1
    assert not (clone.config / "basic").exists()


def test_two_installers_at_once_add_the_script_once(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    shutil.rmtree(clone.packages)

    both = [
        subprocess.Popen(clone.command(), env=clone.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]

    said = [process.communicate(timeout=100)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted("installed in" in words for words in said) == [False, True], "one waits for the other"
    assert len(clone.scripts(path)) == 2
    assert (clone.packages / "bottle.py").exists()


# --- OBS running


@pytest.fixture
def running_obs(clone: Clone, tmp_path: Path) -> Iterator[Path]:
    """A process that looks like OBS of the clone's user."""
    program = tmp_path / "obs"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([str(program), "100"], env=clone.env())
    yield program
    process.kill()
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.usefixtures("running_obs")
class TestWhileObsRuns:
    def test_installing_and_uninstalling_are_refused_and_nothing_changes(self, clone: Clone) -> None:
        clone.add_collection("Show", COLLECTION)
        before = snapshot(clone.user_home)

        for arguments in ((), ("--uninstall",)):
            done = clone.install(*arguments)

            assert done.returncode == 3
            assert "OBS is running" in done.stderr
        assert snapshot(clone.user_home) == before
        assert clone.packages.exists()

    def test_the_packages_alone_are_installed(self, clone: Clone) -> None:
        shutil.rmtree(clone.packages)

        assert clone.install("--deps-only").returncode == 0

        assert (clone.packages / "bottle.py").exists()

    def test_an_obs_with_another_configuration_is_no_reason(self, clone: Clone, tmp_path: Path) -> None:
        assert clone.install("--obs-config-dir", str(tmp_path / "another")).returncode == 0


# --- packages


def test_the_packages_import_in_that_python_and_without_any_other(whole_clone: Clone) -> None:
    done = whole_clone.install("--deps-only")
    assert done.returncode == 0, done.stderr
    code = (
        f"import sys; sys.path.insert(0, {str(whole_clone.packages)!r})\n"
        "import bottle, waitress, requests, jsonschema, prometheus_client, rpds\n"
        "print(rpds.__file__)"
    )

    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout.startswith(str(whole_clone.packages)), done.stderr


def test_packages_of_other_pins_are_replaced(clone: Clone) -> None:
    pin(clone, "jsonschema==4.26.0\n")

    assert clone.install("--deps-only").returncode == 0

    assert (clone.packages / "jsonschema").exists()
    assert not (clone.packages / "bottle.py").exists()
    assert not (clone.packages / "attr").exists(), "only what is pinned: pip would choose by its own Python"


def test_without_a_package_index_the_old_packages_and_the_collections_stay(clone: Clone) -> None:
    pin(clone, "bottle==99.0\n")
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()

    done = clone.install()

    assert done.returncode == 5
    assert "pip could not get the packages" in done.stderr
    assert path.read_bytes() == before
    assert (clone.packages / "bottle.py").exists()
    assert [entry.name for entry in clone.packages.parent.iterdir() if entry.name.startswith(".new")] == []


def test_a_python_without_pip_is_told_what_to_install(clone: Clone, tmp_path: Path) -> None:
    shutil.rmtree(clone.packages)
    hide_pip(clone, tmp_path / "shadow")

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
    done = clone.install("--deps-only", "--python", sys.executable)

    assert done.returncode == 0, done.stderr
    assert f"already in {clone.packages}" in done.stdout


def test_packages_for_another_python_than_the_running_one_are_that_pythons(clone: Clone) -> None:
    pinned = (ROOT / "requirements.txt").read_text().splitlines()
    pin(clone, "\n".join(line for line in pinned if re.match("referencing|rpds|typing", line)))
    other = "3.12" if OWN_TAG != "cp312" else "3.11"
    tag = "cp" + other.replace(".", "")

    done = clone.install("--deps-only", "--python-version", other)

    assert done.returncode == 0, done.stderr
    packages = clone.packages.with_name(tag)
    assert list(packages.glob(f"rpds/*{tag[2:]}*")) != []
    assert (packages / "typing_extensions.py").exists(), "needed below 3.13 only: pip must not decide by its own Python"


def test_where_obs_has_no_python_set_the_one_found_is_set_and_taken_back(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Windows and macOS, where OBS has to be told."""
    user_ini = clone.config / "user.ini"
    clone.add_collection("Show", COLLECTION)
    user_ini.write_bytes(b"\xef\xbb\xbf[General]\r\nFirstRun=true\r\n")
    before = user_ini.read_bytes()
    home = homes.ObsHome(clone.config, "native")

    installer = install.Installer(argparse.Namespace(collection=None))
    installer._add_to(home, embedded.EmbeddedPython((3, 12), "found", "C:/Program Files/Python312"))

    assert user_ini.read_bytes() == before + b"[Python]\r\nPath64bit=C:/Program Files/Python312\r\n"
    assert "OBS will use the Python in C:/Program Files/Python312" in capsys.readouterr().out
    assert clone.install("--uninstall").returncode == 0
    assert user_ini.read_bytes() == before


# --- folders that cannot be written


def test_a_read_only_folder_is_a_clear_message(clone: Clone) -> None:
    path = clone.add_collection("Show", COLLECTION)
    before = path.read_bytes()
    path.parent.chmod(0o555)

    done = run_bound_by_permissions(clone)

    path.parent.chmod(0o755)
    assert done.returncode == 1
    assert f"cannot write {path}" in done.stderr
    assert "Permission denied" in done.stderr
    assert path.read_bytes() == before


def test_a_read_only_project_is_a_clear_message(clone: Clone) -> None:
    library = clone.packages.parent
    shutil.rmtree(clone.packages)
    library.chmod(0o555)

    done = run_bound_by_permissions(clone)

    library.chmod(0o755)
    assert done.returncode in (1, 5)
    assert f"to {library}" in done.stderr
    assert not clone.config.exists()


# --- helpers


def run_bound_by_permissions(clone: Clone) -> subprocess.CompletedProcess[str]:
    """Install as a process that file permissions bind, also when root runs the tests."""
    command = clone.command()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root ignores permissions, and setpriv (util-linux) is not installed")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    return subprocess.run(command, env=clone.env(), capture_output=True, text=True, timeout=100, check=False)


def hide_pip(clone: Clone, shadow: Path) -> None:
    """As on a Debian with neither python3-pip nor python3-venv."""
    for module in ("pip", "venv", "virtualenv"):
        (shadow / module).mkdir(parents=True)
        (shadow / module / "__init__.py").write_text("")
        (shadow / module / "__main__.py").write_text(f"raise SystemExit('No module named {module}')")
    clone.environment |= {"PYTHONPATH": str(shadow), "PATH": str(shadow)}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
