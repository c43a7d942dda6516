"""The release's zip: the same bytes wherever it is made, and all that a start needs, without pip."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import hashes
import release
from clawcraft import VERSION, dependencies
from tests.support.paths import ROOT, TOOLS
from tests.support.ports import free_port
from tests.support.show import Show
from tests.support.tool import python
from tests.support.waiting import HANG_S, wait_until

NAME = f"twitch-clawcraft-{VERSION}"
AS_ANOTHER = """
import os, runpy, sys, time
os.umask(int(sys.argv[1], 8))
now_s = float(sys.argv[2])
time.time = lambda: now_s
del sys.argv[:3]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
START = """
import importlib, sys, threading
from pathlib import Path
script, tools, folder, port = *map(Path, sys.argv[1:4]), sys.argv[4]
sys.path.append(str(tools))
from obs_mock import MockObs
with MockObs(script, settings={"port": port}, config_dir=folder) as obs:
    said = threading.Event()
    while not (heard := [line for line in obs.log_lines() if "listening" in line]):
        said.wait(0.05)
    from clawcraft import dependencies
    modules = sorted(importlib.import_module(name).__file__ for name in dependencies.modules())
print(heard[0], *modules, sep="\\n")
"""


def repository(folder: Path) -> Path:
    """The project as somebody else has it: one commit of what git tracks here."""
    git = ["git", "-C", str(folder), "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True)
    for name in tracked.stdout.split("\0")[:-1]:
        if name.startswith(release.SHIPPED):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "obs_plugin" / "clawcraft" / "not tracked.py").touch()
    shutil.copyfile(ROOT / ".gitattributes", folder / ".gitattributes")
    at = {"GIT_AUTHOR_DATE": "2026-10-01T12:00:00Z", "GIT_COMMITTER_DATE": "2026-10-01T12:00:00Z"}
    for command in (["init", "-q"], ["add", "-A", ":!*not tracked*"], ["commit", "-q", "-m", "One"]):
        subprocess.run([*git, *command], check=True, env={**os.environ, **at}, timeout=HANG_S)
    return folder


def make(project: Path, output: Path, umask: str, now_s: float, **environment: str) -> Path:
    command = ("-c", AS_ANOTHER, umask, str(now_s), str(project / "tools" / "release.py"), "--output", str(output))
    done = python(*command, env={**os.environ, **environment}, within_s=2 * HANG_S)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def made(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a release; it needs the package index."""
    return make(project, tmp_path_factory.mktemp("made"), "022", 1_800_000_000.0, TZ="UTC")


@pytest.fixture(scope="module")
def unpacked(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("un packed")
    with zipfile.ZipFile(made / f"{NAME}.zip") as archive:
        archive.extractall(folder)
    return folder / "twitch-clawcraft"


def test_another_folder_umask_clock_and_time_zone_make_the_same_bytes(
    made: Path, project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "another folder"
    shutil.copytree(project, other)
    for path in other.rglob("*.py"):
        os.utime(path, (1.0, 1.0))
        path.chmod(0o700)
    shutil.copytree(made / "wheels", tmp_path / "out" / "wheels")

    again = make(other, tmp_path / "out", "077", 1_700_000_000.0, TZ="Asia/Kathmandu", PYTHONHASHSEED="7")

    files = sorted(path.name for path in made.iterdir() if path.is_file())
    assert files == ["SHA256SUMS", f"{NAME}.spdx.json", f"{NAME}.zip"]
    assert {name: digest(again / name) for name in files} == {name: digest(made / name) for name in files}
    sums = {f"{digest(made / name)}  {name}" for name in files[1:]}
    assert set((made / "SHA256SUMS").read_text().splitlines()) == sums


def test_what_no_commit_has_is_not_released(project: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(project, changed)
    (changed / "schemas" / "__init__.py").write_text("# never committed\n")
    (changed / "CHANGELOG.md").write_text("Changed.\n")

    with pytest.raises(AssertionError, match=r"^error: .*none has these changes:\n M CHANGELOG\.md\n$"):
        make(changed, tmp_path / "out", "022", 1_700_000_000.0)

    assert not (tmp_path / "out").exists()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_python_and_machine_has_its_compiled_packages_and_what_is_not_compiled_is_there_once(
    unpacked: Path,
) -> None:
    library = unpacked / "obs_plugin" / "lib"
    folders = {f"{dependencies.python_tag(python)}-{on}" for python in hashes.PYTHONS for on in release.MACHINES}
    assert {path.name for path in library.iterdir()} == folders | {dependencies.SHARED}
    assert {len(list((library / name).glob("*/*rpds*.*"))) for name in folders} == {1}, "one compiled module in each"
    assert len(folders) == 24
    assert list((library / dependencies.SHARED).rglob("*.so")) == []


def test_the_zip_has_what_git_tracks_for_a_streamer_and_each_licence(unpacked: Path) -> None:
    assert not list(unpacked.rglob("not tracked*"))
    assert {path.name for path in unpacked.iterdir()} == {*release.SHIPPED, "LICENCES.txt"}
    for name in ("test.py", "prove.py", "proving"):
        assert not (unpacked / "tools" / name).exists(), "it needs the tests"
    assert (unpacked / "tools" / "doctor.py").exists()
    page = Path("obs_plugin", "clawcraft", "operator", "static")
    assert {path.name for path in (unpacked / page).iterdir()} == {path.name for path in (ROOT / page).iterdir()}
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    listed = (unpacked / "LICENCES.txt").read_text("utf-8").splitlines()[3:]
    assert [line.partition(":")[0] for line in listed] == sorted(f"{name} {version}" for name, version in pins)
    assert not any("NOASSERTION" in line for line in listed)
    for name, version in pins:
        own = list(unpacked.glob(f"obs_plugin/lib/*/{name.replace('-', '_')}-{version}.dist-info"))
        assert own, name
        assert all([*info.rglob("LICEN*"), *info.rglob("COPYING*")] for info in own), name


def test_the_list_of_contents_names_each_wheel_by_a_pinned_hash(made: Path) -> None:
    listed = json.loads((made / f"{NAME}.spdx.json").read_text("utf-8"))
    itself, *wheels = listed["packages"]
    assert itself["checksums"] == [{"algorithm": "SHA256", "checksumValue": digest(made / f"{NAME}.zip")}]
    pinned = (ROOT / "requirements.txt").read_text("utf-8")
    assert len(wheels) == len(list((made / "wheels").iterdir()))
    for wheel in wheels:
        assert f"--hash=sha256:{wheel['checksums'][0]['checksumValue']}" in pinned, wheel
        assert wheel["licenseDeclared"] != "NOASSERTION", wheel
    contained = [
        each["relatedSpdxElement"] for each in listed["relationships"] if each["relationshipType"] == "CONTAINS"
    ]
    assert contained == [wheel["SPDXID"] for wheel in wheels]
    assert (listed["spdxVersion"], listed["creationInfo"]["created"]) == ("SPDX-2.3", "2026-10-01T12:00:00Z")


def test_a_wheel_that_is_another_than_pinned_is_got_again_and_refused_if_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = release.WheelCache(tmp_path)
    file = hashes.PackageFile("one.whl", hashlib.sha256(b"pinned").hexdigest(), "http://127.0.0.1:9/one.whl")
    (tmp_path / "one.whl").write_bytes(b"half")
    monkeypatch.setattr(release, "download", lambda _url: b"pinned")
    assert cache.content(file) == b"pinned"
    monkeypatch.setattr(release, "download", lambda _url: b"another")
    assert cache.content(file) == b"pinned", "kept"
    (tmp_path / "one.whl").unlink()
    with pytest.raises(release.ReleaseProblem, match="is another"):
        cache.content(file)


def test_unpacked_it_starts_in_a_python_that_has_nothing_else(unpacked: Path, tmp_path: Path) -> None:
    script, port = unpacked / "obs_plugin" / "twitch_clawcraft.py", free_port()

    done = python("-I", "-S", "-c", START, str(script), str(TOOLS), str(tmp_path), str(port))

    assert done.returncode == 0, done.stderr
    heard, *modules = done.stdout.splitlines()
    assert heard.endswith(f" listening http://127.0.0.1:{port}")
    assert len(modules) == len(dependencies.modules())
    assert all(Path(module).is_relative_to(unpacked / "obs_plugin" / "lib") for module in modules), modules


def test_its_tools_need_no_environment_of_their_own(unpacked: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    done = python("-S", str(unpacked / "tools" / "run.py"), "--scenario", "unheard of", env=environment)

    assert done.stderr.startswith("error: there is no scenario 'unheard of'"), done.stderr
    assert not (unpacked / ".venv").exists()


@pytest.mark.real_obs
@pytest.mark.core
def test_unpacked_and_added_in_tools_scripts_it_goes_live(unpacked: Path, tmp_path: Path) -> None:
    goes_live(Show(tmp_path, script=unpacked / "obs_plugin" / "twitch_clawcraft.py"))


@pytest.mark.real_obs
@pytest.mark.core
def test_installed_from_the_zip_it_goes_live(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    goes_live(Show(tmp_path, installer=("--from-zip", str(made / f"{NAME}.zip"), "--folder", str(folder))))
    assert (folder / "LICENCES.txt").exists()


def goes_live(on: Show) -> None:
    with on as show:
        started = show.client.run("twitch.start_stream", "from-the-zip")
        assert started["status"] == "done", started
        assert show.rtmp.probe() == {"video": "h264", "audio": "aac"}
        assert show.client.run("twitch.stop_stream", "from-the-zip-stop")["status"] == "done"
        wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")
        assert show.obs.quit() == 0
        assert show.obs.memory_leaks() == 0
