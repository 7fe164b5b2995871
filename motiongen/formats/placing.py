"""Where files of clips are written: beside their place, and moved there when they are whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: the table of a folder's clips, see `folders`
CLIPS = "clips.csv"


def check_free(path: Path, *, suffix: str, folder: bool, overwrite: bool = False) -> None:
    """Checks that a file or folder may be written at `path`.

    Args:
        path: where it is to be.
        suffix: of the file, or of the files in the folder.
        folder: whether it is a folder.
        overwrite: allow another of the same kind there.

    Raises:
        FileExistsError: if something is there that must not be replaced.
        ValueError: if a file is named otherwise, or a folder as a file.
    """
    if (path.suffix == suffix) == folder:
        named = f"not end in {suffix!r}: it is a folder" if folder else f"end in {suffix!r}"
        raise ValueError(f"{path}: the name must {named}")
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise FileExistsError(f"{path} exists; choose another name or allow it with --overwrite")
    if path.is_dir() != folder:
        kind = "a folder" if path.is_dir() else "a file"
        raise FileExistsError(f"{path} is {kind}; remove it first")
    files = path.rglob("*") if folder else ()
    if other := [file.name for file in files if file.is_file() and not _is_ours(file, suffix)]:
        raise FileExistsError(f"{path} holds other files ({min(other)}); remove it first")


def _is_ours(file: Path, suffix: str) -> bool:
    return file.suffix == suffix or file.name == CLIPS


@contextmanager
def placed(path: Path, *, suffix: str, folder: bool, overwrite: bool = False) -> Iterator[Path]:
    """A place to write to, whose content is moved to `path` when the context ends.

    After an error nothing stays behind, and what was at `path` before is as it was. For a folder
    the place exists and is empty, for a file it does not exist. Arguments as for `check_free`.

    Raises:
        FileExistsError: see `check_free`.
        ValueError: see `check_free`.
    """
    check_free(path, suffix=suffix, folder=folder, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        if folder:
            part.mkdir()
        yield part
        _move(part, path)
    finally:
        _remove(part)


def _move(part: Path, path: Path) -> None:
    """Puts a file or folder in its place; if that fails, the earlier one is put back."""
    if part.is_file():
        _sync(part)
        os.replace(part, path)
        return
    earlier = path.with_name(f".{path.name}.part-{os.getpid()}.old")
    if path.exists():
        os.replace(path, earlier)
    try:
        os.replace(part, path)
    except OSError:
        if earlier.exists():
            os.replace(earlier, path)
        raise
    _remove(earlier)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    """Removes what killed writers of `path` left behind."""
    start = f".{path.name}.part-"
    for entry in list(path.parent.iterdir()):
        number = entry.name.removeprefix(start)
        if number == entry.name or not number.isdecimal():
            continue
        try:
            os.kill(int(number), 0)
        except (ProcessLookupError, OverflowError):
            _remove(entry)
        except PermissionError:
            continue
