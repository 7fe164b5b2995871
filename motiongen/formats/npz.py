"""NumPy's .npz files: every header is checked before any value is read; nothing is unpickled."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from motiongen.formats.archive import DEFAULT_LIMITS, Limits
from motiongen.formats.base import FormatError

#: key -> (axes, kinds of numpy type); axes of one letter have one length in all arrays
Schema = Mapping[str, tuple[str, str]]
Header = tuple[tuple[int, ...], np.dtype]

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError)
_DAMAGE += (RuntimeError, NotImplementedError, SyntaxError, TypeError, tokenize.TokenError)
# numpy itself reads no header of more than 10,000 characters.
_HEADER_BYTES = 2**16
_VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_headers(
    file: Path,
    name: str,
    schema: Schema,
    required: Collection[str] = (),
    limits: Limits = DEFAULT_LIMITS,
    *,
    others: bool = False,
) -> dict[str, int]:
    """Length of each axis, after all headers were checked against the schema and the limits.

    Args:
        file: where it lies.
        name: what messages call it.
        schema: the keys allowed, each with its axes and kinds of type.
        required: keys that must be there.
        limits: sizes allowed.
        others: further keys are allowed, of any type but objects, and ignored.

    Raises:
        FormatError: if the file is damaged or too large, a key is unknown, doubled or missing,
            or an array is not as the schema says; names the key.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_sizes(members, file.stat().st_size, name, limits)
            headers: dict[str, Header] = {}
            for member in members:
                key = member.filename.removesuffix(".npy")
                known = key in schema or others
                if key in headers or not known or key == member.filename:
                    raise FormatError(
                        name,
                        f"key {key!r}: unknown or doubled; allowed: {', '.join(schema)}",
                    )
                with archive.open(member) as stream:
                    headers[key] = _header(BytesIO(stream.read(_HEADER_BYTES)), member.file_size)
                _check_header(key, headers[key], schema, name)
            headers = {key: header for key, header in headers.items() if key in schema}
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(name, f"is no sound .npz file: {error}") from error
    if missing := set(required) - set(headers):
        raise FormatError(name, f"key {sorted(missing)[0]!r} is missing")
    return _axes(headers, schema, name)


def read_arrays(
    file: Path, name: str, keys: Collection[str]
) -> dict[str, Shaped[np.ndarray, "..."]]:
    """Arrays of those keys that the file has; call `read_headers` before.

    Raises:
        FormatError: if the file is damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files if key in keys}
    except _DAMAGE as error:
        raise FormatError(name, f"is no sound .npz file: {error}") from error


def array_shape(file: Path, name: str, axes: str, kinds: str) -> tuple[int, ...]:
    """Shape of the array of a .npy file, by its header alone.

    Args:
        file: where it lies.
        name: what messages call it.
        axes: one letter each.
        kinds: of numpy type that are allowed.

    Raises:
        FormatError: if the file is damaged or too large, or its array is not as allowed.
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            header = _header(BytesIO(stream.read(_HEADER_BYTES)), size)
    except _DAMAGE as error:
        raise FormatError(name, f"is no sound .npy file: {error}") from error
    if size > DEFAULT_LIMITS.member_bytes:
        raise FormatError(name, f"{size} bytes, allowed {DEFAULT_LIMITS.member_bytes}")
    _check_header("", header, {"": (axes, kinds)}, name)
    return header[0]


def read_array(file: Path, name: str, axes: str, kinds: str) -> Shaped[np.ndarray, "..."]:
    """The array of a .npy file, with as many axes as `axes` has letters; see `array_shape`.

    Raises:
        FormatError: as `array_shape`.
    """
    array_shape(file, name, axes, kinds)
    try:
        return np.load(file, allow_pickle=False)
    except _DAMAGE as error:
        raise FormatError(name, f"is no sound .npy file: {error}") from error


def _check_sizes(members: list[zipfile.ZipInfo], packed: int, name: str, limits: Limits) -> None:
    total = sum(member.file_size for member in members)
    allowed = limits.allowed_bytes(packed)
    if total > allowed:
        raise FormatError(name, f"unpacks to {total} bytes, allowed {allowed}")


def _header(start: BytesIO, size: int) -> Header:
    """Shape and type of an array from its first bytes; they must account for its `size`.

    Raises:
        ValueError: if they do not.
    """
    version = np.lib.format.read_magic(start)
    if version not in _VERSIONS:
        raise ValueError(f"array format {version}, allowed {sorted(_VERSIONS)}")
    shape, _, dtype = _VERSIONS[version](start)
    found = size - start.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != found:
        raise ValueError(f"an array {shape} of {dtype} in {found} bytes")
    return tuple(shape), dtype


def _check_header(key: str, header: Header, schema: Schema, name: str) -> None:
    shape, dtype = header
    if dtype.hasobject:
        raise FormatError(name, f"key {key!r}: type {dtype}, Python objects are refused")
    if key not in schema:
        return
    axes, kinds = schema[key]
    if dtype.kind not in kinds:
        raise FormatError(name, f"key {key!r}: type {dtype}, allowed kinds {', '.join(kinds)}")
    if len(shape) != len(axes):
        raise FormatError(
            name, f"key {key!r}: shape {shape}, allowed are {len(axes)} axes [{','.join(axes)}]"
        )


def _axes(headers: Mapping[str, Header], schema: Schema, name: str) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for key, (shape, _) in headers.items():
        for axis, length in zip(schema[key][0], shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise FormatError(
                    name,
                    f"key {key!r}: axis {axis} is {length}, but {lengths[axis]} in another key",
                )
    return lengths


def write_arrays(path: Path, arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> None:
    """Writes an uncompressed .npz file, whatever the name ends in."""
    with path.open("xb") as stream:
        np.savez(stream, **arrays)  # pyright: ignore[reportArgumentType]
