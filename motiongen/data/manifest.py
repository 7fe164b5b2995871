"""The manifest of a store: read and checked before anything else of it."""

import json
from pathlib import Path
from typing import Any

from motiongen import __version__
from motiongen.data.table import (
    ARRAYS,
    HEADER_BYTES,
    ITEM_BYTES,
    MANIFEST,
    TABLE,
    StoreError,
    manifest_sha256,
    npy_header,
    siblings,
)
from motiongen.data.writer import STORE_VERSION

_KEYS: dict[str, type] = {
    "store": int,
    "motiongen": str,
    "clips": int,
    "spec": dict,
    "fps_assumed": bool,
    "classes": list,
    "dropped": list,
    "origin": dict,
    "files": dict,
    "sha256": str,
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the store in a folder, its keys and its own checksum checked.

    Raises:
        StoreError: if it is missing, damaged or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        if folder.is_file():
            hint = f"is a file, no store; `motiongen import arrays {folder} --out STORE` makes one"
            raise StoreError(folder, hint + " of an .npz")
        raise StoreError(path, "not found: the folder is no store" + _left_aside(folder))
    try:
        manifest = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise StoreError(path, f"damaged: no JSON ({error})") from error
    if not isinstance(manifest, dict):
        raise StoreError(path, f"damaged: a {type(manifest).__name__}, expected a table of keys")
    _check_keys(path, manifest)
    if manifest["sha256"] != manifest_sha256(manifest):
        raise StoreError(path, "damaged or edited: its content differs from its own sha256")
    _check_entries(path, manifest["files"])
    return manifest


def _check_keys(path: Path, manifest: dict[str, Any]) -> None:
    # First of all: other versions may have other keys.
    if manifest.get("store") != STORE_VERSION:
        raise StoreError(
            path,
            f"store version is {manifest.get('store')!r}, made by motiongen "
            f"{manifest.get('motiongen')}; motiongen {__version__} reads version {STORE_VERSION}: "
            "import the source again",
        )
    if set(manifest) != set(_KEYS):
        raise StoreError(path, f"damaged: keys {sorted(manifest)}, expected {sorted(_KEYS)}")
    for key, kind in _KEYS.items():
        if not isinstance(manifest[key], kind):
            raise StoreError(path, f"damaged: {key} is {manifest[key]!r}, no {kind.__name__}")


def _left_aside(folder: Path) -> str:
    for earlier in siblings(folder, "old"):
        return f"; an interrupted overwrite left the earlier store at {earlier}: rename it back"
    return ""


def _check_entries(path: Path, files: dict[str, Any]) -> None:
    needed, allowed = {*ARRAYS[:2], TABLE}, {*ARRAYS, TABLE}
    if not needed <= set(files) <= allowed:
        raise StoreError(path, f"files are {list(files)}, allowed {sorted(allowed)}")
    for name, entry in files.items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if not isinstance(size, int) or set(entry) != {"bytes", "sha256"}:
            raise StoreError(path, f"files[{name!r}] is {entry}, expected bytes and sha256")


def check_size(path: Path, size: int) -> None:
    """Refuses a file that is missing, of another size, or an array whose header does not fit it.

    Raises:
        StoreError: names the file.
    """
    if path.is_symlink() or not path.is_file():
        raise StoreError(path, "missing or no regular file")
    if path.stat().st_size != size:
        raise StoreError(path, f"cut or damaged: {path.stat().st_size} bytes, expected {size}")
    if path.name in ARRAYS:
        count = (size - HEADER_BYTES) // ITEM_BYTES
        with open(path, "rb") as file:
            if file.read(HEADER_BYTES) != npy_header(count):
                raise StoreError(path, "damaged: its header does not match its size")
