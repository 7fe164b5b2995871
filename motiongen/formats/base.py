"""What every file format gives: an index of its clips, and each clip as a Motion."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from motiongen.motion import Motion


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
