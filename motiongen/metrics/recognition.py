"""What a classifier makes of clips: how often it finds the class that was asked for."""

import numpy as np
from jaxtyping import Int

from motiongen.metrics.checks import class_labels
from motiongen.metrics.metric import Metric


def accuracy(labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"]) -> float:
    """Share of clips whose predicted class is their label.

    For generated clips the label is the class asked for ("accuracy on generated", aog).

    Raises:
        ValueError: if there is no clip, a class is negative, or the numbers of rows differ.

    Source: Guo et al., Action2Motion, ACM Multimedia 2020.
    """
    labels, predicted = _checked(labels, predicted)
    return float((labels == predicted).mean())


def confusion(
    labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"], num_classes: int
) -> Int[np.ndarray, "K K"]:
    """Counts of clips by label (row) and predicted class (column).

    Raises:
        ValueError: as `accuracy`; or if a class is not below `num_classes`.
    """
    labels, predicted = _checked(labels, predicted)
    highest = max(labels.max(), predicted.max())
    if highest >= num_classes:
        raise ValueError(f"class {highest} found, but there are {num_classes}, from 0")
    counts = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def macro_f1(labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"]) -> float:
    """Harmonic mean of precision and recall per class, averaged over the classes in `labels`.

    Unlike accuracy it weighs rare classes as much as common ones. Classes without a clip take no
    part: `absent_classes` lists them.

    Raises:
        ValueError: as `accuracy`.

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.
    """
    labels, predicted = _checked(labels, predicted)
    table = confusion(labels, predicted, int(max(labels.max(), predicted.max())) + 1)
    present = np.unique(labels)
    right = np.diag(table)[present]
    asked, given = table.sum(1)[present], table.sum(0)[present]
    return float((2 * right / (asked + given)).mean())


def absent_classes(
    labels: Int[np.ndarray, "_n"], num_classes: int, *, at_least: int = 1
) -> list[int]:
    """Classes with fewer than `at_least` clips: what a mean over classes leaves out."""
    counts = np.bincount(class_labels(labels, "labels"), minlength=num_classes)
    return np.flatnonzero(counts[:num_classes] < at_least).tolist()


def _checked(
    labels: Int[np.ndarray, "_n"], predicted: Int[np.ndarray, "_n"]
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    labels = class_labels(labels, "labels")
    return labels, class_labels(predicted, "predicted", rows=len(labels))


ACCURACY = Metric(
    name="accuracy",
    unit="",
    better="high",
    needs="pairs",
    source="Guo et al., Action2Motion, ACM Multimedia 2020",
    function=accuracy,
    meaning="Share of clips in which a classifier recognises the action that was asked for.",
)

MACRO_F1 = Metric(
    name="macro_f1",
    unit="",
    better="high",
    needs="pairs",
    source="van Rijsbergen, Information Retrieval, 1979, chapter 7",
    function=macro_f1,
    meaning="How well a classifier recognises the actions, each action weighing the same.",
)
