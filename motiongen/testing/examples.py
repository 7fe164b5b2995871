"""Small noisy clips with known truth, for the checks."""

import functools

from motiongen import transforms
from motiongen.data import synthetic
from motiongen.motion import Motion, MotionBatch, MotionSpec, collate
from motiongen.noise import Estimator, noisy_view

CLASSES = ("wave", "kick", "squat")
#: layouts and channels that every generator is tried on; the second lacks joints of the clips
SETTINGS = (("kinect20", 3), ("coco17", 2))


def example_spec(layout: str = "kinect20", channels: int = 3) -> MotionSpec:
    """A spec that differs from every default."""
    return MotionSpec(layout, channels, frames=14, fps=5.0, classes=CLASSES)


@functools.cache
def example_motions(
    spec: MotionSpec, people: int = 4, seed: int = 0, severity: int = 2
) -> tuple[Motion, ...]:
    """One clip of each person and class, of 10 to 14 frames, as an estimator sees it.

    The clips without noise are in `target`.
    """
    motions = []
    for number, motion in enumerate(synthetic.synthesise(people, 1, seed, CLASSES)):
        motion = transforms.resample(transforms.relayout(motion, spec.layout), spec.fps)
        frames = min(motion.num_frames, spec.frames)
        motion = transforms.centre(transforms.crop(motion, 0, frames))
        motion = motion.replace(joints=motion.joints[..., : spec.channels], unit=spec.unit)
        motions.append(noisy_view(motion, Estimator(severity), seed, number))
    return tuple(motions)


def example_clips(spec: MotionSpec, people: int = 4, seed: int = 0) -> MotionBatch:
    """The motions of `example_motions` in one batch."""
    return collate(example_motions(spec, people, seed), spec.frames)
