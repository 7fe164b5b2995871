"""Archives as sources: unpacked to a temporary folder, within limits and without surprises."""

import bz2
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path, PurePosixPath

from motiongen.formats.base import FormatError

_TAR_STREAMS = {
    (".tar",): open,
    (".tar", ".gz"): gzip.open,
    (".tgz",): gzip.open,
    (".tar", ".bz2"): bz2.open,
    (".tbz2",): bz2.open,
    (".tar", ".xz"): lzma.open,
    (".txz",): lzma.open,
}
_DOCUMENT = re.compile(r"(README|LICEN[CS]E|SOURCE|NOTICE|CITATION)(\..*)?|.*\.md", re.IGNORECASE)
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError)


@dataclass(frozen=True)
class Limits:
    """What an archive may hold.

    Args:
        members: files and folders.
        member_bytes: unpacked size of one file.
        total_bytes: unpacked size of everything.
        ratio: unpacked size over the archive's own.
        small_bytes: unpacked size below which the ratio does not matter.
    """

    members: int = 200_000
    member_bytes: int = 2 * 2**30
    total_bytes: int = 16 * 2**30
    ratio: int = 100
    small_bytes: int = 2**20

    def allowed_bytes(self, packed: int) -> int:
        """Most bytes that an archive of `packed` bytes may unpack to."""
        return min(self.total_bytes, max(self.ratio * packed, self.small_bytes))


DEFAULT_LIMITS = Limits()


@contextmanager
def open_source(source: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Path]:
    """A source of clips as a folder or a data file, whatever it is packed in.

    Folders and data files are yielded as they are. An archive (.tar, .tar.gz, .tar.bz2, .tar.xz,
    .zip), or a folder that holds nothing but archives and documents, is unpacked to a temporary
    folder, which is gone when the context ends, also after an error. Where everything lies in one
    folder, that one is yielded. Archives inside archives stay packed.

    Raises:
        FormatError: if there is no such path, or an archive is damaged, exceeds the limits, or
            holds a link, a device, a doubled name or one that leads outside.
    """
    source = Path(source)
    if not source.exists():
        raise FormatError(source, "no such file or folder")
    archives = _archives(source)
    if not archives:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="motiongen-") as folder:
        for archive in archives:
            target = Path(folder) if len(archives) == 1 else Path(folder) / archive.name
            target.mkdir(exist_ok=True)
            _unpack(archive, target, limits)
        yield _inner(Path(folder))


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive which `open_source` unpacks."""
    return path.suffix.lower() == ".zip" or _tar_kind(path) is not None


def _tar_kind(path: Path) -> tuple[str, ...] | None:
    suffixes = tuple(suffix.lower() for suffix in path.suffixes)
    return next((kind for kind in _TAR_STREAMS if suffixes[-len(kind) :] == kind), None)


def _archives(source: Path) -> list[Path]:
    """The archives to unpack: the source itself, or all of a folder with nothing else in it."""
    if source.is_file():
        return [source] if is_archive(source) else []
    entries = [entry for entry in sorted(source.iterdir()) if not _DOCUMENT.fullmatch(entry.name)]
    packed = all(entry.is_file() and is_archive(entry) for entry in entries)
    return entries if packed else []


def _inner(folder: Path) -> Path:
    """The first folder downwards with more in it than one other folder."""
    entries = list(folder.iterdir())
    while len(entries) == 1 and entries[0].is_dir():
        folder = entries[0]
        entries = list(folder.iterdir())
    return folder


def _unpack(archive: Path, target: Path, limits: Limits) -> None:
    try:
        if archive.suffix.lower() == ".zip":
            _unpack_zip(archive, target, limits)
        else:
            _unpack_tar(archive, target, limits)
    except _DAMAGE as error:
        raise FormatError(archive, f"cannot be unpacked: {error}") from error


@dataclass
class _Census:
    """Checks members one by one against the limits and each other."""

    archive: Path
    limits: Limits

    def __post_init__(self) -> None:
        self.seen: set[PurePosixPath] = set()

    def admit(self, name: str, size: int, *, plain: bool) -> None:
        """Raises FormatError unless the member is harmless."""
        path = PurePosixPath(name)
        odd = "\0" in name or "\\" in name or re.match(r"[A-Za-z]:", name)
        if odd or path.is_absolute() or ".." in path.parts:
            raise FormatError(self.archive, f"member {name!r}: leads outside the archive")
        if not plain:
            raise FormatError(
                self.archive, f"member {name!r}: a link or device; allowed are files and folders"
            )
        if path in self.seen:
            raise FormatError(self.archive, f"member {name!r}: is there twice")
        self.seen.add(path)
        if len(self.seen) > self.limits.members:
            raise FormatError(self.archive, f"more than the {self.limits.members} members allowed")
        if size > self.limits.member_bytes:
            raise FormatError(
                self.archive,
                f"member {name!r}: {size} bytes, allowed {self.limits.member_bytes}",
            )


def _unpack_zip(archive: Path, target: Path, limits: Limits) -> None:
    census = _Census(archive, limits)
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            # `filename` is cut at a NUL; the name as stored is not.
            census.admit(member.orig_filename, member.file_size, plain=plain)
        total = sum(member.file_size for member in members)
        allowed = limits.allowed_bytes(archive.stat().st_size)
        if total > allowed:
            raise FormatError(archive, f"unpacks to {total} bytes, allowed {allowed}")
        try:
            file.extractall(target)
        except (RuntimeError, NotImplementedError) as error:
            raise FormatError(archive, f"cannot be unpacked: {error}") from error


class _Metered:
    """A stream that stops once more than the allowed bytes came out of it."""

    def __init__(self, stream: BufferedIOBase, allowed: int, archive: Path) -> None:
        self._stream = stream
        self._left = allowed
        self._archive = archive
        self._allowed = allowed

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise FormatError(
                self._archive, f"unpacks to more than the {self._allowed} bytes allowed"
            )
        return data


def _unpack_tar(archive: Path, target: Path, limits: Limits) -> None:
    census = _Census(archive, limits)
    opener = _TAR_STREAMS[_tar_kind(archive) or (".tar",)]
    allowed = limits.allowed_bytes(archive.stat().st_size)
    with opener(archive, "rb") as stream:
        metered = _Metered(stream, allowed, archive)
        # A stream ("r|") is read once, front to back: nothing is unpacked unmetered.
        with tarfile.open(fileobj=metered, mode="r|") as file:  # pyright: ignore
            for member in file:
                plain = (member.isreg() and not member.issparse()) or member.isdir()
                census.admit(member.name, member.size, plain=plain)
                _write_member(file, member, target / member.name)


def _write_member(file: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Writes a file or folder that was admitted: its bytes alone, no owner, mode or time.

    `TarFile.extract` does so only with a filter, which Pythons before 3.11.4 do not have.
    """
    (path if member.isdir() else path.parent).mkdir(parents=True, exist_ok=True)
    content = file.extractfile(member)
    if content is not None:
        with content, path.open("xb") as out:
            shutil.copyfileobj(content, out)
