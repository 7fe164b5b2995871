"""The evaluation of action-to-motion papers: Action2Motion, ACTOR, and those that followed.

Guo et al., Action2Motion, ACM Multimedia 2020; Petrovich et al., ACTOR, ICCV 2021. Everything is
computed 20 times, from new samples and new pairs, and printed as mean +- interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from motiongen.metrics.checks import class_labels, feature_set
from motiongen.metrics.diversity import diversity, mean_pair_distance, multimodality
from motiongen.metrics.frechet import fid
from motiongen.metrics.recognition import accuracy

REPETITIONS = 20
PAIRS, CLASS_PAIRS = 200, 20
FIXED_CLIPS = 3000
T2M_PAIRS, T2M_CLASS_PAIRS = 300, 10


@dataclass(frozen=True)
class PublishedInterval:
    """A mean over repetitions, with the interval that was printed and the one that was meant.

    Args:
        mean: over the repetitions.
        half_width: 1.96 s / sqrt(R), what "95 % confidence interval" means for many repetitions;
            `intervals.student_interval` is right for few as well.
        half_width_as_printed: 1.96 s^2, the variance instead of the deviation of the mean, as
            ACTOR's script for tables has it: for R = 20 and a deviation of 0.05 it shows 0.005
            instead of 0.021, for one of 2.2 it shows 9.0 instead of 0.94.
        repetitions: number R of values.
    """

    mean: float
    half_width: float
    half_width_as_printed: float
    repetitions: int


def published_interval(values: Float[np.ndarray, "_R"]) -> PublishedInterval:
    """Mean and both intervals of repeated measurements.

    Raises:
        ValueError: for fewer than 2 values, or values that are not finite.

    Source: code of ACTOR, src/evaluate/tables/easy_table.py (as printed).
    Differs: `intervals.student_interval` uses Student's t, which is wider for few repetitions.
    """
    values = feature_set(np.asarray(values, dtype=np.float64)[:, None], "values")[:, 0]
    count = len(values)
    # numpy's var and std, as the published scripts call them, divide by R
    return PublishedInterval(
        mean=float(values.mean()),
        half_width=float(1.96 * values.std() / np.sqrt(count)),
        half_width_as_printed=float(1.96 * values.var()),
        repetitions=count,
    )


@dataclass(frozen=True)
class Sampled:
    """One repetition's clips as the classifier sees them.

    Args:
        features: of generated clips. Shapes: [m,d].
        labels: classes that were asked for. Shapes: [m].
        predicted: classes that the classifier finds. Shapes: [m].
    """

    features: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, "m"]
    predicted: Int[np.ndarray, "m"]


def action2motion_scores(
    real: Float[np.ndarray, "_n _d"],
    sample: Callable[[int], Sampled],
    rng: np.random.Generator,
    *,
    repetitions: int = REPETITIONS,
) -> dict[str, PublishedInterval]:
    """FID, accuracy, diversity and multimodality over repeated sampling.

    Args:
        real: features of real clips. Shapes: [n,d].
        sample: draws the clips of one repetition, given its number.
        rng: draws the pairs: 200 over all clips, 20 in each class, with replacement.
        repetitions: 20 in the papers.

    Differs: published extractors start from a random hidden state at evaluation, so two passes
        over one clip differ; features come in here and are not made. Absent classes are left out
        instead of looping for ever. Action2Motion samples 3000 clips of uniform classes; ACTOR one
        for each real clip with its label. The real statistics were those of the train set.

    Raises:
        ValueError: as the functions for each; or for fewer than 2 repetitions.
    """
    columns: dict[str, list[float]] = {}
    for number in range(repetitions):
        drawn = sample(number)
        for name, value in {
            "fid": fid(real, drawn.features),
            "accuracy": accuracy(drawn.labels, drawn.predicted),
            "diversity": diversity(drawn.features, rng, pairs=PAIRS),
            "multimodality": multimodality(drawn.features, drawn.labels, rng, pairs=CLASS_PAIRS),
        }.items():
            columns.setdefault(name, []).append(value)
    return {name: published_interval(np.array(values)) for name, values in columns.items()}


def fixed_count_accuracy(
    labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"], clips: int = FIXED_CLIPS
) -> float:
    """Right answers divided by 3000, however many clips there are.

    Differs: `recognition.accuracy` divides by the number of clips; equal only for 3000.

    Raises:
        ValueError: as `accuracy`.

    Source: code of Action2Motion, eval_scripts/final_evaluation.py.
    """
    return accuracy(labels, predicted) * len(labels) / clips


def t2m_diversity(
    features: Float[np.ndarray, "_n _d"], rng: np.random.Generator, *, pairs: int = T2M_PAIRS
) -> float:
    """Mean distance over 300 pairs, each side drawn without replacement.

    Differs: `diversity` draws 200 with replacement; `apd` takes all pairs. A row may still meet
        itself here.

    Raises:
        ValueError: for fewer rows than pairs, or values that are not finite.

    Source: Guo et al., Generating Diverse and Natural 3D Human Motions from Text, CVPR 2022; code,
        utils/metrics.py.
    """
    features = feature_set(features, "features", at_least=pairs)
    sides = [rng.choice(len(features), size=pairs, replace=False) for _ in range(2)]
    return mean_pair_distance(features, np.stack(sides, axis=1))


def t2m_multimodality(
    features: Float[np.ndarray, "_n _d"],
    labels: Int[np.ndarray, "_n"],
    rng: np.random.Generator,
    *,
    pairs: int = T2M_CLASS_PAIRS,
) -> float:
    """Mean distance over 10 pairs of each group, the same member numbers in all groups.

    Groups are cut to the size of the smallest, as the published code has them of one size (100
    texts with 30 samples each).

    Differs: `multimodality` draws 20 pairs for each class anew, with replacement.

    Raises:
        ValueError: if a group has fewer rows than pairs, labels do not fit, or values are not
            finite.

    Source: Guo et al., Generating Diverse and Natural 3D Human Motions from Text, CVPR 2022; code,
        utils/metrics.py.
    """
    labels = class_labels(labels, "labels", rows=len(features))
    groups = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    size = min(len(rows) for rows in groups)
    if size < pairs:
        raise ValueError(
            f"t2m_multimodality: the smallest group has {size} rows for {pairs} pairs"
        )
    members = np.stack([rows[:size] for rows in groups])
    columns = np.stack([rng.choice(size, size=pairs, replace=False) for _ in range(2)], axis=1)
    return mean_distance_in_groups(features, members, columns)


def mean_distance_in_groups(
    features: Float[np.ndarray, "_n _d"],
    members: Int[np.ndarray, "_g _s"],
    columns: Int[np.ndarray, "_p 2"],
) -> float:
    """Mean distance over the same pairs of member numbers in every group.

    Shapes: features [n,d], members (row numbers) [g,s], columns (member numbers) [p,2].

    Raises:
        ValueError: if there are no pairs, or values are not finite.
    """
    return mean_pair_distance(features, members[:, columns].reshape(-1, 2))
