"""The place of a store on disk: whether it is free and large enough, and what makes it stay."""

import os
import shutil
from pathlib import Path

from motiongen.data.table import ARRAYS, MANIFEST, TABLE, StoreError, siblings


def check_target(path: str | Path, *, overwrite: bool = False) -> None:
    """Checks that a store may be written at `path`.

    Raises:
        StoreError: if something is there, unless it is a store and `overwrite` is set.
    """
    path = Path(path)
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise StoreError(path, "exists already; choose another name or allow overwriting")
    if not path.is_dir():
        raise StoreError(path, "is no folder; only a store may be overwritten")
    if foreign := {entry.name for entry in path.iterdir()} - {*ARRAYS, TABLE, MANIFEST}:
        raise StoreError(path, f"holds other files ({min(foreign)}); only a store is overwritten")


def sweep(path: Path) -> None:
    """Removes what killed writers of `path` left behind, except its only copy."""
    leftovers = siblings(path, "tmp") + (siblings(path, "old") if path.exists() else [])
    for leftover in leftovers:
        try:
            os.kill(int(leftover.name.rpartition("-")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(leftover, ignore_errors=True)
        except (ValueError, OverflowError, PermissionError):
            continue


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on disk: without it a rename may be lost with the power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def free_bytes(path: Path) -> int:
    """Bytes that are free where a path is or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def check_space(path: Path, need: int) -> None:
    """Refuses to begin what the disk cannot hold.

    Raises:
        StoreError: if less than `need` bytes and a tenth more are free.
    """
    free = free_bytes(path)
    if free < 1.1 * need:
        raise StoreError(
            path, f"{need} bytes are needed and a tenth to spare, {free} are free; nothing written"
        )
