"""One writer at a time."""

import os
from pathlib import Path
from types import TracebackType


class Lock:
    """A file that the operating system keeps locked while its process lives, however it ends.

    Args:
        path: the file; it is removed when the lock is given back.
        what: what is locked, for the message.

    Raises:
        BlockingIOError: on entering, if another process has the lock; names its number.
    """

    def __init__(self, path: Path, what: Path) -> None:
        self.path, self.what = path, what
        self._file = -1

    def __enter__(self) -> "Lock":
        # only here: there is no such module on systems that are not POSIX
        import fcntl

        while True:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = os.read(self._file, 32).decode(errors="replace").strip()
                os.close(self._file)
                raise BlockingIOError(
                    f"{self.what}: locked by process {owner or 'unknown'}, which writes to it"
                ) from error
            if self._is_in_place():
                break
            os.close(self._file)
        os.truncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())
        return self

    def _is_in_place(self) -> bool:
        """Whether the file was not removed by an earlier owner while it was waited for."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # in this order: nobody can take a lock on the file that is gone
        self.path.unlink(missing_ok=True)
        os.close(self._file)
