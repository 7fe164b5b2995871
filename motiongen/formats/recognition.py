"""What recognisers read, written only: arrays of CTR-GCN's feeder, and of aeon.

Both are .npz files of plain arrays. `CtrGcnWriter`:

============  ========================  ========================================================
key           shape and type            meaning
============  ========================  ========================================================
``x_train``   [N,T,2*J*C] float32       positions of two bodies, the second one all zeros; frames
                                        after the end of a clip are zeros
``y_train``   [N,K] float32             1 in the column of the class
============  ========================  ========================================================

`AeonWriter`:

============  ========================  ========================================================
``X``         [N,J*C,T] float32         one channel a joint and coordinate, all clips equally long
``y``         [N] str                   name of the class
``channel``   [J*C] str                 name of each channel: joint and coordinate
============  ========================  ========================================================

Beside them ``classes`` [K] and ``id`` [N] keep the names; these readers leave them alone. Joints
that were not seen are zeros. Coordinates are the clips' own: neither turned nor scaled.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from motiongen.formats.base import Writer
from motiongen.formats.npz import write_arrays
from motiongen.layouts import get
from motiongen.motion import Motion

#: bodies in a frame, as the feeder has it
BODIES = 2


class _RecognitionWriter(Writer):
    """Writes clips whose classes are all known, of one layout, as one .npz file."""

    #: of the format, for messages
    name: str

    def write(self, motions: Iterable[Motion], path: Path) -> None:
        """Writes the clips.

        Raises:
            ValueError: if there is none, they differ in layout or channels, one has no class, or
                their lengths do not suit the format; names the clip.
        """
        clips = list(motions)
        kinds = {(clip.layout, *clip.joints.shape[1:]) for clip in clips}
        if len(kinds) != 1:
            raise ValueError(
                f"{self.name}: a file holds clips of one layout, J and C; found "
                f"{sorted(kinds) or 'no clips'}"
            )
        arrays = self.arrays(clips, np.array([self._label(clip) for clip in clips]))
        names = {"classes": np.array(self.classes), "id": np.array([clip.id for clip in clips])}
        write_arrays(Path(path), {**arrays, **names})

    def _label(self, clip: Motion) -> int:
        if clip.label is None or not 0 <= clip.label < len(self.classes):
            raise ValueError(
                f"{self.name}: clip {clip.id!r} has label {clip.label}, allowed 0 to "
                f"{len(self.classes) - 1}: recognisers learn classes"
            )
        return clip.label

    @abstractmethod
    def arrays(self, clips: Sequence[Motion], labels: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of the format. Shapes: labels [N]."""


class CtrGcnWriter(_RecognitionWriter):
    """Writes clips as the feeder of CTR-GCN and its relatives reads them, as its train split.

    The feeder takes 25 joints of 3 coordinates, as in layout `kinect25`; for another layout the
    two numbers of its `reshape` are to be changed.

    Args:
        classes: names of the labels in the order of their numbers.
        frames: T, to which clips are padded. None: the longest clip of the file.

    Source: Chen et al., "Channel-wise topology refinement graph convolution for skeleton-based
        action recognition", ICCV 2021; `feeders/feeder_ntu.py`, `data/ntu/seq_transformation.py`.
    Differs: no `x_test`; bodies stand where the clips have them, not with the middle of the
        spine at the origin; labels are float32.
    """

    name = "ctrgcn"

    def __init__(self, classes: Sequence[str] = (), frames: int | None = None) -> None:
        super().__init__(classes)
        self.frames = frames

    def arrays(self, clips: Sequence[Motion], labels: np.ndarray) -> dict[str, np.ndarray]:
        """`x_train` and `y_train`."""
        longest = max(clip.num_frames for clip in clips)
        frames = self.frames or longest
        if longest > frames:
            raise ValueError(f"ctrgcn: a clip has {longest} frames, allowed are {frames}")
        x = np.zeros((len(clips), frames, BODIES, *clips[0].joints.shape[1:]), np.float32)
        for row, clip in enumerate(clips):
            x[row, : clip.num_frames, 0] = clip.joints.cpu().numpy()
        y = np.zeros((len(clips), len(self.classes)), np.float32)
        y[np.arange(len(clips)), labels] = 1
        return {"x_train": x.reshape(len(clips), frames, -1), "y_train": y}


class AeonWriter(_RecognitionWriter):
    """Writes clips as collections of series, as the classifiers of aeon take them.

    Source: aeon-toolkit.org, "Data structures": a collection is [n_cases, n_channels,
        n_timepoints].
    """

    name = "aeon"

    def arrays(self, clips: Sequence[Motion], labels: np.ndarray) -> dict[str, np.ndarray]:
        """`X`, `y` and `channel`."""
        lengths = {clip.num_frames for clip in clips}
        if len(lengths) > 1:
            raise ValueError(
                f"aeon: clips have {min(lengths)} to {max(lengths)} frames, allowed is one number"
            )
        x = np.stack([clip.joints.cpu().numpy() for clip in clips]).astype(np.float32)
        count, frames, joints, channels = x.shape
        names = get(clips[0].layout).joints
        return {
            "X": np.ascontiguousarray(x.reshape(count, frames, -1).transpose(0, 2, 1)),
            "y": np.array(self.classes)[labels],
            "channel": np.array([f"{name} {axis}" for name in names for axis in "xyz"[:channels]]),
        }
