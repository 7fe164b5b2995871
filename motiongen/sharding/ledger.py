"""The manifest of a set as it grows: one line a shard, on disk before the next shard begins."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from motiongen.data.disk import sync_folder
from motiongen.data.shards import SHARDS, Shard, as_line, last_line, read_listing
from motiongen.data.table import StoreError

#: characters of a value that a message shows
SHOWN = 60


class Ledger:
    """Appends to a manifest, from where an earlier writer was ended.

    Args:
        folder: of the set.
        header: what the first line says.

    Raises:
        StoreError: on entering, if the manifest is damaged or of a set that was made otherwise.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.path, self.header = folder / SHARDS, header
        #: shards whose lines are written
        self.shards: list[Shard] = []
        self.complete = False
        self._file = -1

    def __enter__(self) -> "Ledger":
        if self.path.exists():
            self._take_up()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        if self.path.stat().st_size == 0:
            self._append(as_line(self.header))
            sync_folder(self.path.parent)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def _take_up(self) -> None:
        found = read_listing(self.path.parent)
        if found.header is not None and found.shards:
            self._require_same(found.header)
        # what follows the last whole line was cut when it was written
        end = found.end if found.shards else 0
        if self.path.stat().st_size > end:
            os.truncate(self.path, end)
        self.shards, self.complete = list(found.shards), found.complete

    def _require_same(self, then: Mapping[str, Any]) -> None:
        now = self.header
        if changed := [name for name in {**then, **now} if then.get(name) != now.get(name)]:
            told = "; ".join(
                f"{k} {_short(then.get(k))}, now {_short(now.get(k))}" for k in changed
            )
            raise StoreError(
                self.path.parent,
                f"holds a set that was made otherwise: {told}; use the same options to go on with "
                "it, choose another --out, or remove it",
            )

    def add(self, shard: Shard) -> None:
        """Adds the line of a shard that is on disk."""
        # the shard's name first: no line without its shard
        sync_folder(self.path.parent)
        self._append(shard.as_line())
        self.shards.append(shard)

    def finish(self) -> None:
        """Says that the set is complete."""
        if not self.complete:
            self._append(last_line(self.path.read_bytes(), self.header["clips"]))
            self.complete = True

    def _append(self, line: bytes) -> None:
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if written < len(line):
                raise OSError(f"{written} of {len(line)} bytes were written")
            os.fsync(self._file)
        except OSError as error:
            os.truncate(self._file, before)
            raise StoreError(self.path, f"cannot be written ({error})") from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
