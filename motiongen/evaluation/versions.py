"""Which code made a report."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

from motiongen import __version__


def versions() -> dict[str, str]:
    """Of this package and of what it computes with."""
    return {
        "motiongen": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def current_commit() -> str | None:
    """The commit of this code, with "-dirty" where files differ; None outside a checkout."""
    here = Path(__file__)
    # an installed package may lie inside somebody else's checkout
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    return _git(here.parent, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None
