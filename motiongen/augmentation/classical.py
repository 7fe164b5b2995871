"""Classical augmentation of motion: turned, scaled, warped in time, and mirrored where allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from motiongen import layouts
from motiongen.data.variation import Variation
from motiongen.motion import MotionBatch, MotionSpec

#: what the arms with classical augmentation do, unless told otherwise
CLASSICAL_VARIATION = Variation(degrees=15.0, scale=0.1, warp=0.3)
#: stands for every class
ALL = "all"


@dataclass(frozen=True)
class Classical:
    """Draws a change for each clip; half of the clips of mirrored classes change sides.

    Args:
        layout: names the skeleton.
        variation: turn about the vertical, size and pace.
        mirrored: numbers of the classes whose mirror image is of the same class.
    """

    layout: str
    variation: Variation = CLASSICAL_VARIATION
    mirrored: frozenset[int] = frozenset()

    def __call__(self, clips: MotionBatch, rng: np.random.Generator) -> MotionBatch:
        """A changed copy; see `motiongen.classifier.Augment`."""
        clips = self.variation(clips, rng)
        if not self.mirrored:
            return clips
        allowed = torch.tensor([int(label) in self.mirrored for label in clips.label])
        return mirrored(
            clips, self.layout, allowed & torch.from_numpy(rng.random(len(clips)) < 0.5)
        )


def mirrored(clips: MotionBatch, layout: str, rows: torch.Tensor) -> MotionBatch:
    """Swaps left and right in some clips: x changes its sign, and sides their joints.

    A joint on one side without a counterpart is unseen afterwards.

    Shapes: rows [B], True where a clip is mirrored.
    """
    skeleton = layouts.get(layout)
    order = list(skeleton.mirror)
    sided = [name.startswith(("left_", "right_")) for name in skeleton.joints]
    paired = torch.tensor([order[j] != j or not sided[j] for j in range(len(order))])
    flip = torch.ones(clips.joints.shape[-1])
    flip[0] = -1.0
    joints = torch.where(rows[:, None, None, None], clips.joints[:, :, order] * flip, clips.joints)
    confidence = clips.confidence[:, :, order] * paired
    confidence = torch.where(rows[:, None, None], confidence, clips.confidence)
    joints = torch.where((confidence > 0)[..., None], joints, 0.0)
    return clips.replace(joints=joints, confidence=confidence, target=None, path=None)


def mirrored_classes(names: Sequence[str], spec: MotionSpec) -> frozenset[int]:
    """Numbers of the classes that may be mirrored; "all" stands for every class.

    Raises:
        ValueError: if a class is unknown.
    """
    if list(names) == [ALL]:
        return frozenset(range(len(spec.classes)))
    if unknown := [name for name in names if name not in spec.classes]:
        raise ValueError(
            f"mirror: class {unknown[0]!r} is unknown; known: {ALL}, {', '.join(spec.classes)}"
        )
    return frozenset(spec.classes.index(name) for name in names)
