"""Where OBS keeps its files and which Python it embeds, on each system, seen in folders laid out like theirs."""

import sys
from pathlib import Path

import pytest

from installer import Problem, Status, embedded, homes, ini, running

# --- configuration folders


def test_each_system_has_its_own_place(tmp_path: Path) -> None:
    def native(platform: str, **environment: str) -> Path:
        (home,) = homes.homes_of(platform, environment, tmp_path)
        return home.folder.relative_to(tmp_path)

    assert native("linux") == Path(".config/obs-studio")
    assert native("linux", XDG_CONFIG_HOME=str(tmp_path / "xdg")) == Path("xdg/obs-studio")
    assert native("darwin") == Path("Library/Application Support/obs-studio")
    assert native("win32", APPDATA=str(tmp_path / "Roaming")) == Path("Roaming/obs-studio")


def test_flatpak_and_snap_are_found_with_or_without_a_native_obs(tmp_path: Path) -> None:
    (tmp_path / homes.FLATPAK / "obs-studio").mkdir(parents=True)
    assert [home.kind for home in homes.homes_of("linux", {}, tmp_path)] == ["flatpak"]

    for folder in (".config", homes.SNAP):
        (tmp_path / folder / "obs-studio").mkdir(parents=True)
    assert [home.kind for home in homes.homes_of("linux", {}, tmp_path)] == ["native", "flatpak", "snap"]


@pytest.mark.parametrize("inside", ["", "obs-studio", "config/obs-studio"])
def test_a_given_folder_may_be_the_configuration_or_lie_above_it(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside / "basic").mkdir(parents=True)

    assert homes.given_home(tmp_path).folder == tmp_path / inside


def test_user_ini_wins_over_global_ini_and_may_live_elsewhere(tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    (moved / "obs-studio").mkdir(parents=True)
    (tmp_path / "global.ini").write_bytes(
        b"\xef\xbb\xbf[Locations]\r\nConfiguration="
        + bytes(moved)
        + b"\r\n[Basic]\r\nSceneCollection=Old\r\nProfile=P\r\n"
    )
    (moved / "obs-studio/user.ini").write_text("[Basic]\nSceneCollection=New\n")
    home = homes.ObsHome(tmp_path, "given")

    assert home.setting("Basic", "SceneCollection") == "New"
    assert home.setting("Basic", "Profile") == "P"


def test_setting_an_ini_value_leaves_the_rest_as_it_is() -> None:
    text = "[General]\r\nName=x\r\n\r\n[Python]\r\nPath64bit=old\r\n"

    assert ini.with_value(text, "Python", "Path64bit", "C:/Python") == text.replace("old", "C:/Python")
    assert ini.with_value(text, "General", "New", "1") == text.replace("Name", "New=1\r\nName")
    assert ini.with_value(text, "Basic", "A", "b\\c") == text + "[Basic]\r\nA=b\\\\c\r\n"
    assert ini.value(ini.with_value("", "Basic", "A", "b\\c"), "Basic", "A") == "b\\c"


# --- the embedded Python


@pytest.mark.real_obs
def test_the_python_of_the_obs_here_is_read_from_its_library(tmp_path: Path) -> None:
    found = embedded.detect(homes.ObsHome(tmp_path, "native"), "linux")

    assert found.version >= (3, 11)
    assert found.set_path == ""


def flatpak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked_with: bytes) -> homes.ObsHome:
    """The home of an OBS in a flatpak, whose scripting library is linked with another library."""
    monkeypatch.setenv("HOME", str(tmp_path))
    library = tmp_path / ".local/share/flatpak/app/com.obsproject.Studio/current/active/files/lib/libobs-scripting.so.1"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"\x7fELF\0" + linked_with + b"\0")
    return homes.ObsHome(tmp_path, "flatpak")


def test_the_python_of_a_flatpak_is_read_from_the_flatpak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = embedded.detect(flatpak(tmp_path, monkeypatch, b"libpython3.13.so.1.0"), "linux")

    assert (str(found), found.tag) == ("3.13", "cp313")


def test_an_obs_built_without_python_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="built without Python") as raised:
        embedded.detect(flatpak(tmp_path, monkeypatch, b"libluajit.so"), "linux")

    assert raised.value.status == Status.NO_PYTHON


def library(platform: str, minor: int) -> str:
    """What OBS loads of Python 3.``minor``."""
    if platform == "win32":
        return f"python3{minor}.dll"
    return f"Python.framework/Versions/3.{minor}/lib/libpython3.{minor}.dylib"


def set_in_obs(tmp_path: Path, platform: str, *minors: int) -> homes.ObsHome:
    """The home of an OBS that is told to use a folder with these versions of Python 3."""
    for minor in minors:
        path = tmp_path / "python" / library(platform, minor)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "user.ini").write_text(f"[Python]\nPath64bit={(tmp_path / 'python').as_posix()}\n")
    return homes.ObsHome(tmp_path, "native")


def last_ran(home: homes.ObsHome, major: int, minor: int) -> homes.ObsHome:
    """The home, after an OBS of this version."""
    home.global_ini.write_text(f"[General]\nLastVersion={major << 24 | minor << 16 | 2}\n")
    return home


on_either = pytest.mark.parametrize("platform", ["win32", "darwin"])


@on_either
def test_the_newest_that_obs_can_load_counts(tmp_path: Path, platform: str) -> None:
    found = embedded.detect(set_in_obs(tmp_path, platform, 11, 12, 13), platform)

    assert found.version == (3, 12)
    assert found.set_path == ""


@on_either
@pytest.mark.parametrize(
    ("minor", "said"), [(13, r"Install Python 3\.12"), (9, r"uses Python 3\.9 .* needs 3\.11")], ids=["new", "old"]
)
def test_one_that_obs_or_the_service_cannot_use_is_refused(
    tmp_path: Path, platform: str, minor: int, said: str
) -> None:
    with pytest.raises(Problem, match=said):
        embedded.detect(set_in_obs(tmp_path, platform, minor), platform)


@on_either
@pytest.mark.parametrize(("obs", "newest"), [((29, 1), 11), ((30, 0), 11), ((30, 1), 12), ((32, 2), 12)])
def test_each_obs_takes_the_newest_python_that_it_can_load(
    tmp_path: Path, platform: str, obs: tuple[int, int], newest: int
) -> None:
    home = last_ran(set_in_obs(tmp_path, platform, 10, 11, 12, 13), *obs)

    assert embedded.detect(home, platform).version == (3, newest)


@on_either
def test_an_obs_that_loads_no_python_new_enough_is_to_be_updated(tmp_path: Path, platform: str) -> None:
    home = last_ran(set_in_obs(tmp_path, platform, 10, 11, 12), 29, 0)

    with pytest.raises(Problem, match=r"last is 29\.0, which loads Python up to 3\.10.*Update OBS to 30\.1"):
        embedded.detect(home, platform)


def test_where_obs_on_windows_has_no_python_the_running_one_is_set_if_obs_can_load_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = homes.ObsHome(tmp_path, "native")
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))
    with pytest.raises(Problem, match="OBS has no Python set"):
        embedded.detect(home, "win32")

    (tmp_path / library("win32", 12)).touch()

    assert embedded.detect(home, "win32").set_path == tmp_path.as_posix()


# --- running programs


def test_tasklist_is_read() -> None:
    text = '"System Idle Process","0","Services","0","8 K"\r\n"obs64.exe","4711","Console","1","250,100 K"\r\n'

    assert (4711, "obs64.exe") in running.from_tasklist(text)
    assert running.from_tasklist("INFO: No tasks are running.\r\n") == []


def test_ps_is_read() -> None:
    text = "    1 /sbin/launchd\n  815 /Applications/OBS Studio.app/Contents/MacOS/OBS\n"

    assert running.from_ps(text) == [(1, "launchd"), (815, "OBS")]
