"""How differently clips are timed: the distortion of warping paths between them."""

import numpy as np
from jaxtyping import Float, Int

from motiongen.metrics.checks import class_labels
from motiongen.metrics.diversity import distinct_pairs
from motiongen.metrics.metric import Metric
from motiongen.metrics.warping import warping_paths

_EVALUATION = (
    "Ismail-Fawaz et al., Establishing a Unified Evaluation Framework for Human Motion "
    "Generation, arXiv 2405.07680"
)
RUNS, PAIRS = 5, 200


def wpd_of_pairs(
    clips: Float[np.ndarray, "_N _T *_features"], pairs: Int[np.ndarray, "_P 2"]
) -> Float[np.ndarray, "_P"]:
    """Distortion of the path between the two clips of each pair.

    Shapes: clips [N,T,...], pairs of clip numbers [P,2] -> [P].
    Units: frames.

    Raises:
        ValueError: if there are no pairs; or as `dtw`.
    """
    if not len(pairs):
        raise ValueError("pairs: found none")
    return np.concatenate(
        [
            warping_paths(clips[part[:, 0]], clips[part[:, 1]]).distortion
            for part in np.array_split(pairs, -(-len(pairs) // PAIRS))
        ]
    )


def wpd(
    clips: Float[np.ndarray, "_N _T *_features"],
    rng: np.random.Generator,
    *,
    pairs: int = PAIRS,
    runs: int = RUNS,
) -> float:
    """Warping path diversity: mean distortion over pairs that are drawn from all clips.

    Draws min(pairs, N) pairs with replacement in each run, classes mixed, self pairs included; the
    clips stay as they are, so the value depends on root travel and scale.

    Units: frames; for 60 frames between 0 and 20.68.

    Raises:
        ValueError: for fewer than 2 clips; or as `dtw`.

    Source: Ismail-Fawaz et al., arXiv 2405.07680.
    """
    count = len(_at_least_two(clips))
    drawn = rng.integers(count, size=(runs * min(pairs, count), 2))
    return float(wpd_of_pairs(clips, drawn).mean())


def wpd_class(
    clips: Float[np.ndarray, "_N _T _J _C"],
    labels: Int[np.ndarray, "_N"],
    rng: np.random.Generator,
    *,
    root: int,
    pairs: int = PAIRS,
) -> float:
    """Warping path diversity inside a class, averaged over classes: how differently one is timed.

    Distinct pairs of one class, all of them up to `pairs`, else so many drawn without replacement;
    the root of every frame at the origin. Classes with fewer than two clips are left out:
    `recognition.absent_classes` lists them.

    Args:
        clips: complete clips. Shapes: [N,T,J,C].
        labels: class of each clip. Shapes: [N].
        rng: draws the pairs of a large class.
        root: number of the root joint, as the skeleton gives it.
        pairs: most pairs of one class.

    Units: frames.

    Raises:
        ValueError: if labels do not fit, or no class has two clips; or as `dtw`.

    Source: motiongen, after Ismail-Fawaz et al., arXiv 2405.07680.
    """
    labels = class_labels(labels, "labels", rows=len(_at_least_two(clips)))
    centred = clips - clips[:, :, root, None]
    found = []
    for rows in (np.flatnonzero(labels == c) for c in np.unique(labels)):
        if len(rows) >= 2:
            found.append(wpd_of_pairs(centred, rows[distinct_pairs(len(rows), pairs, rng)]).mean())
    if not found:
        raise ValueError(f"wpd_class: no class has two clips among {len(labels)}")
    return float(np.mean(found))


def _at_least_two(clips: np.ndarray) -> np.ndarray:
    if len(clips) < 2:
        raise ValueError(f"clips: found {len(clips)}, at least 2 are needed")
    return clips


WPD = Metric(
    name="wpd",
    unit="frames",
    better="match",
    needs="motions",
    source=_EVALUATION,
    function=wpd,
    meaning="How differently clips are timed: how far their best alignment leaves the diagonal.",
)

WPD_CLASS = Metric(
    name="wpd_class",
    unit="frames",
    better="match",
    needs="motions",
    source=f"motiongen, after {_EVALUATION}",
    function=wpd_class,
    meaning="How differently clips of one class are timed.",
)
