"""Files of trained generators: `motiongen.load`, and how they are read and written."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from motiongen import __version__
from motiongen.generators.base import Generator
from motiongen.generators.recipe import build
from motiongen.release import WEIGHTS, is_release, read_release, released

BEST, LAST = "best.ckpt", "last.ckpt"
#: key of a checkpoint under which its own `fingerprint` stands
STAMP = "sha256"
#: end of the name of a file that is not whole yet
PART = ".part"


def load(path: str | Path, *, trust_code: bool = False, device: str = "cpu") -> Generator:
    """Loads a trained generator, ready to sample.

    Args:
        path: a checkpoint, the folder of a run (then its best checkpoint), the folder of a
            released model, or the name of one that comes with motiongen.
        trust_code: allow classes from outside motiongen, whose modules are imported.
        device: where to put it.

    Raises:
        ValueError: if the file is no checkpoint of motiongen, is damaged, comes from a newer
            version, or names a class that is not allowed.
        FileNotFoundError: if there is no such file.
    """
    file = find(path)
    content = read(file)
    known = _header(file, content)
    try:
        # drawn weights are replaced below: the caller's random state is not spent on them
        with torch.random.fork_rng(devices=[]):
            model: Generator = build(known["recipe"], Generator, trust_code=trust_code)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{file}: its recipe cannot be built: {error}") from error
    try:
        model.load_state_dict(content["state_dict"])
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        # torch lists every tensor, one a line, below a title
        reason = str(error).strip().splitlines()[:2][-1].strip()
        raise ValueError(f"{file}: its weights do not fit its recipe: {reason}") from error
    model.provenance = dict(known.get("provenance", {}))
    return placed(model, device).eval()


def content_of(model: Generator) -> dict[str, Any]:
    """What a checkpoint holds of a model, without what only resuming needs."""
    content: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    return content


def placed(model: Generator, device: str) -> Generator:
    """Moves a model to a device.

    Raises:
        ValueError: if there is no such device.
    """
    try:
        return model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r}: {str(error).splitlines()[0]}") from error


def _header(file: Path, content: dict[str, Any]) -> dict[str, Any]:
    """What motiongen wrote beside the weights, if it is what this version can read."""
    known = content.get("motiongen")
    if not isinstance(known, dict) or not {"recipe", "version"} <= set(known):
        raise ValueError(f"{file}: no checkpoint of motiongen (it has no key 'motiongen')")
    version, kinds = known["version"], {"recipe": dict, "version": str, "provenance": dict}
    for name, kind in kinds.items():
        if not isinstance(known.get(name, kind()), kind):
            raise ValueError(f"{file}: key 'motiongen.{name}' is no {kind.__name__}")
    if not re.match(r"\d+\.\d+", version):
        raise ValueError(f"{file}: version {version!r} is none")
    if _major(version) > _major(__version__):
        raise ValueError(
            f"{file}: made by motiongen {version}, which is newer than this {__version__}"
        )
    return known


def find(path: str | Path) -> Path:
    """The checkpoint that a path means: itself, or the best one of a run's folder.

    Raises:
        FileNotFoundError: if there is none.
    """
    known = released()
    path = known.get(str(path), Path(path)) if not Path(path).exists() else Path(path)
    file = path
    if path.is_dir():
        file = path / WEIGHTS if (path / WEIGHTS).is_file() else path / BEST
    if not file.is_file():
        named = f"; released models: {', '.join(known)}" if known else ""
        raise FileNotFoundError(f"{file}: no such checkpoint; `motiongen fit` writes one{named}")
    return file


def read(file: Path) -> dict[str, Any]:
    """The plain content of a checkpoint; never runs code.

    Raises:
        ValueError: if it is damaged, or holds more than tensors and plain values.
    """
    if is_release(file):
        return read_release(file)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises seven kinds of errors for damaged files; each of them means just this
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(f"{file}: cannot be read as a checkpoint: {reason[0]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: holds a {type(content).__name__}, not a checkpoint")
    stamp = content.pop(STAMP, None)
    if stamp is not None and stamp != fingerprint(content):
        raise ValueError(f"{file}: is damaged: its content is not what its checksum says")
    return content


def write(file: Path, content: dict[str, Any]) -> None:
    """Writes a checkpoint whole or not at all, with a checksum of its content in it.

    Raises:
        OSError: if the disk is full or fails; names the file.
    """
    stamped = {**content, STAMP: fingerprint(content)}
    write_whole(file, lambda stream: torch.save(stamped, stream))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file that is on disk in whole, or leaves the earlier one as it was.

    Raises:
        OSError: if the disk is full or fails; names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        # torch wraps what a full disk says
        kept = "; the earlier one is as it was" if path.exists() else ""
        raise OSError(f"{path}: cannot be written: {_first_line(error)}{kept}") from error
    finally:
        part.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Without it a rename may be lost with the power, although the file is on disk."""
    # only there a folder can be opened
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _first_line(error: BaseException) -> str:
    while not isinstance(error, OSError) and error.__context__ is not None:
        error = error.__context__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def remove_parts(folder: Path) -> None:
    """Removes what a writer that was killed left in a folder and those in it."""
    for part in [*folder.glob(f".*{PART}"), *folder.glob(f"*/.*{PART}")]:
        part.unlink(missing_ok=True)


def fingerprint(content: object) -> str:
    """A sha256 over plain values and tensors, by what they are and not by how they are stored."""
    digest = hashlib.sha256()
    for part in _parts(content):
        digest.update(part)
    return digest.hexdigest()


def _parts(content: object) -> Iterator[bytes | memoryview]:
    if isinstance(content, Tensor):
        yield f"{content.dtype}{tuple(content.shape)}".encode()
        flat = content.detach().cpu().contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data
    elif isinstance(content, Mapping):
        yield b"{"
        for name, value in content.items():
            yield f"{name!r}:".encode()
            yield from _parts(value)
        yield b"}"
    elif isinstance(content, list | tuple):
        yield b"["
        for value in content:
            yield from _parts(value)
        yield b"]"
    else:
        yield f"{content!r},".encode()


def _major(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
