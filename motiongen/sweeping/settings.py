"""What is set in `motiongen fit`: configuration files and keys, as words of its command line."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motiongen.trust import TRUST

#: key under which configuration files are named
FILES = "config"
#: keys of `fit` that a sweep sets itself
OWN = ("out", "resume", "wandb")


@dataclass(frozen=True)
class Settings:
    """Files and keys of `motiongen fit`.

    Args:
        files: configuration files, the later ones over the earlier ones.
        keys: dotted keys and their values, over all files.
        trust_code: allow classes from outside motiongen.
    """

    files: tuple[str, ...] = ()
    keys: tuple[tuple[str, Any], ...] = ()
    trust_code: bool = False

    def __add__(self, other: "Settings") -> "Settings":
        trust_code = self.trust_code or other.trust_code
        return Settings(self.files + other.files, self.keys + other.keys, trust_code)

    def names(self) -> set[str]:
        """The keys in the one spelling that `canonical` gives."""
        return {canonical(key) for key, _ in self.keys}

    def words(self) -> list[str]:
        """For the command line of `fit`: a class comes before what belongs to it."""
        ordered = sorted(self.keys, key=lambda pair: canonical(pair[0]).count("."))
        files = [word for file in self.files for word in ("-c", file)]
        words = [*files, *(f"--{key}={text_of(value)}" for key, value in ordered)]
        return [*words, TRUST] if self.trust_code else words

    def fingerprint(self, *more: object) -> str:
        """Changes with the keys, the content of the files, and `more`; not with their order."""
        contents = [Path(file).read_text(encoding="utf-8") for file in self.files]
        keys = sorted((canonical(key), text_of(value)) for key, value in self.keys)
        text = json.dumps([contents, keys, *more], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:10]


def canonical(key: str) -> str:
    """One spelling of a key: `model.init_args.encoder.class_path` is `model.encoder`."""
    parts = [part for part in key.split(".") if part != "init_args"]
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "class_path" else parts)


def text_of(value: object) -> str:
    """A value as a word of the command line."""
    return value if isinstance(value, str) else json.dumps(value)


def is_file(value: object) -> bool:
    """Whether a value names a configuration file."""
    return isinstance(value, str) and value.endswith((".yaml", ".yml"))


def read_settings(found: object, where: str) -> Settings:
    """Settings as a sweep file has them: a mapping of keys, a file, files, or nothing.

    Args:
        found: nested or dotted keys; `config` among them names files.
        where: place in the sweep file, for errors.

    Raises:
        ValueError: if it is something else, a file is missing, or a key is the sweep's own.
    """
    if found is None:
        return Settings()
    if isinstance(found, str) or (isinstance(found, list) and all(map(is_file, found))):
        return Settings(files=_files(found, where))
    if not isinstance(found, Mapping):
        raise ValueError(f"{where}: found {found!r}, allowed are keys of fit, or YAML files")
    keys = dict(found)
    files = _files(keys.pop(FILES, []), f"{where}.{FILES}")
    flat = tuple(_flat(keys, ""))
    for key, _ in flat:
        refuse_own(key, where)
    return Settings(files, flat)


def refuse_own(key: str, where: str) -> None:
    """Refuses a key that a sweep sets itself.

    Raises:
        ValueError: names the key.
    """
    if key.split(".")[0] in OWN:
        raise ValueError(f"{where}: {key} is set by the sweep itself, see motiongen sweep --help")


def _files(found: object, where: str) -> tuple[str, ...]:
    files = [found] if isinstance(found, str) else found
    if not isinstance(files, list) or not all(map(is_file, files)):
        raise ValueError(f"{where}: found {found!r}, allowed are names of YAML files")
    if absent := [file for file in files if not Path(file).is_file()]:
        raise ValueError(f"{where}: there is no file {absent[0]}")
    return tuple(files)


def _flat(found: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
