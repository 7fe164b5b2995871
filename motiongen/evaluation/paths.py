"""Clips as filled paths of one length, and distances between them over the joints both show."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from motiongen import layouts
from motiongen.classifier import fill_gaps
from motiongen.motion import MotionBatch, MotionSpec

#: frames of a path
FRAMES = 60
#: standard deviation in frames of the smoothing of paths
SMOOTHING = 3.0
#: pairs that share fewer joints than this share of the skeleton are not compared
SMALLEST_OVERLAP = 0.25
BLOCK_ROWS = 512

Paths = Float[np.ndarray, "_n _t _j _c"]
Shown = Bool[np.ndarray, "_n _j"]


def as_paths(clips: MotionBatch, spec: MotionSpec, scale: float = 1.0) -> tuple[Paths, Shown]:
    """Gaps filled, stretched to 60 frames, smoothed, the body's centre first at the origin.

    Smoothing keeps the noise of an estimator, or of a generator, from hiding a copy.

    Shapes: B clips -> [B,60,J,C], and whether a clip ever shows a joint [B,J].
    Units: those of the joints times `scale`; 0 at joints never shown.
    """
    joints, known = fill_gaps(clips.joints, clips.mask, clips.frame_mask)
    shown = known.any(1)
    paths = smoothed(stretched(joints.double(), clips.length, FRAMES))
    anchor = torch.zeros_like(shown)
    anchor[:, list(layouts.get(spec.layout).anchor)] = True
    # a clip that never shows its centre is placed by all that it shows
    use = torch.where((anchor & shown).any(1, keepdim=True), anchor & shown, shown)
    weight = use.double()[..., None]
    centre = (paths[:, 0] * weight).sum(1) / weight.sum(1).clamp(min=1)
    paths = (paths - centre[:, None, None]) * scale
    return torch.where(shown[:, None, :, None], paths, 0.0).numpy(), shown.numpy()


def stretched(
    joints: Float[Tensor, "B T J C"], length: Tensor, frames: int | Tensor, size: int | None = None
) -> Float[Tensor, "B S J C"]:
    """Clips stretched linearly to other numbers of frames, one for all or one a clip.

    Args:
        joints: positions without gaps.
        length: frames of each clip. Shapes: [B].
        frames: wanted frames.
        size: frames of the result; those beyond `frames` repeat the last one.
    """
    wanted = torch.as_tensor(frames).expand(len(joints))
    steps = torch.arange(size or int(wanted.max()))[None]
    share = (steps / (wanted[:, None] - 1).clamp(min=1)).clamp(max=1)
    at = share.double() * (length[:, None] - 1)
    before, after = at.floor().long(), at.ceil().long()
    rows = torch.arange(len(joints))[:, None]
    low, high = joints[rows, before], joints[rows, after]
    return low + (at - before)[..., None, None].to(joints) * (high - low)


def smoothed(paths: Float[Tensor, "B T J C"]) -> Float[Tensor, "B T J C"]:
    """Gaussian smoothing over time; at the ends over the frames that there are."""
    frames = torch.arange(paths.shape[1])
    weight = torch.exp(-0.5 * ((frames[:, None] - frames) / SMOOTHING) ** 2).to(paths)
    return torch.einsum("st,btjc->bsjc", weight / weight.sum(1, keepdim=True), paths)


def path_distances(first: tuple[Paths, Shown], second: tuple[Paths, Shown]) -> np.ndarray:
    """Root mean square distance of the joints that both clips of a pair show.

    Infinite for pairs that share hardly any joint. Matrix products keep it fast; what they round
    off is far below a micrometre.

    Shapes: [M,60,J,C], [N,60,J,C] -> [M,N].
    """
    (a, a_shown), (b, b_shown) = first, second
    a_mask, b_mask = a_shown.astype(np.float64), b_shown.astype(np.float64)
    shared = a_mask @ b_mask.T
    total = (a**2).sum((1, 3)) @ b_mask.T + a_mask @ (b**2).sum((1, 3)).T
    # joints that one of the pair never shows are 0 there and drop out of the product
    total -= 2 * a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
    mean = np.maximum(total, 0.0) / np.maximum(shared, 1) / a.shape[1]
    return np.where(shared >= max(1.0, SMALLEST_OVERLAP * a.shape[2]), np.sqrt(mean), np.inf)


def most_like(clips: MotionBatch, others: MotionBatch, spec: MotionSpec) -> tuple[Tensor, Tensor]:
    """Of each clip the one of another set whose path is nearest, and how far it is.

    Shapes: B clips -> rows of `others` [B], distances [B].
    Units: those of the joints; infinite where no clip shows the same joints.
    """
    distance = path_distances(as_paths(clips, spec), as_paths(others, spec))
    rows = distance.argmin(1)
    return torch.from_numpy(rows), torch.from_numpy(distance[np.arange(len(rows)), rows])


def nearest(
    first: tuple[Paths, Shown], second: tuple[Paths, Shown], count: int = 1
) -> Float[np.ndarray, "_n _k"]:
    """Distances of each clip to the nearest of another set, ascending; infinite where none is.

    Shapes: [M,60,J,C], [N,60,J,C] -> [M,count].
    """
    paths, shown = first
    blocks = [slice(at, at + BLOCK_ROWS) for at in range(0, len(paths), BLOCK_ROWS)]
    found = [np.sort(path_distances((paths[b], shown[b]), second), 1)[:, :count] for b in blocks]
    lacking = ((0, 0), (0, max(0, count - len(second[0]))))
    return np.pad(np.concatenate(found), lacking, constant_values=np.inf)
