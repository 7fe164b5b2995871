"""What every file format gives: an index of its clips, and each clip as a Motion."""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch

from motiongen.formats.placing import placed
from motiongen.layouts import get
from motiongen.motion import Motion, Unit


class FormatError(ValueError):
    """A file that cannot be read: which file, where in it, what was found and what is allowed."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = str(path)
        self.reason = reason


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuses an unknown value of a reader's option.

    Raises:
        ValueError: names the allowed ones.
    """
    if value not in allowed:
        raise ValueError(f"{name}: found {value!r}, allowed {', '.join(allowed)}")


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
        seen = np.logical_not(np.isnan(joints).any(axis=2))
        sure = seen.astype(np.float32) if confidence is None else np.where(seen, confidence, 0)
        try:
            if joints.shape[1] != (expected := get(layout).num_joints):
                raise ValueError(f"{joints.shape[1]} joints, but layout {layout!r} has {expected}")
            return Motion(
                joints=torch.from_numpy(np.where(seen[:, :, None], joints, 0).astype(np.float32)),
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


@dataclass(frozen=True)
class Holds:
    """What a format has room for. A writer refuses what is not allowed here.

    Args:
        suffix: of its file, or of the files in its folder.
        folder: whether it is a folder, with a file or more for each clip.
        channels: coordinates a joint that are allowed.
        units: that are allowed.
        layouts: that are allowed; none: any.
        unlabelled: whether a clip may be without a class.
        labels: "names", "numbers" (then the names are lost), or "no".
        confidence: "exact", "levels" (some values only) or "no".
        ids: whether they are kept.
        subjects: whether it is kept who moves.
        rates: whether the frame rate is kept.
        targets: whether the clean positions are kept.
        alike: what all clips of one file share, of `SHARED`.
    """

    suffix: str
    folder: bool = False
    channels: tuple[int, ...] = (2, 3)
    units: tuple[Unit, ...] = get_args(Unit)
    layouts: tuple[str, ...] = ()
    unlabelled: bool = True
    labels: Literal["names", "numbers", "no"] = "names"
    confidence: Literal["exact", "levels", "no"] = "exact"
    ids: bool = True
    subjects: bool = True
    rates: bool = True
    targets: bool = False
    alike: tuple[str, ...] = ()


#: what clips of one file may have to share -> how to find it
SHARED: dict[str, Callable[[Motion], Any]] = {
    "layout": lambda clip: clip.layout,
    "unit": lambda clip: clip.unit,
    "fps": lambda clip: clip.fps,
    "J": lambda clip: clip.joints.shape[1],
    "C": lambda clip: clip.joints.shape[2],
    "T": lambda clip: clip.num_frames,
    "labelled or not": lambda clip: clip.label is not None,
}


class Writer(ABC):
    """Writes clips in one file format.

    Args:
        classes: names of the labels in the order of their numbers.
    """

    #: of the format, as the command and messages call it
    name: ClassVar[str]
    #: what there is room for
    holds: ClassVar[Holds]

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.classes = tuple(classes)

    def write(self, motions: Iterable[Motion], path: Path, *, overwrite: bool = False) -> None:
        """Writes the clips to `path`: all of them or, on an error, nothing.

        Args:
            motions: the clips; read one by one where the format allows.
            path: file or folder, see `Holds`.
            overwrite: replace what is there, once the new one is complete.

        Raises:
            ValueError: if the format cannot hold the clips; names the clip.
            FileExistsError: if something is there.
        """
        kind = {"suffix": self.holds.suffix, "folder": self.holds.folder}
        with placed(Path(path), overwrite=overwrite, **kind) as part:
            self.put(self._checked(motions), part)

    @abstractmethod
    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes clips, each of which was checked, to a file that is not there or a new folder.

        Raises:
            ValueError: if the format cannot hold them after all.
        """

    def label_name(self, motion: Motion) -> str | None:
        """Name of the clip's class; its number where classes have no names; None without one."""
        if motion.label is None:
            return None
        return self.classes[motion.label] if self.classes else str(motion.label)

    def _checked(self, motions: Iterable[Motion]) -> Iterator[Motion]:
        """The clips, while they are what the format holds; at least one."""
        ids: set[str] = set()
        first: Motion | None = None
        for motion in motions:
            first = first or motion
            self._check_alike(first, motion)
            self._check(motion)
            if motion.id in ids:
                raise ValueError(f"{self.name}: ids are not unique: two clips are {motion.id!r}")
            ids.add(motion.id)
            yield motion
        if first is None:
            raise ValueError(f"{self.name}: no clips, at least 1 is needed")

    def _check(self, motion: Motion) -> None:
        holds, clip = self.holds, f"{self.name}: clip {motion.id!r}"
        if not motion.num_frames:
            raise ValueError(f"{clip} has no frames, at least 1 is needed")
        found = {
            "coordinates": (motion.joints.shape[2], holds.channels),
            "unit": (motion.unit, holds.units),
            "layout": (motion.layout, holds.layouts or (motion.layout,)),
        }
        for what, (value, allowed) in found.items():
            if value not in allowed:
                told = " or ".join(str(item) for item in allowed)
                raise ValueError(f"{clip} has {what} {value}, allowed {told}")
        if motion.label is None and holds.unlabelled:
            return
        # without names any number is a label
        most = (len(self.classes) or (sys.maxsize if holds.unlabelled else 0)) - 1
        if motion.label is None or not 0 <= motion.label <= most:
            raise ValueError(f"{clip} has label {motion.label}, allowed 0 to {most}")

    def _check_alike(self, first: Motion, motion: Motion) -> None:
        for what in self.holds.alike:
            values = SHARED[what](first), SHARED[what](motion)
            if values[0] != values[1]:
                raise ValueError(
                    f"{self.name}: a file holds clips of one {', '.join(self.holds.alike)}; clip "
                    f"{first.id!r} has {what} {values[0]}, clip {motion.id!r} {values[1]}"
                )
