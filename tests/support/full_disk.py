"""Disks that take nothing."""

import contextlib
import resource
from collections.abc import Iterator

from clawcraft.database import Database


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def full_database(database: Database) -> Iterator[None]:
    """SQLite's own limit gives the very error of a full disk, SQLITE_FULL."""
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1")
    yield
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
