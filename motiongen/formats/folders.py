"""Folders with a file or a folder for each clip: how they are named, and the table beside them."""

import csv
import re
from pathlib import Path
from types import TracebackType

from motiongen.formats.placing import CLIPS
from motiongen.motion import Motion

COLUMNS = ("file", "id", "label", "subject", "layout", "unit", "fps", "frames")
_ODD = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')


class Folder:
    """Names the files of clips, and lists them in `clips.csv` with what their names do not say.

    Clips with a class lie in its folder. Characters that a file name cannot have become "_".

    Args:
        root: where the files lie; it exists.
        suffix: of the files; "" where each clip is a folder.
    """

    def __init__(self, root: Path, suffix: str = "") -> None:
        self.root, self.suffix = root, suffix
        self._taken: set[str] = set()
        self._classes: dict[str, str] = {}

    def __enter__(self) -> "Folder":
        self._stream = (self.root / CLIPS).open("x", encoding="utf-8", newline="")
        self._table = csv.writer(self._stream, lineterminator="\n")
        self._table.writerow(COLUMNS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def place(self, motion: Motion, label: str | None, name: str | None = None) -> Path:
        """Where a clip's file or folder is to be; its parent exists.

        Args:
            motion: the clip.
            label: name of its class.
            name: of the file without its suffix; None makes one of class and id.

        Raises:
            ValueError: if two classes would have one folder.
        """
        if name is None:
            folder = "" if label is None else f"{self._folder(label)}/"
            name = folder + _clean(motion.id.rpartition("/")[2])
        unique, number = name, 2
        while unique.lower() in self._taken:
            unique, number = f"{name}-{number}", number + 1
        self._taken.add(unique.lower())
        file = f"{unique}{self.suffix}"
        known = [motion.id, label, motion.subject, motion.layout, motion.unit, motion.fps]
        self._table.writerow([file, *("" if v is None else v for v in known), motion.num_frames])
        path = self.root / file
        path.parent.mkdir(exist_ok=True)
        return path

    def _folder(self, label: str) -> str:
        folder = _clean(label)
        if self._classes.setdefault(folder.lower(), label) != label:
            raise ValueError(
                f"classes {self._classes[folder.lower()]!r} and {label!r} would have one folder"
            )
        return folder


def _clean(name: str) -> str:
    """The name as one of a file."""
    return _ODD.sub("_", name).strip(" .") or "_"
