"""The nouns that cross every boundary: MotionSpec, Motion (a clip), MotionBatch (padded clips)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

if TYPE_CHECKING:
    import matplotlib.figure

Unit = Literal["m", "px", "normalised"]
NO_LABEL = -1


@dataclass(frozen=True)
class MotionSpec:
    """The contract between data and model; plain values only, so that it fits into YAML.

    Args:
        layout: name of the skeleton, as in `motiongen.layouts`.
        channels: coordinates a joint, 2 or 3.
        frames: longest clip, in frames; longer ones are cropped, shorter ones padded.
        fps: frames per second that clips are resampled to (where their own rate is known).
        classes: names of the labels, in the order of their numbers.
        unit: physical unit of the coordinates.

    Raises:
        ValueError: if a value is outside what is allowed.
    """

    layout: str
    channels: int
    frames: int
    fps: float
    classes: tuple[str, ...] = ()
    unit: Unit = "m"

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.channels not in (2, 3):
            raise ValueError(f"spec.channels: found {self.channels}, allowed 2 or 3")
        if self.frames < 2:
            raise ValueError(f"spec.frames: found {self.frames}, at least 2 is needed")
        if not self.fps > 0:
            raise ValueError(f"spec.fps: found {self.fps}, must be above 0")
        if self.unit not in get_args(Unit):
            raise ValueError(f"spec.unit: found {self.unit!r}, allowed {get_args(Unit)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"spec.classes: names are not unique: {self.classes}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for YAML, JSON and checkpoints."""
        return {
            "layout": self.layout,
            "channels": self.channels,
            "frames": self.frames,
            "fps": self.fps,
            "classes": list(self.classes),
            "unit": self.unit,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "MotionSpec":
        """Inverse of `as_dict`.

        Raises:
            ValueError: if a key is unknown or missing.
        """
        allowed = {"layout", "channels", "frames", "fps", "classes", "unit"}
        if unknown := set(values) - allowed:
            raise ValueError(f"spec: unknown key {sorted(unknown)}; allowed: {sorted(allowed)}")
        if missing := {"layout", "channels", "frames", "fps"} - set(values):
            raise ValueError(f"spec: missing key {sorted(missing)}")
        return cls(**{**values, "classes": tuple(values.get("classes", ()))})


@dataclass(frozen=True)
class Motion:
    """One clip in physical units, y up.

    Values of `joints` where `confidence` is 0 have no meaning and are stored as 0.

    Args:
        joints: positions. Shapes: [T,J,C].
        confidence: 0 (not seen) to 1 (certain). Shapes: [T,J].
        layout: name of the skeleton.
        unit: unit of `joints`.
        id: unique name inside its data set.
        label: number of the class; None if unknown.
        subject: who moves; "" if unknown.
        source: the file (inside its archive) that it came from.
        fps: frames per second; None if the source does not say.
        target: the clean joints, where noise was added or the truth is known. Shapes: [T,J,C].

    Raises:
        ValueError: if shapes disagree, confidence leaves [0,1], or a value that was seen is not
            finite; names clip, frame and joint.
    """

    joints: Float[Tensor, "T J C"]
    confidence: Float[Tensor, "T J"]
    layout: str
    unit: Unit = "m"
    id: str = ""
    label: int | None = None
    subject: str = ""
    source: str = ""
    fps: float | None = None
    target: Float[Tensor, "T J C"] | None = None

    def __post_init__(self) -> None:
        joints, confidence = self.joints, self.confidence
        if joints.ndim != 3 or confidence.shape != joints.shape[:2]:
            raise ValueError(
                f"{self._name}: joints {tuple(joints.shape)} must be [T,J,C] and confidence "
                f"{tuple(confidence.shape)} its first two axes"
            )
        if self.target is not None and self.target.shape != joints.shape:
            raise ValueError(
                f"{self._name}: target {tuple(self.target.shape)} differs from joints "
                f"{tuple(joints.shape)}"
            )
        self._check_values()
        object.__setattr__(self, "joints", joints.masked_fill(~self.mask[..., None], 0.0))

    @property
    def _name(self) -> str:
        return f"clip {self.source or self.id or '(unnamed)'}"

    def _check_values(self) -> None:
        bad = ~((self.confidence >= 0) & (self.confidence <= 1))  # also catches NaN
        if bad.any():
            frame, joint = bad.nonzero()[0].tolist()
            value = self.confidence[frame, joint].item()
            raise ValueError(
                f"{self._name}, frame {frame}, joint {joint}: confidence is {value}, "
                "allowed 0 to 1"
            )
        bad = self.mask & ~torch.isfinite(self.joints).all(-1)
        if bad.any():
            frame, joint = bad.nonzero()[0].tolist()
            value = self.joints[frame, joint].tolist()
            raise ValueError(
                f"{self._name}, frame {frame}, joint {joint}: position is {value}; a joint with "
                f"confidence above 0 must be finite"
            )

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return self.joints.shape[0]

    @property
    def mask(self) -> Bool[Tensor, "T J"]:
        """True where a joint was seen."""
        return self.confidence > 0

    def replace(self, **changes: Any) -> "Motion":
        """A copy with some fields changed."""
        return replace(self, **changes)

    def plot(self, frames: int = 6) -> "matplotlib.figure.Figure":
        """A strip of poses over time.

        Args:
            frames: poses, evenly spread from the first frame to the last.

        Raises:
            ValueError: if the layout is unknown or the clip does not fit to it.
        """
        return _viewer().plot([self], frames)

    def save(self, path: str | Path) -> Path:
        """Writes the clip to look at: a .gif, an .mp4 or a page (.html) that plays it.

        Raises:
            ValueError: if the name ends otherwise, or the clip does not fit to its layout.
        """
        return _viewer().save([self], path)

    def _repr_html_(self) -> str:
        """What notebooks show: the clip in a player."""
        return _viewer().notebook_html(self)


@dataclass(frozen=True)
class MotionBatch:
    """Clips padded to a common number of frames.

    Args:
        joints: positions, 0 where not seen. Shapes: [B,T,J,C].
        confidence: 0 where not seen or padding. Shapes: [B,T,J].
        length: number of frames that exist. Shapes: [B].
        label: number of the class, -1 without one. Shapes: [B].
        target: clean positions where known. Shapes: [B,T,J,C].
        index: number of the clip in its data set; keys its noise and its draws. Shapes: [B].
        path: where the joints most likely were, by a model of the noise; gaps of joints that the
            clip shows are filled. Shapes: [B,T,J,C].
    """

    joints: Float[Tensor, "B T J C"]
    confidence: Float[Tensor, "B T J"]
    length: Int[Tensor, "B"]
    label: Int[Tensor, "B"]
    target: Float[Tensor, "B T J C"] | None = None
    index: Int[Tensor, "B"] | None = None
    path: Float[Tensor, "B T J C"] | None = None

    def __len__(self) -> int:
        return self.joints.shape[0]

    @property
    def mask(self) -> Bool[Tensor, "B T J"]:
        """True where a joint was seen."""
        return self.confidence > 0

    @property
    def frame_mask(self) -> Bool[Tensor, "B T"]:
        """True where a frame exists, seen or not."""
        frames = torch.arange(self.joints.shape[1], device=self.length.device)
        return frames[None] < self.length[:, None]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "MotionBatch":
        """A copy on another device."""
        return self._map(lambda value: value.to(device, non_blocking=non_blocking))

    def replace(self, **changes: Any) -> "MotionBatch":
        """A copy with some fields changed."""
        return replace(self, **changes)

    def select(self, rows: Int[Tensor, "n"] | Bool[Tensor, "B"] | slice) -> "MotionBatch":
        """The clips named by `rows`, in that order."""
        return self._map(lambda value: value[rows])

    def _map(self, change: Callable[[Tensor], Tensor]) -> "MotionBatch":
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            changed[field.name] = None if value is None else change(value)
        return MotionBatch(**changed)

    def unbind(self, spec: MotionSpec, prefix: str = "clip") -> list[Motion]:
        """One Motion a clip, cut to its length. Ids are `prefix` and a running number."""
        motions = []
        for row in range(len(self)):
            frames, label = int(self.length[row]), int(self.label[row])
            name = f"{prefix}-{row if self.index is None else int(self.index[row]):06d}"
            motions.append(
                Motion(
                    joints=self.joints[row, :frames],
                    confidence=self.confidence[row, :frames],
                    layout=spec.layout,
                    unit=spec.unit,
                    id=name,
                    label=None if label == NO_LABEL else label,
                    source=name,
                    fps=spec.fps,
                    target=None if self.target is None else self.target[row, :frames],
                )
            )
        return motions

    def plot(self, spec: MotionSpec, frames: int = 6) -> "matplotlib.figure.Figure":
        """A strip of poses of each clip.

        Args:
            spec: says which skeleton the joints are of.
            frames: poses of each strip.
        """
        return _viewer().plot(self.unbind(spec), frames)

    def to_html(self, path: str | Path, spec: MotionSpec) -> Path:
        """Writes one self-contained page that plays the clips, a row for each class.

        Args:
            path: the file.
            spec: says which skeleton the joints are of, and names the classes.

        Raises:
            ValueError: if the clips do not fit to the skeleton.
        """
        return _viewer().save_batch(self.unbind(spec), spec, path)


def _viewer() -> Any:
    """What shows clips. It knows clips, and not the other way round: it is asked for by name."""
    return import_module("motiongen.viewer.showing")


def collate(
    motions: Sequence[Motion], frames: int, indices: Sequence[int] | None = None
) -> MotionBatch:
    """Pads clips with zeros (confidence 0) to `frames` and stacks them.

    Shapes: B motions of [T_i,J,C] -> MotionBatch of [B,frames,J,C].

    Raises:
        ValueError: for no clips, a clip longer than `frames`, or different joints or channels.
    """
    if not motions:
        raise ValueError("collate: no clips given")
    shape = motions[0].joints.shape[1:]
    for motion in motions:
        if motion.num_frames > frames or motion.joints.shape[1:] != shape:
            raise ValueError(
                f"collate: clip {motion.id!r} is {tuple(motion.joints.shape)}; allowed are at "
                f"most {frames} frames of {tuple(shape)}"
            )
    joints = torch.zeros(len(motions), frames, *shape)
    confidence = torch.zeros(len(motions), frames, shape[0])
    has_target = any(motion.target is not None for motion in motions)
    target = torch.zeros_like(joints) if has_target else None
    for row, motion in enumerate(motions):
        joints[row, : motion.num_frames] = motion.joints
        confidence[row, : motion.num_frames] = motion.confidence
        if target is not None:
            known = motion.joints if motion.target is None else motion.target
            target[row, : motion.num_frames] = known
    labels = [NO_LABEL if motion.label is None else motion.label for motion in motions]
    return MotionBatch(
        joints=joints,
        confidence=confidence,
        length=torch.tensor([motion.num_frames for motion in motions]),
        label=torch.tensor(labels),
        target=target,
        index=torch.tensor(list(indices) if indices is not None else list(range(len(motions)))),
    )
