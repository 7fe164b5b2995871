"""Whether clips at hand fit a model: what every method that takes clips asks first."""

import torch
from jaxtyping import Bool
from torch import Tensor

from motiongen.generators.base import Generator
from motiongen.generators.keys import HIGHEST_KEY
from motiongen.motion import MotionBatch


def checked(
    model: Generator, clips: MotionBatch, name: str = "clips", count: int | None = None
) -> MotionBatch:
    """Clips on the model's device and in its precision, if they fit it.

    What was not seen, and all beyond a clip's length, is set to 0: it has no say in anything.

    Raises:
        ValueError: for no clip, another number of clips, shape, label, length or index, a clip
            that shows nothing, a confidence outside 0 to 1, or a seen joint that is not finite;
            names clip, frame and joint.
    """
    if count is not None and len(clips) != count:
        raise ValueError(f"{name}: found {len(clips)} clips, expected {count}")
    if not len(clips):
        raise ValueError(f"{name}: found none, at least 1 is needed")
    shape = (model.spec.frames, model.skeleton.num_joints, model.spec.channels)
    if tuple(clips.joints.shape[1:]) != shape:
        raise ValueError(f"{name}: clips are {tuple(clips.joints.shape[1:])}, the model's {shape}")
    _require_numbers(model, clips, name)
    exists = clips.frame_mask[..., None]
    confidence = clips.confidence
    _require_all(
        model,
        name,
        (confidence >= 0) & (confidence <= 1) | ~exists,
        "confidence is outside 0 to 1",
    )
    confidence = torch.where(exists, confidence, 0.0)
    clips = clips.replace(confidence=confidence.to(model.standardizer.mean.dtype))
    dark = ~clips.mask.flatten(1).any(1)
    if dark.any():
        raise ValueError(f"{name}: clip {int(dark.nonzero()[0])} shows no joint in any frame")
    finite = clips.joints.isfinite().all(-1) | ~clips.mask
    _require_all(model, name, finite, "a position that was seen is not finite")
    seen = torch.where(clips.mask[..., None], clips.joints, 0.0)
    seen = seen.to(model.standardizer.mean.dtype)
    return clips.replace(joints=seen).to(model.standardizer.mean.device)


def _require_numbers(model: Generator, clips: MotionBatch, name: str) -> None:
    """Labels, lengths and indices that the model can take."""
    classes, frames = len(model.spec.classes), model.spec.frames
    for row, (label, length) in enumerate(
        zip(clips.label.tolist(), clips.length.tolist(), strict=True)
    ):
        if not -1 <= label < classes:
            raise ValueError(
                f"{name}: label of clip {row} is {label}, allowed -1 to {classes - 1}"
            )
        if not 2 <= length <= frames:
            raise ValueError(f"{name}: clip {row} has {length} frames, allowed 2 to {frames}")
    for row, index in enumerate([] if clips.index is None else clips.index.tolist()):
        if not 0 <= index <= HIGHEST_KEY:
            raise ValueError(f"{name}: index of clip {row} is {index}, allowed 0 to {HIGHEST_KEY}")


def _require_all(model: Generator, name: str, fine: Bool[Tensor, "B T J"], what: str) -> None:
    if not fine.all():
        clip, frame, joint = (~fine).nonzero()[0].tolist()
        where = f"clip {clip}, frame {frame}, joint {model.skeleton.joints[joint]!r}"
        raise ValueError(f"{name}, {where}: {what}")
