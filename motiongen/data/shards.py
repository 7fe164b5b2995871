"""A set of clips in shards: the manifest that lists them, read and checked.

A set is a folder. Each shard is a store or a file of its own. `shards.jsonl` lists them: one line
says what the set is and what it was drawn with, one line follows for each shard that is on disk
(its name, number of clips, the number of its first sample, size and sha256 of its files), and the
last line says that the set is complete, with the sha256 of all lines before it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from motiongen import __version__
from motiongen.data.manifest import check_size
from motiongen.data.table import ARRAYS, MANIFEST, TABLE, StoreError, sha256
from motiongen.formats.writers import WRITERS

SHARDS, SHARDS_VERSION = "shards.jsonl", 1
#: the format whose shards are stores
STORE = "store"
_KEYS: dict[str, type] = {
    "shards": int,
    "motiongen": str,
    "format": str,
    "clips": int,
    "shard_size": int,
    "spec": dict,
    "origin": dict,
}


@dataclass(frozen=True)
class Shard:
    """One shard, as its line in the manifest says.

    Args:
        shard: its name.
        first: number of its first sample.
        rows: number of its clips.
        files: bytes and sha256 of each file, by its path inside the set.
    """

    shard: str
    first: int
    rows: int
    files: dict[str, dict[str, Any]]

    def as_line(self) -> bytes:
        """The line of the manifest."""
        return as_line(asdict(self))


@dataclass(frozen=True)
class Listing:
    """What a manifest says so far.

    Args:
        header: what the set is; None if not even that was written.
        shards: those whose line was written.
        complete: whether the last line was written, too.
        end: bytes of whole lines; what follows was cut when it was written.
    """

    header: dict[str, Any] | None
    shards: tuple[Shard, ...]
    complete: bool
    end: int


class ShardSet:
    """A complete set of shards: its manifest, and checks of its files. Made by `ShardSet.read`."""

    def __init__(self, path: Path, header: Mapping[str, Any], shards: tuple[Shard, ...]) -> None:
        self.path, self.header, self.shards = path, header, shards

    @classmethod
    def read(cls, folder: Path) -> "ShardSet":
        """Reads the manifest and checks it; looks at no shard.

        Raises:
            StoreError: if it is missing, damaged, of another version, or the set is unfinished.
        """
        found = read_listing(folder)
        if not found.complete or found.header is None:
            total = 0 if found.header is None else num_shards(found.header)
            raise StoreError(
                folder / SHARDS,
                f"unfinished: {len(found.shards)} of {total or 'unknown'} shards are written; "
                "run the command that writes them again",
            )
        return cls(folder, found.header, found.shards)

    @property
    def format(self) -> str:
        """What the shards are: "store", or a format of files."""
        return self.header["format"]

    @property
    def num_bytes(self) -> int:
        """Size of all shards."""
        return sum(entry["bytes"] for shard in self.shards for entry in shard.files.values())

    def check_sizes(self) -> None:
        """Looks whether all files are there and as large as the manifest says.

        Raises:
            StoreError: names every shard of which a file is not.
        """
        self._refuse([text for shard in self.shards if (text := self._wrong_size(shard))])

    def verify(self, progress: Callable[[int], object] | None = None) -> None:
        """Reads every file and compares its checksum.

        Args:
            progress: called with the number of clips checked at each step.

        Raises:
            StoreError: names every damaged shard.
        """
        damaged = []
        for shard in self.shards:
            text = self._wrong_size(shard) or self._wrong_content(shard)
            damaged += [text] if text else []
            if progress is not None:
                progress(shard.rows)
        self._refuse(damaged)

    def _refuse(self, damaged: list[str]) -> None:
        if damaged:
            count = f"{len(damaged)} of {len(self.shards)} shards are damaged"
            raise StoreError(self.path, f"{count}: {'; '.join(damaged)}")

    def _wrong_size(self, shard: Shard) -> str | None:
        try:
            for name, entry in shard.files.items():
                check_size(self.path / name, entry["bytes"])
        except StoreError as error:
            return f"{Path(error.path).relative_to(self.path)} {error.reason}"
        return None

    def _wrong_content(self, shard: Shard) -> str | None:
        for name, entry in shard.files.items():
            if sha256(self.path / name) != entry["sha256"]:
                return f"{name} its sha256 differs from the manifest"
        return None

    def as_dict(self) -> dict[str, Any]:
        """What the set is, as plain values."""
        told = {"path": str(self.path), "shards": len(self.shards), "bytes": self.num_bytes}
        return {**{k: v for k, v in self.header.items() if k not in ("shards", "origin")}, **told}

    def as_text(self) -> str:
        """What the set is, for a terminal."""
        told, spec = self.as_dict(), self.header["spec"]
        size = f"{told['bytes'] / 1e6:.1f} MB"
        return "\n".join(
            [
                f"{told['path']}: {told['clips']} clips in {told['shards']} shards, {size}",
                f"format    {self.format}: files for recognisers, which motiongen does not read",
                f"skeleton  {spec['layout']}, {spec['channels']} coordinates, {spec['unit']}",
                f"classes   {', '.join(spec['classes']) or 'none'}",
            ]
        )


def is_sharded(folder: Path) -> bool:
    """Whether a folder holds a set of shards, finished or not."""
    return (folder / SHARDS).is_file()


def files_of(folder: Path) -> ShardSet | None:
    """The set in a folder whose shards are files for recognisers; None if it is a store.

    Raises:
        StoreError: if it is unfinished or damaged; names every shard that is missing or cut.
    """
    if not is_sharded(folder):
        return None
    found = ShardSet.read(folder)
    if found.format == STORE:
        return None
    found.check_sizes()
    return found


def shard_name(number: int) -> str:
    """Name of a shard; those of one set sort as they are numbered."""
    return f"shard-{number:06d}"


def file_name(name: str, format: str) -> str:
    """Name of a shard with the suffix of its format; a store is a folder and has none."""
    suffix = WRITERS[format].holds.suffix if format in WRITERS else ""
    return f"{name}{suffix}"


def num_shards(header: Mapping[str, Any]) -> int:
    """How many shards a set has."""
    return -(-header["clips"] // header["shard_size"])


def measured(folder: Path, name: str, format: str) -> dict[str, dict[str, Any]]:
    """Bytes and sha256 of the files of a shard that is on disk, by their path inside the set."""
    if format == STORE:
        own = folder / name
        known = dict(json.loads((own / MANIFEST).read_bytes())["files"])
        # the store's own manifest has the checksums of all files but itself
        size = (own / MANIFEST).stat().st_size
        known[MANIFEST] = {"bytes": size, "sha256": sha256(own / MANIFEST)}
        return {f"{name}/{file}": known[file] for file in sorted(known)}
    file = folder / file_name(name, format)
    return {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)}}


def as_line(values: Mapping[str, Any]) -> bytes:
    """A line of the manifest."""
    return json.dumps(values, sort_keys=True).encode() + b"\n"


def last_line(before: bytes, clips: int) -> bytes:
    """The line that says that a set is complete: the sha256 of all lines before it."""
    return as_line({"complete": clips, "sha256": hashlib.sha256(before).hexdigest()})


# ---- reading ------------------------------------------------------------------------------------


def read_listing(folder: Path) -> Listing:
    """What the manifest in a folder says so far.

    Raises:
        StoreError: if it is missing, damaged or of another version.
    """
    path = folder / SHARDS
    if not path.is_file():
        raise StoreError(path, "not found: the folder holds no set of shards")
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    lines = data[:end].splitlines(keepends=True)
    if not lines:
        return Listing(None, (), False, 0)
    header = _header(path, lines[0])
    count = num_shards(header)
    shards = [_shard(path, header, number, line) for number, line in enumerate(lines[1:][:count])]
    before = b"".join(lines[: 1 + count])
    rest = data[len(before) :]
    # a last line that was cut is no damage: the set is unfinished
    if end > len(before) and rest != last_line(before, header["clips"]):
        raise StoreError(path, "damaged or edited: its content differs from its own sha256")
    return Listing(header, tuple(shards), end > len(before), end)


def _header(path: Path, line: bytes) -> dict[str, Any]:
    header = _plain(path, line, 1)
    if header.get("shards") != SHARDS_VERSION:
        raise StoreError(
            path,
            f"version of the set is {header.get('shards')!r}, made by motiongen "
            f"{header.get('motiongen')}; motiongen {__version__} reads version {SHARDS_VERSION}",
        )
    for key, kind in _KEYS.items():
        if not isinstance(header.get(key), kind):
            raise StoreError(
                path, f"damaged: line 1: {key} is {header.get(key)!r}, no {kind.__name__}"
            )
    if min(header["clips"], header["shard_size"]) < 1:
        raise StoreError(path, "damaged: line 1: clips and shard_size must be at least 1")
    return header


def _shard(path: Path, header: Mapping[str, Any], number: int, line: bytes) -> Shard:
    found = _plain(path, line, number + 2)
    size, clips, name = header["shard_size"], header["clips"], shard_name(number)
    first = number * size
    expected = {"shard": name, "first": first, "rows": min(size, clips - first)}
    files = found.pop("files", None)
    if found != expected:
        raise StoreError(path, f"damaged: line {number + 2} is {found}, expected {expected}")
    _check_files(path, name, header["format"], files)
    return Shard(**expected, files=files)


def _check_files(path: Path, name: str, format: str, files: Any) -> None:
    needed = allowed = {file_name(name, format)}
    if format == STORE:
        needed = {f"{name}/{file}" for file in (*ARRAYS[:2], TABLE, MANIFEST)}
        allowed = {f"{name}/{file}" for file in (*ARRAYS, TABLE, MANIFEST)}
    if not isinstance(files, dict) or not needed <= set(files) <= allowed:
        raise StoreError(path, f"damaged: files of {name} are {files}, allowed {sorted(allowed)}")
    for entry in files.values():
        if not isinstance(entry, dict) or set(entry) != {"bytes", "sha256"}:
            raise StoreError(path, f"damaged: a file of {name} is {entry}")
        if not isinstance(entry["bytes"], int):
            raise StoreError(path, f"damaged: a file of {name} has {entry['bytes']!r} bytes")


def _plain(path: Path, line: bytes, number: int) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StoreError(path, f"damaged: line {number} is no JSON ({error})") from error
    if not isinstance(values, dict):
        raise StoreError(path, f"damaged: line {number} is a {type(values).__name__}")
    return values
