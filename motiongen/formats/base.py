"""What every file format gives: an index of its clips, and each clip as a Motion."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from motiongen.layouts import get
from motiongen.motion import Motion, Unit


class FormatError(ValueError):
    """A file that cannot be read: which file, where in it, what was found and what is allowed."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


@dataclass(frozen=True)
class Clip:
    """One clip as the index knows it, before its data is read.

    Args:
        path: the file, relative to the source; for files with several clips a name is added.
        id: unique name inside the source.
        label: name of the class; None if the source has none.
        subject: who moves; "" if unknown.
    """

    path: str
    id: str
    label: str | None = None
    subject: str = ""


class Reader(ABC):
    """Reads one file format from a folder (archives are unpacked before).

    Args:
        source: the folder, or a single file.

    Raises:
        FormatError: if the source holds nothing of this format.
    """

    #: names of the labels in the order of their numbers; may be set while indexing
    classes: tuple[str, ...] = ()

    def __init__(self, source: Path) -> None:
        self.source = Path(source)

    @abstractmethod
    def index(self) -> list[Clip]:
        """Lists the clips in a fixed order. Cheap: reads names, not data."""

    @abstractmethod
    def load(self, clip: Clip) -> Motion:
        """Reads one clip: own layout, fps and unit, y up; nothing cropped or normalised.

        Raises:
            FormatError: if the file is damaged; names frame and joint (or key).
        """

    @property
    def root(self) -> Path:
        """The folder that `Clip.path` is relative to."""
        return self.source if self.source.is_dir() else self.source.parent

    def find(self, pattern: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
        """Files whose whole name matches, as (path relative to `root`, match), sorted by path.

        A folder is searched to any depth; a single file is matched itself.

        Raises:
            FormatError: if the source does not exist.
        """
        if not self.source.exists():
            raise FormatError(self.source, "no such file or folder")
        files = self.source.rglob("*") if self.source.is_dir() else [self.source]
        found = []
        for file in files:
            match = pattern.fullmatch(file.name)
            if match and file.is_file():
                found.append((file.relative_to(self.root).as_posix(), match))
        return sorted(found, key=lambda pair: pair[0])

    def checked(self, clips: list[Clip], expected: str) -> list[Clip]:
        """The clips, if there are any and no id is doubled.

        Args:
            clips: what the index found.
            expected: what a file of this format looks like, for the message.

        Raises:
            FormatError: if there is no clip, or two have one id.
        """
        if not clips:
            raise FormatError(self.source, f"no clip found; expected {expected}")
        seen: dict[str, str] = {}
        for clip in clips:
            if clip.id in seen:
                raise FormatError(
                    self.source,
                    f"two clips with the id {clip.id!r}: {seen[clip.id]} and {clip.path}",
                )
            seen[clip.id] = clip.path
        return clips

    def motion(
        self,
        clip: Clip,
        joints: np.ndarray,
        *,
        layout: str,
        confidence: np.ndarray | None = None,
        unit: Unit = "m",
        fps: float | None = None,
    ) -> Motion:
        """What was read of a clip as a Motion; joints with NaN are not seen.

        Args:
            clip: from the index.
            joints: positions, y up. Shapes: [T,J,C].
            layout: name of the skeleton.
            confidence: 0 to 1; None: 1 for every joint. Shapes: [T,J].
            unit: of the positions.
            fps: frames per second; None if the file does not say.

        Raises:
            FormatError: if the arrays do not fit the layout or each other.
        """
        seen = ~np.isnan(joints).any(-1)
        sure = seen.astype(np.float32) if confidence is None else np.where(seen, confidence, 0)
        try:
            if joints.shape[1] != (expected := get(layout).num_joints):
                raise ValueError(f"{joints.shape[1]} joints, but layout {layout!r} has {expected}")
            return Motion(
                joints=torch.from_numpy(np.where(seen[..., None], joints, 0).astype(np.float32)),
                confidence=torch.from_numpy(np.asarray(sure, dtype=np.float32)),
                layout=layout,
                unit=unit,
                id=clip.id,
                label=self.label_number(clip),
                subject=clip.subject,
                source=clip.path,
                fps=fps,
            )
        except FormatError:
            raise
        except ValueError as error:
            raise FormatError(clip.path, str(error)) from error

    def label_number(self, clip: Clip) -> int | None:
        """Number of the clip's class.

        Raises:
            FormatError: if the class is not among `classes`.
        """
        if clip.label is None:
            return None
        if clip.label not in self.classes:
            raise FormatError(
                clip.path, f"unknown class {clip.label!r}; known: {', '.join(self.classes)}"
            )
        return self.classes.index(clip.label)


class Writer(ABC):
    """Writes clips in one file format.

    Args:
        classes: names of the labels in the order of their numbers.
    """

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.classes = tuple(classes)

    @abstractmethod
    def write(self, motions: Iterable[Motion], path: Path) -> None:
        """Writes the clips to `path`: all of them or, on an error, nothing.

        Raises:
            ValueError: if the format cannot hold the clips.
        """
