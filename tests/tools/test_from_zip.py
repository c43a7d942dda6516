"""``tools/install.py --from-zip``, and which OBS it installs into where there are several."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

import install
from installer import Problem, embedded, homes, packages, unpacked
from tests.support.project_copy import copy_project
from tests.tools.conftest import Clone


def zipped(project: Path, archive: Path, **more: str) -> Path:
    """A release of ``project``, with further files by name."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(project.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                file.write(path, f"twitch-clawcraft/{path.relative_to(project).as_posix()}")
        file.writestr("twitch-clawcraft/LICENCES.txt", "")
        for name, text in more.items():
            file.writestr(f"twitch-clawcraft/{name}", text)
    return archive


def sums(archive: Path, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    archive.with_name("SHA256SUMS").write_text(f"{digest}  {archive.name}\n")


@pytest.fixture
def archive(clone: Clone, tmp_path: Path) -> Path:
    """One that has its package with it."""
    return zipped(clone.folder, tmp_path / "release.zip")


def test_it_is_unpacked_and_installed_from_the_folder_that_stays(clone: Clone, archive: Path) -> None:
    sums(archive, archive.read_bytes())

    done = clone.installs("--from-zip", str(archive))

    folder = clone.user_home / "twitch-clawcraft"
    assert f"Unpacked to {folder}, as SHA256SUMS has it" in done.stdout
    listed = clone.scripts(clone.config / "basic/scenes/Untitled.json")
    assert [Path(entry["path"]) for entry in listed] == [folder / "obs_plugin/twitch_clawcraft.py"]


def test_a_newer_one_takes_the_place_of_the_older_and_the_collection_lists_it_once(
    clone: Clone, archive: Path, tmp_path: Path
) -> None:
    clone.installs("--from-zip", str(archive), "--folder", str(tmp_path / "kept"))
    newer = zipped(clone.folder, tmp_path / "newer.zip", new="of the newer one")
    (tmp_path / "kept" / "of_the_older_one").touch()

    clone.installs("--from-zip", str(newer), "--folder", str(tmp_path / "kept"))

    assert (tmp_path / "kept" / "new").read_text() == "of the newer one"
    assert not (tmp_path / "kept" / "of_the_older_one").exists()
    assert len(clone.scripts(clone.config / "basic/scenes/Untitled.json")) == 1
    assert list(tmp_path.glob(".twitch-clawcraft-*")) == []


def test_the_dock_is_added_from_a_zip_too(clone: Clone, archive: Path) -> None:
    done = clone.installs("--from-zip", str(archive), "--dock")

    assert "dock" in done.stdout
    assert "twitch-clawcraft" in (clone.config / "user.ini").read_text("utf-8-sig")


def test_only_the_packages_come_from_a_zip_while_obs_runs_and_no_collection_changes(
    clone: Clone, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_how: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    def is_running(*_where: object) -> None:
        raise Problem("OBS is running")

    monkeypatch.setattr("install.subprocess.run", run)
    monkeypatch.setattr("install.running.refuse_while_running", is_running)
    folder = archive.with_name("kept")
    arguments = ["--from-zip", str(archive), "--folder", str(folder), "--obs-config-dir", str(clone.config)]

    monkeypatch.setattr("sys.argv", ["install.py", *arguments])
    assert (install.main(), ran) == (1, [])
    monkeypatch.setattr("sys.argv", ["install.py", *arguments, "--deps-only"])
    assert install.main() == 0

    assert [command[-1] for command in ran] == ["--deps-only"]


def test_nothing_is_taken_back_by_a_zip(clone: Clone, archive: Path) -> None:
    done = clone.install("--from-zip", str(archive), "--uninstall")

    assert (done.returncode, "--uninstall takes no --from-zip" in done.stderr) == (2, True)
    assert not (clone.user_home / "twitch-clawcraft").exists()


def test_another_file_than_its_sums_name_is_refused(clone: Clone, archive: Path) -> None:
    sums(archive, b"another")

    done = clone.install("--from-zip", str(archive))

    assert (done.returncode, "download it again" in done.stderr) == (1, True)
    assert not (clone.user_home / "twitch-clawcraft").exists()


def test_a_zip_that_its_sums_do_not_name_is_not_passed_as_unchecked(clone: Clone, archive: Path) -> None:
    sums(archive, archive.read_bytes())
    renamed = archive.rename(archive.with_name("release (1).zip"))

    done = clone.install("--from-zip", str(renamed))

    assert (done.returncode, "does not name release (1).zip" in done.stderr) == (1, True)
    assert "the name that it was downloaded under" in done.stderr
    assert not (clone.user_home / "twitch-clawcraft").exists()


def test_sums_that_are_no_text_name_nothing(archive: Path, tmp_path: Path) -> None:
    archive.with_name("SHA256SUMS").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(Problem, match="does not name"):
        unpacked.unpack(archive, tmp_path / "kept")


def test_a_newer_one_that_cannot_take_its_place_leaves_the_older_there(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    unpacked.unpack(archive, folder)
    (folder / "of_the_older_one").touch()
    refuse_to_bring(monkeypatch, "twitch-clawcraft")

    with pytest.raises(Problem, match="Access is denied"):
        unpacked.unpack(archive, folder)

    assert (folder / "of_the_older_one").exists()


def test_an_older_one_that_cannot_be_put_back_either_is_kept_and_named(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept"
    unpacked.unpack(archive, folder)
    (folder / "of_the_older_one").touch()
    refuse_to_bring(monkeypatch, "twitch-clawcraft", ".kept-before")

    with pytest.raises(Problem, match=r"Access is denied; what was there before is now .*/\.kept-before$"):
        unpacked.unpack(archive, folder)

    assert (tmp_path / ".kept-before" / "of_the_older_one").exists()
    monkeypatch.undo()
    unpacked.unpack(archive, folder)
    unpacked.unpack(archive, folder)
    assert not (tmp_path / ".kept-before").exists()


def test_packages_that_cannot_take_their_place_leave_the_older_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (requirements := tmp_path / "requirements.txt").touch()
    python = embedded.EmbeddedPython((3, 12), "")
    folder = packages.PackageFolder(tmp_path, python, requirements)
    folder.folder.mkdir()
    (folder.folder / "of_the_older_ones").touch()
    monkeypatch.setattr(folder, "_install", lambda target, _scratch: target.mkdir())
    refuse_to_bring(monkeypatch, "packages")

    with pytest.raises(Problem, match="Access is denied"):
        folder.fill()

    assert (folder.folder / "of_the_older_ones").exists()


def refuse_to_bring(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As on Windows, where something looks through a folder of such a name just when it is to be moved."""
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.name in names:
            raise PermissionError(13, "Access is denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)


@pytest.mark.parametrize("name", ["twitch-clawcraft/../outside", "/outside", "other/outside"])
def test_a_zip_that_would_write_elsewhere_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, "x")

    with pytest.raises(Problem, match="is no release"):
        unpacked.unpack(archive, tmp_path / "kept")

    assert not (tmp_path / "kept").exists()


def test_what_is_no_zip_and_a_folder_that_is_no_release_are_left_alone(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(Problem, match="cannot unpack"):
        unpacked.unpack(tmp_path / "text.zip", tmp_path / "kept")
    sources = copy_project(tmp_path / "sources")
    with pytest.raises(Problem, match="is no unpacked release"):
        unpacked.unpack(archive, sources)
    assert (sources / "requirements.txt").exists()


def several(clone: Clone) -> list[Path]:
    """An OBS of the system, and one from Flathub."""
    folders = [clone.config, clone.user_home / homes.FLATPAK / "obs-studio"]
    for folder in folders:
        (folder / "basic" / "scenes").mkdir(parents=True)
    return folders


def test_of_several_obs_none_is_changed_until_one_is_named(clone: Clone) -> None:
    native, flatpak = several(clone)

    done = clone.install()

    assert done.returncode == 1
    assert f"1: {native} (native: OBS as the system installs it)" in done.stderr
    assert f"2: {flatpak} (flatpak: OBS from Flathub)" in done.stderr
    assert "say which one with --obs-config-dir" in done.stderr
    clone.installs("--obs-config-dir", str(flatpak))
    assert (flatpak / "basic/scenes/Untitled.json").exists()
    assert not (native / "basic/scenes/Untitled.json").exists()
    assert clone.install("--uninstall").returncode == 0, "taken back wherever it is"
    assert not (flatpak / "basic/scenes/Untitled.json").exists()


@pytest.mark.parametrize(("answers", "chosen"), [(["2"], [1]), (["", "3", "1"], [0]), (["all"], [0, 1])])
def test_a_person_is_asked_which(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, answers: list[str], chosen: list[int]
) -> None:
    found = [homes.ObsHome(folder, "native") for folder in several(clone)]
    left = iter(answers)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: next(left))

    assert install._asked_which(found) == [found[index] for index in chosen]
    assert list(left) == []


@pytest.mark.parametrize("mark", ["portable_mode.txt", "obs_portable_mode.txt", "bin/64bit/obs64.exe"])
def test_a_portable_obs_that_never_ran_has_its_folder_too(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mark).touch()

    home = homes.given_home(tmp_path)

    assert (home.folder, home.kind) == (tmp_path / "config" / "obs-studio", "portable")
    assert homes.given_home(home.folder).kind == "portable"


def test_a_release_is_unpacked_to_a_folder_of_the_user_on_each_system(tmp_path: Path) -> None:
    def folder(platform: str, **environment: str) -> Path:
        return homes.release_folder(platform, environment, tmp_path).relative_to(tmp_path)

    assert folder("linux") == Path("twitch-clawcraft")
    assert folder("darwin") == Path("Library/Application Support/twitch-clawcraft")
    assert folder("win32") == Path("AppData/Local/twitch-clawcraft")
    assert folder("win32", LOCALAPPDATA=str(tmp_path / "Local")) == Path("Local/twitch-clawcraft")
