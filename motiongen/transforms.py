"""Pure functions Motion -> Motion: relayout, resample, centre, crop, mirror, scale, rotate.

All of them keep the label, the subject and the names, move `target` as they move `joints`, and
never read a position whose confidence is 0.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from motiongen import layouts
from motiongen.motion import Motion
from motiongen.skeleton import Skeleton

#: a median over so few frames drops an outlier, yet stays at the beginning
CENTRE_FRAMES = 5
_NEAR_FRAMES = 3  # the same, of frames that tell where a centre was that is not shown


def _ways(place: str) -> Iterator[dict[str, float]]:
    """The ways to make a place, best first: weights of other places."""
    side, _, part = place.partition("_")
    sided = side in ("left", "right")
    other = "right" if side == "left" else "left"
    for way in layouts.WAYS.get("{side}_" + part if sided else place, ()):
        terms = [term.split() for term in way.format(side=side, other=other).split(" + ")]
        yield {name: float(weight) for weight, name in terms}


def _resolve(place: str, source: tuple[str, ...], above: frozenset[str]) -> Tensor | None:
    """Weights over the source's joints that give a place; None if there is no way. -> [J]."""
    name = place.removeprefix("@")
    if name in source:
        weights = torch.zeros(len(source), dtype=torch.float64)
        weights[source.index(name)] = 1.0
        return weights
    if name != place or name in above:
        return None
    for rule in _ways(name):
        parts = {key: _resolve(key, source, above | {name}) for key in rule}
        found = [rule[key] * part for key, part in parts.items() if part is not None]
        if len(found) == len(rule):
            return torch.stack(found).sum(0)
    return None


@lru_cache(maxsize=256)
def _relayout_rows(source: str, target: str) -> tuple[Tensor, Tensor]:
    places = layouts.places(source)
    rows = [_resolve(place, places, frozenset()) for place in layouts.places(target)]
    producible = torch.tensor([row is not None for row in rows])
    empty = torch.zeros(len(places), dtype=torch.float64)
    return torch.stack([empty if row is None else row for row in rows]), producible


def relayout_matrix(
    source: str, target: str
) -> tuple[Float[Tensor, "joints_out joints_in"], Bool[Tensor, " joints_out"]]:
    """Weights that turn the joints of one layout into those of another.

    Returns:
        The weights (each row sums to 1, or to 0 where the joint cannot be produced), and which
        joints can be produced.

    Shapes: -> [J',J], [J'].

    Raises:
        ValueError: if a layout is unknown.
    """
    weights, producible = _relayout_rows(source, target)
    return weights.float(), producible.clone()


def _parts(weights: Tensor) -> Int[Tensor, "joints_out parts"]:
    """The source joints in each row; shorter rows repeat one of theirs. -> [J',P]."""
    used = weights != 0
    width = max(int(used.sum(-1).max()), 1)
    order = used.int().argsort(dim=-1, descending=True, stable=True)[:, :width]
    return torch.where(used.gather(-1, order), order, order[:, :1])


def relayout(motion: Motion, layout: str) -> Motion:
    """Expresses a motion in another layout, through the places where the joints lie.

    A joint made of several has the lowest of their confidences; one that cannot be made has
    confidence 0 (and 0 in `target`). Joints of equal place but other definition are taken as they
    are: `layouts.definitions` tells where that leaves an offset.

    Raises:
        ValueError: if a layout is unknown, or the motion does not have its layout's joints.
    """
    skeleton = _skeleton(motion)
    if layout == motion.layout:
        return motion
    weights, producible = _relayout_rows(skeleton.name, layout)
    confidence = motion.confidence[:, _parts(weights)].amin(-1) * producible
    weights = weights.to(motion.joints)
    moved = _map(motion, lambda joints: torch.einsum("kj,tjc->tkc", weights, joints), confidence)
    return moved.replace(layout=layout)


def _skeleton(motion: Motion) -> Skeleton:
    skeleton = layouts.get(motion.layout)
    if motion.joints.shape[1] != skeleton.num_joints:
        raise ValueError(
            f"{_name(motion)}: found {motion.joints.shape[1]} joints; layout {motion.layout!r} "
            f"has {skeleton.num_joints}"
        )
    return skeleton


def _name(motion: Motion) -> str:
    return f"clip {motion.source or motion.id or '(unnamed)'}"


def _map(
    motion: Motion, change: Callable[[Tensor], Tensor], confidence: Tensor | None = None
) -> Motion:
    """Changes joints and target alike, and the confidence where given."""
    return motion.replace(
        joints=change(motion.joints),
        target=None if motion.target is None else change(motion.target),
        confidence=motion.confidence if confidence is None else confidence,
    )


def resample(motion: Motion, fps: float) -> Motion:
    """Brings a clip to another frame rate, linearly in time; without its own rate it stays as is.

    A new frame between a seen and an unseen one is unseen; one that coincides with an old frame
    copies it. There is no low-pass filter before a reduction: human motion holds little above
    10 Hz, but noise folds down unchanged.

    Raises:
        ValueError: if `fps` is not above 0.
    """
    if not (fps > 0 and math.isfinite(fps)):
        raise ValueError(f"resample: fps is {fps}, must be above 0")
    if motion.fps is None or motion.fps == fps:
        return motion
    step = motion.fps / fps
    frames = max(math.floor((motion.num_frames - 1) / step + 1e-6) + 1, 0)
    times = torch.arange(frames, dtype=torch.float64) * step
    return _at(motion, times).replace(fps=fps)


def resample_frames(motion: Motion, frames: int) -> Motion:
    """Stretches a clip to a number of frames, from its first to its last; see `resample`.

    Raises:
        ValueError: if `frames` is below 1, or the clip has no frames.
    """
    if frames < 1 or motion.num_frames == 0:
        raise ValueError(
            f"{_name(motion)}: cannot bring {motion.num_frames} frames to {frames}; both must be "
            "at least 1"
        )
    times = torch.linspace(0, motion.num_frames - 1, frames, dtype=torch.float64)
    fps = motion.fps
    if fps is not None and frames > 1 and motion.num_frames > 1:
        fps = fps * (frames - 1) / (motion.num_frames - 1)
    return _at(motion, times).replace(fps=fps)


def _at(motion: Motion, times: Tensor) -> Motion:
    """The motion at fractional frame numbers within the clip. Shapes: times [T']."""
    nearest = times.round()
    times = torch.where((times - nearest).abs() < 1e-6, nearest, times)
    times = times.clamp(max=max(motion.num_frames - 1, 0))
    before, after = times.floor().long(), times.ceil().long()
    share = (times - before).to(motion.joints)
    seen = motion.mask[before] & motion.mask[after]
    confidence = torch.lerp(motion.confidence[before], motion.confidence[after], share[:, None])

    def blend(joints: Tensor) -> Tensor:
        return torch.lerp(joints[before], joints[after], share[:, None, None])

    return _map(motion, blend, confidence * seen)


def centre(motion: Motion) -> Motion:
    """Moves a clip so that the body's centre begins at the origin.

    The centre is the mean of `Skeleton.anchor`, as the median over the first (at most 5) frames;
    of a clip that never shows it, that of the root, or else that of the mean of all joints. Clips
    of one movement must begin at one place whatever joints are missing, so a joint is taken to go
    straight between frames that show it, and before the first one that shows the centre, and
    after the last one, this moves as the median joint does.

    Raises:
        ValueError: if no joint is seen in any frame.
    """
    skeleton = _skeleton(motion)
    mask = motion.mask
    if not mask.any():
        raise ValueError(
            f"{_name(motion)}: no joint seen in any of its {motion.num_frames} frames"
        )
    anchor = list(skeleton.anchor)
    begin = slice(0, CENTRE_FRAMES)
    if mask[begin, anchor].all():
        return _shift(motion, -_middle(motion.joints[begin, anchor].mean(1)))
    # where each joint is between its first and its last frame
    joints = fill_missing(motion)
    known = mask.cummax(0).values & mask.flip(0).cummax(0).values.flip(0)
    whole_body = mask.any(0).nonzero()[:, 0].tolist()
    for chosen in (anchor, [skeleton.root], whole_body):
        if (shown := known[:, chosen].all(1)).any():
            break
    else:
        shown = torch.ones_like(known[:, 0])
    return _shift(motion, -_middle(_begin(joints, known, chosen, shown)))


def _middle(places: Tensor) -> Tensor:
    """Median of places. Shapes: [T,C] -> [C]."""
    return places.quantile(0.5, dim=0)


def _begin(joints: Tensor, known: Tensor, chosen: list[int], shown: Tensor) -> Tensor:
    """Mean of joints in the first frames; where not all are shown, moved as the others move.

    Shapes: joints [T,J,C], known [T,J], shown [T] -> [T',C].
    """
    middle, there = joints[:, chosen].mean(1), shown.nonzero()[:, 0]
    places = []
    for frame in range(min(CENTRE_FRAMES, len(joints))):
        if shown[frame]:
            places.append(middle[frame])
            continue
        near = there[:_NEAR_FRAMES] if frame < there[0] else there[-_NEAR_FRAMES:]
        moved = torch.stack([_moved(joints, known, frame, int(at)) for at in near])
        places.append(_middle(middle[near] - moved))
    return torch.stack(places)


def _moved(joints: Tensor, known: Tensor, frame: int, at: int) -> Tensor:
    """How far the median joint moves between two frames; 0 if none is known in both. -> [C]."""
    both = known[frame] & known[at]
    return _middle(joints[at, both] - joints[frame, both]) if both.any() else 0 * joints[0, 0]


def _shift(motion: Motion, offset: Tensor) -> Motion:
    return _map(motion, lambda joints: joints + offset)


def crop(motion: Motion, start: int, frames: int) -> Motion:
    """Cuts out `frames` frames from `start` on.

    Raises:
        ValueError: if the clip does not have them.
    """
    if start < 0 or frames < 1 or start + frames > motion.num_frames:
        raise ValueError(
            f"{_name(motion)}: cannot cut {frames} frames from {start} on; it has "
            f"{motion.num_frames}"
        )
    window = slice(start, start + frames)
    return _map(motion, lambda joints: joints[window], motion.confidence[window])


def mirror(motion: Motion) -> Motion:
    """Swaps left and right: flips x about 0 and exchanges the joints of the two sides.

    A joint on one side without a counterpart has confidence 0 afterwards.
    """
    skeleton = _skeleton(motion)
    order = list(skeleton.mirror)
    paired = torch.tensor(
        [
            order[j] != j or not name.startswith(("left_", "right_"))
            for j, name in enumerate(skeleton.joints)
        ]
    )
    flip = torch.ones(motion.joints.shape[-1]).to(motion.joints)
    flip[0] = -1.0
    confidence = motion.confidence[:, order] * paired
    return _map(motion, lambda joints: joints[:, order] * flip, confidence)


def scale(motion: Motion, factor: float) -> Motion:
    """Multiplies all positions, e.g. to give people one size.

    Raises:
        ValueError: if `factor` is not above 0 and finite.
    """
    if not (factor > 0 and math.isfinite(factor)):
        raise ValueError(f"scale: factor is {factor}, must be above 0 and finite")
    return _map(motion, lambda joints: joints * factor)


def rotate_vertical(motion: Motion, radians: float) -> Motion:
    """Turns a 3-D motion about the vertical (y), from z towards x.

    Raises:
        ValueError: if the motion is not 3-D.
    """
    if motion.joints.shape[-1] != 3:
        raise ValueError(
            f"{_name(motion)}: found {motion.joints.shape[-1]} channels; only 3-D can be rotated "
            "about the vertical"
        )
    c, s = math.cos(radians), math.sin(radians)
    matrix = torch.tensor([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]).to(motion.joints)
    return _map(motion, lambda joints: joints @ matrix.T)


def fill_missing(motion: Motion) -> Float[Tensor, "T J C"]:
    """Positions with gaps filled linearly in time and the ends held; for plots and baselines.

    A joint that is never seen stays 0. The motion and its confidence are left as they are.
    Shapes: -> [T,J,C].
    """
    mask, frames = motion.mask, motion.num_frames
    time = torch.arange(frames, device=mask.device)[:, None].expand_as(mask)
    if frames == 0:
        return motion.joints.clone()
    before = torch.where(mask, time, -1).cummax(0).values
    after = torch.where(mask, time, frames).flip(0).cummin(0).values.flip(0)
    # Where one side is missing, both ends are the other side; a joint never seen reads frame 0.
    low = torch.where(before < 0, after, before).clamp(max=frames - 1)
    high = torch.where(after >= frames, before, after).clamp(min=0)
    share = ((time - low) / (high - low).clamp(min=1)).to(motion.joints)[..., None]

    def pick(index: Tensor) -> Tensor:
        return motion.joints.gather(0, index[..., None].expand_as(motion.joints))

    return torch.lerp(pick(low), pick(high), share)
