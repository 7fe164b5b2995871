"""Who is at work on what: locks of files, which the kernel takes back from a process that died."""

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from optuna.storages.journal import JournalFileOpenLock


class Lease:
    """The right to work on something, held until it is released or its process dies.

    A lock of the kernel can be left behind by nobody, whatever kills its holder: no process has
    to guess whether another one still lives. The file stays, and says who held it last.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Takes it, unless somebody else has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self.path, "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": round(time.time(), 1)}
        file.write(json.dumps(holder) + "\n")
        file.flush()
        self._file = file
        return True

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
        except (OSError, ValueError, KeyError):
            return "another process"

    def release(self) -> None:
        """Lets others take it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class JournalLock(JournalFileOpenLock):
    """Guards Optuna's journal: its own locks outlive a killed process for half a minute.

    Args:
        path: of the lock.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Waits for the journal."""
        file = open(self.path, "a", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._file = file
        return True

    def release(self) -> None:
        """Lets others write."""
        if self._file is None:
            raise RuntimeError("the journal was not locked")
        self._file.close()
        self._file = None
