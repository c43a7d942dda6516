"""The packages the service is made for, and what is said of others."""

from pathlib import Path

import pytest

from clawcraft import dependencies


def put(folder: Path, name: str, version: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    (folder / f"{name}-{version}.dist-info").mkdir()
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", "utf-8")


@pytest.fixture
def found_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that nothing has loaded yet, and requirements that want one of them."""
    (tmp_path / "requirements.txt").write_text("# made up\nclawcraft-sample==1.2.3\n", "utf-8")
    monkeypatch.setattr(dependencies, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return tmp_path / "lib"


def test_the_packages_of_these_tests_are_the_ones_required() -> None:
    assert dependencies.required()["waitress"] == "3.0.2"
    assert (dependencies.missing(), dependencies.wrong()) == ((), ())


def test_a_package_that_is_nowhere_is_missing_not_wrong(found_here: Path) -> None:
    assert (dependencies.missing(), dependencies.wrong()) == (("clawcraft-sample",), ())


def test_a_package_left_from_an_older_release_is_to_be_installed_again(found_here: Path) -> None:
    put(found_here, "clawcraft_sample", "1.2.0")
    assert dependencies.missing() == ()
    (wrong,) = dependencies.wrong()
    assert (wrong.found, wrong.folder, wrong.loaded) == ("1.2.0", found_here, False)
    assert str(wrong).endswith(f"Run: {dependencies.install_command()}")


def test_a_package_without_a_version_is_not_trusted(found_here: Path) -> None:
    found_here.mkdir()
    (found_here / "clawcraft_sample.py").touch()
    (wrong,) = dependencies.wrong()
    assert wrong.found == "of unknown version"
