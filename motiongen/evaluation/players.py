"""Clips to look at: real ones beside generated ones of the same class."""

from collections.abc import Mapping

import numpy as np
import torch

from motiongen.evaluation.drawing import canonical_order
from motiongen.evaluation.paths import most_like
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.viewer.page import Group, Panel


def player_groups(
    spec: MotionSpec,
    real: MotionBatch,
    generated: Mapping[str, MotionBatch],
    *,
    classes: int = 8,
    samples: int = 3,
    seed: int = 0,
) -> list[Group]:
    """One group a class: a real clip as recorded, its clean truth where known, generated clips.

    Clips are drawn, not chosen. Next to each generated clip stands the real one that is most like
    it, of any class, so that a copy can be seen.

    Args:
        spec: names the classes.
        real: clips with labels; `target` is the truth.
        generated: sets by name; clips without a label are not shown.
        classes: number of groups at most: the first classes that every set has clips of.
        samples: generated clips of each set.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    real = real.select(canonical_order(real))
    sets = {name: clips.select(canonical_order(clips)) for name, clips in generated.items()}
    groups = []
    for label, name in enumerate(spec.classes):
        found = [_rows(clips, label, rng) for clips in (real, *sets.values())]
        if len(groups) == classes or not all(len(rows) for rows in found):
            continue
        panels = _real_panels(spec, real.select(found[0][:1]))
        for (title, clips), rows in zip(sets.items(), found[1:], strict=True):
            panels.append(_beside_nearest(title, clips.select(rows[:samples]), real, spec))
        groups.append(Group(name, panels))
    return groups


def _beside_nearest(title: str, clips: MotionBatch, real: MotionBatch, spec: MotionSpec) -> Panel:
    rows, distance = most_like(clips, real, spec)
    notes = [_how_far(float(far), spec) for far in distance]
    return Panel(
        title,
        clips.unbind(spec, "generated"),
        "each beside the training clip that is most like it",
        companions=[m.replace(target=None) for m in real.select(rows).unbind(spec, "train")],
        notes=notes,
    )


def _how_far(distance: float, spec: MotionSpec) -> str:
    if not np.isfinite(distance):
        return "nothing comparable"
    return f"{100 * distance:.1f} cm off" if spec.unit == "m" else f"{distance:.3g} off"


def _rows(clips: MotionBatch, label: int, rng: np.random.Generator) -> torch.Tensor:
    rows = (clips.label == label).nonzero()[:, 0]
    return rows[torch.from_numpy(rng.permutation(len(rows)))]


def _real_panels(spec: MotionSpec, clip: MotionBatch) -> list[Panel]:
    (motion,) = clip.unbind(spec, "real")
    panels = [Panel("real", [motion.replace(target=None)], "as recorded, with noise and gaps")]
    if motion.target is not None and not torch.equal(motion.target, motion.joints):
        seen = (motion.target != 0).any(-1).float()
        truth = motion.replace(joints=motion.target, confidence=seen, target=None)
        panels.append(Panel("clean truth", [truth], "the same clip without noise"))
    return panels
