"""The lock of Optuna's journal."""

from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from motiongen.data.lock import Lock


class JournalLock(JournalFileOpenLock):
    """Guards Optuna's journal: its own locks outlive a killed process for half a minute.

    Args:
        path: of the lock.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self._held: Lock | None = None

    def acquire(self) -> bool:
        """Waits for the journal."""
        lock = Lock(self.path)
        lock.take(waits=True)
        self._held = lock
        return True

    def release(self) -> None:
        """Lets others write.

        Raises:
            RuntimeError: if this one did not hold the lock.
        """
        if self._held is None:
            raise RuntimeError("the journal was not locked")
        self._held.release()
        self._held = None
