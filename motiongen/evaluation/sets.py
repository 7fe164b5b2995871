"""A set of clips with all that metrics read of it, measured once; and the trivial baselines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from motiongen import layouts
from motiongen.classifier import fill_gaps
from motiongen.data.variation import warped
from motiongen.evaluation.drawing import canonical_order, rows_by_label
from motiongen.evaluation.features import Cache, FeatureSpace, features_of
from motiongen.evaluation.paths import FRAMES, Paths, Shown, as_paths, stretched
from motiongen.metrics.memorisation import COPY_DISTANCE_M
from motiongen.metrics.naturalness import naturalness_per_clip
from motiongen.metrics.posture import Ranges, angle_ranges, joint_limits_per_clip
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.stature import body_height

#: noise of the "noisy copy" baseline, of each coordinate
NOISE_M = 0.03
#: turns metres into body heights where there are no metres
ADULT_M = 1.7
COPY_DISTANCE_HEIGHTS = 0.01
#: what is stated in metres above a floor
GROUNDED = ("foot_skate", "ground_penetration")
#: of the "warped copy" baseline: a frame lasts at most 1.8 times as long, at least .2 times
MOST_BENT = 0.8
#: clips from which the body height is measured
HEIGHT_CLIPS = 200


@dataclass(frozen=True)
class Ruler:
    """In which unit lengths are stated: metres, or body heights where there are no metres.

    Args:
        scale: physical units times this are the ruler's.
        length: its name.
        near: name of its hundredth, for small distances.
        copy: clips nearer than this are copies.
        noise: what a bad estimator adds to each coordinate.
    """

    scale: float
    length: str
    near: str
    copy: float
    noise: float

    @classmethod
    def of(cls, train: MotionBatch, spec: MotionSpec) -> "Ruler":
        """The ruler of a data set.

        Raises:
            ValueError: if no clip shows a body of any height.
        """
        if spec.unit == "m":
            return cls(1.0, "m", "cm", COPY_DISTANCE_M, NOISE_M)
        some = train.select(torch.linspace(0, len(train) - 1, HEIGHT_CLIPS).long().unique())
        heights = np.array([body_height(clip) for clip in some.unbind(spec)])
        if not (heights > 0).any():
            raise ValueError("train: no clip shows a body, so there is no unit of length")
        scale = 1 / float(np.median(heights[heights > 0]))
        noise = NOISE_M / ADULT_M
        return cls(scale, "body heights", "% of body height", COPY_DISTANCE_HEIGHTS, noise)


@dataclass(frozen=True)
class ClipSet:
    """Clips in canonical order, and what was measured of each.

    Args:
        name: as in the report.
        clips: physical units.
        features: of the extractor. Shapes: [n,d].
        predicted: the extractor's class. Shapes: [n].
        movement: metrics of single clips, in the ruler's unit; NaN where not defined.
        paths: filled, of one length; see `as_paths`.
        people: who moves in each clip, if known. Shapes: [n].
    """

    name: str
    clips: MotionBatch
    features: Float[np.ndarray, "_n _d"]
    predicted: Int[np.ndarray, "_n"]
    movement: dict[str, Float[np.ndarray, "_n"]]
    paths: tuple[Paths, Shown]
    people: Shaped[np.ndarray, "_n"] | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def labels(self) -> Int[np.ndarray, "_n"]:
        """Class of each clip, -1 without one."""
        return self.clips.label.cpu().numpy()

    def paths_of(self, rows: Int[np.ndarray, "_m"]) -> tuple[Paths, Shown]:
        """The paths of some clips."""
        return self.paths[0][rows], self.paths[1][rows]


@dataclass(frozen=True)
class Measure:
    """Measures sets of clips in one way: one extractor, one ruler, one spec."""

    spec: MotionSpec
    extractor: FeatureSpace
    ruler: Ruler
    cache: Cache | None = None
    ranges: Ranges | None = None

    @classmethod
    def of(
        cls, train: MotionBatch, spec: MotionSpec, extractor: FeatureSpace, cache: Cache | None
    ) -> "Measure":
        """The measure of a data set."""
        return cls(spec, extractor, Ruler.of(train, spec), cache, usual_angles(train, spec))

    def __call__(
        self,
        name: str,
        clips: MotionBatch,
        people: Sequence[str] | None = None,
        *,
        kept: bool = False,
    ) -> ClipSet:
        """Features, predictions, movement and paths of all clips; `kept`: features are cached.

        Raises:
            ValueError: if clips do not fit the spec, or a joint that was seen is not finite;
                names the set.
        """
        check_clips(name, clips, self.spec)
        if people is not None and len(people) != len(clips):
            raise ValueError(f"{name}: {len(people)} subjects were given for {len(clips)} clips")
        order = canonical_order(clips)
        clips = clips.to("cpu").select(order)
        features, scores = features_of(self.extractor, clips, self.cache if kept else None)
        if not np.isfinite(features).all():
            raise ValueError(f"{name}: the extractor's features are not finite")
        return ClipSet(
            name=name,
            clips=clips,
            features=features,
            predicted=scores.argmax(1),
            movement=movement(clips, self.spec, self.ruler.scale, self.ranges),
            paths=as_paths(clips, self.spec, self.ruler.scale),
            people=None if people is None else np.array(people)[order.numpy()],
        )


def movement(
    clips: MotionBatch, spec: MotionSpec, scale: float = 1.0, ranges: Ranges | None = None
) -> dict[str, Float[np.ndarray, "_n"]]:
    """Metrics of single clips; those that need metres and a floor are left out without them.

    Args:
        clips: what is measured.
        spec: skeleton, unit and frames per second.
        scale: brings lengths to the unit of the report.
        ranges: of the joint angles of real clips; see `angle_ranges`.
    """
    joints, mask = clips.joints.double().cpu().numpy() * scale, clips.mask.cpu().numpy()
    skeleton = layouts.get(spec.layout)
    found = naturalness_per_clip(joints, mask, skeleton, spec.fps)
    if ranges is not None:
        found["joint_limits"] = joint_limits_per_clip(joints, mask, skeleton, ranges)
    return found if spec.unit == "m" else {k: v for k, v in found.items() if k not in GROUNDED}


def usual_angles(train: MotionBatch, spec: MotionSpec) -> Ranges | None:
    """Between which values the joint angles of real clips lie; None if no angle is ever seen."""
    joints, mask = train.joints.double().cpu().numpy(), train.mask.cpu().numpy()
    try:
        return angle_ranges(joints, mask, layouts.get(spec.layout))
    except ValueError:
        return None


def check_clips(name: str, clips: MotionBatch, spec: MotionSpec) -> None:
    """Refuses a set that does not fit the spec.

    Raises:
        ValueError: if there is no clip, the shape or a label is wrong, or a joint that was seen
            is not finite; names the set, clip, frame and joint.
    """
    shape = (layouts.get(spec.layout).num_joints, spec.channels)
    if not len(clips) or tuple(clips.joints.shape[2:]) != shape:
        raise ValueError(
            f"{name}: clips are {tuple(clips.joints.shape)}, allowed [n,frames,{shape[0]},"
            f"{shape[1]}] with n of at least 1"
        )
    if int(clips.label.max()) >= len(spec.classes):
        raise ValueError(
            f"{name}: label {int(clips.label.max())}, allowed -1 to {len(spec.classes) - 1}"
        )
    bad = clips.mask & ~torch.isfinite(clips.joints).all(-1)
    if bad.any():
        clip, frame, joint = bad.nonzero()[0].tolist()
        raise ValueError(
            f"{name}: clip {clip}, frame {frame}, joint {joint} was seen, but is at "
            f"{clips.joints[clip, frame, joint].tolist()}"
        )


# ---- trivial generators -------------------------------------------------------------------------


def copies(
    train: MotionBatch, labels: Int[np.ndarray, "_n"], rng: np.random.Generator
) -> MotionBatch:
    """Train clips unchanged: what a model that memorised its train set would give."""
    rows = rows_by_label(labels, train.label.numpy(), rng)
    return train.select(torch.from_numpy(rows)).replace(target=None, index=None)


def noisy_copies(copied: MotionBatch, noise: float, rng: np.random.Generator) -> MotionBatch:
    """The same with white noise on each coordinate that was seen."""
    added = torch.from_numpy(rng.normal(0.0, noise, tuple(copied.joints.shape))).float()
    return copied.replace(joints=torch.where(copied.mask[..., None], copied.joints + added, 0.0))


def warped_copies(copied: MotionBatch, rng: np.random.Generator) -> MotionBatch:
    """The same performed unevenly, each in a way of its own."""
    bend = rng.uniform(-MOST_BENT, MOST_BENT, len(copied))
    return warped(copied, torch.from_numpy(bend).float())


def class_means(copied: MotionBatch, train: MotionBatch) -> MotionBatch:
    """The mean train clip of each clip's class, at the median length of that class.

    One clip a class and no other: with lengths drawn from the data it would have a diversity that
    no mean has.
    """
    filled, known = fill_gaps(train.joints, train.mask, train.frame_mask)
    shown = known.any(1)
    paths = stretched(filled, train.length, FRAMES)
    joints, seen, lengths = [], [], []
    for label in copied.label.tolist():
        rows = train.label == label
        lengths.append(train.length[rows].median())
        count = shown[rows].sum(0)
        total = (paths[rows] * shown[rows][:, None, :, None]).sum(0)
        joints.append(total / count.clamp(min=1)[:, None])
        seen.append(count > 0)
    size, ends = copied.joints.shape[1], torch.full((len(copied),), FRAMES)
    copied = copied.replace(length=torch.stack(lengths))
    spread = stretched(torch.stack(joints), ends, copied.length, size)
    confidence = copied.frame_mask[..., None] & torch.stack(seen)[:, None]
    return copied.replace(
        joints=torch.where(confidence[..., None], spread, 0.0), confidence=confidence.float()
    )
