"""The one waitress that ``http/wire.py`` was written against."""

from importlib.metadata import version


def test_this_is_the_waitress_that_wire_py_was_written_against() -> None:
    assert version("waitress") == "3.0.2", (
        "clawcraft/http/wire.py reaches into waitress 3.0.2: read the changes of its parser, channel, task, server and "
        "wasyncore since, compare each use that wire.py names, then change the version here and in requirements.txt"
    )
