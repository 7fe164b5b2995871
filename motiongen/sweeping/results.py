"""Results of trials as small files, which may be committed and read again without the sweep."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motiongen.checkpoint import write_whole

SCHEMA = 1


def write_result(path: Path, result: Mapping[str, Any]) -> None:
    """Writes the result of a trial, whole or not at all."""
    text = json.dumps({"schema": SCHEMA, **result}, indent=1, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def read_result(path: Path) -> dict[str, Any]:
    """The result of a trial.

    Raises:
        ValueError: if the file is none, or one of another schema.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is no result of a trial: {error}") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"{path}: schema is {schema!r}, allowed {SCHEMA}")
    return found
