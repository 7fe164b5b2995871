"""What the feeder of CTR-GCN and its relatives reads, written only: an .npz file of two arrays.

============  ========================  ========================================================
key           shape and type            meaning
============  ========================  ========================================================
``x_train``   [N,T,2*J*C] float32       positions of two bodies, the second one all zeros; frames
                                        after the end of a clip are zeros
``y_train``   [N,K] float32             1 in the column of the class
============  ========================  ========================================================

Beside them ``classes`` [K] and ``id`` [N] keep the names; the feeder leaves them alone. Joints
that were not seen are zeros. Coordinates are the clips' own: neither turned nor scaled.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from motiongen.formats.base import Holds, Writer
from motiongen.formats.npz import write_arrays
from motiongen.motion import Motion

#: bodies in a frame, as the feeder has it
BODIES = 2


class CtrGcnWriter(Writer):
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
    holds = Holds(
        ".npz",
        unlabelled=False,
        confidence="no",
        subjects=False,
        rates=False,
        alike=("layout", "J", "C"),
    )

    def __init__(self, classes: Sequence[str] = (), frames: int | None = None) -> None:
        super().__init__(classes)
        self.frames = frames

    def put(self, motions: Iterator[Motion], part: Path) -> None:
        """Writes the clips.

        Raises:
            ValueError: if a clip is longer than the array.
        """
        clips = list(motions)
        longest = max(clip.num_frames for clip in clips)
        frames = self.frames or longest
        if longest > frames:
            raise ValueError(f"ctrgcn: a clip has {longest} frames, allowed are {frames}")
        x = np.zeros((len(clips), frames, BODIES, *clips[0].joints.shape[1:]), np.float32)
        y = np.zeros((len(clips), len(self.classes)), np.float32)
        for row, clip in enumerate(clips):
            x[row, : clip.num_frames, 0] = clip.joints.cpu().numpy()
            y[row, clip.label] = 1
        arrays = {"x_train": x.reshape(len(clips), frames, -1), "y_train": y}
        names = {"classes": np.array(self.classes), "id": np.array([clip.id for clip in clips])}
        write_arrays(part, {**arrays, **names})
