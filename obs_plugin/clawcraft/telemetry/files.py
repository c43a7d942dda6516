"""A file of lines that never grows without bound. One thread at a time (the log's writer)."""

from pathlib import Path
from typing import BinaryIO, Final

MAX_BYTES: Final = 2 * 1024 * 1024
FILES: Final = 5


class RotatingLines:
    """``path`` and up to ``files - 1`` older ones (``path.1`` the youngest), each of about ``max_bytes``."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, files: int = FILES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._files = files
        self._file: BinaryIO | None = None
        self._size = 0

    def write(self, lines: bytes) -> None:
        """Append whole lines and hand them to the system. Raises OSError."""
        if self._file is None:
            self._open()
        if self._size and self._size + len(lines) > self._max_bytes:
            self._rotate()
        file = self._file
        assert file is not None
        file.write(lines)
        self._size += len(lines)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        self._size = self.path.stat().st_size

    def _rotate(self) -> None:
        self.close()
        try:
            for number in range(self._files - 1, 0, -1):
                older = self._numbered(number - 1)
                if older.exists():
                    older.replace(self._numbered(number))
        except OSError:
            # On Windows a file somebody reads cannot be renamed. The newest lines matter more than the oldest.
            self.path.write_bytes(b"")
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.path.with_name(f"{self.path.name}.{number}")
