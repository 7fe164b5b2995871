"""One process at a time: locks of files, which the kernel takes back from a process that died."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class Lock:
    """The right to work on something, held until it is given back or its process ends.

    A lock of the kernel can be left behind by nobody, whatever kills its holder: no process has
    to guess whether another one still lives. The file says who held it last.

    Args:
        path: the file.
        removed: whether the file goes when the lock is given back; else it stays.
    """

    def __init__(self, path: Path, *, removed: bool = False) -> None:
        self.path, self.removed = path, removed
        self._file: int | None = None

    def take(self, *, waits: bool = False) -> bool:
        """Takes it, unless somebody else has it; or as soon as nobody has."""
        # only here: there is no such module on systems that are not POSIX
        import fcntl

        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(file)
                return False
            if self._is_in_place(file):
                break
            os.close(file)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": round(time.time(), 1)}
        os.truncate(file, 0)
        os.write(file, (json.dumps(holder) + "\n").encode())
        self._file = file
        return True

    def _is_in_place(self, file: int) -> bool:
        """Whether the file was not removed by an earlier holder while it was waited for."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(file))
        except FileNotFoundError:
            return False

    def wait(self, seconds: float) -> None:
        """Takes it as soon as it is free.

        Raises:
            ValueError: if it is not free in time; says who has it.
        """
        end = time.monotonic() + seconds
        while not self.take():
            if time.monotonic() > end:
                raise ValueError(f"{self.path.parent} is in use by {self.holder()}")
            time.sleep(0.02)

    def holder(self) -> str:
        """Who has it, or had it last."""
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            return f"process {known['pid']} on {known['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def release(self) -> None:
        """Lets others take it."""
        if self._file is None:
            return
        # in this order: nobody can take a lock on the file that is gone
        if self.removed:
            self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


@contextmanager
def held(path: Path, what: object) -> Iterator[Lock]:
    """Holds a lock meanwhile, whose file is gone afterwards.

    Args:
        path: the file.
        what: what is locked, for the message.

    Raises:
        BlockingIOError: if another process has it; says which.
    """
    with Lock(path, removed=True) as lock:
        if not lock.take():
            raise BlockingIOError(f"{what}: in use by {lock.holder()}")
        yield lock
