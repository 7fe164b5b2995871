"""What samples look like beside real clips: figures of collapse, and their healthy ranges."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from motiongen.evaluation.drawing import rows_by_label
from motiongen.generators import Generator
from motiongen.generators.drawing import SMALLEST_SUPPORT
from motiongen.generators.energy import DRAWS
from motiongen.metrics.distances import distances, nearest_others, nearest_rows
from motiongen.metrics.diversity import acpd, apd_ratio
from motiongen.metrics.fidelity import neighbour_scores
from motiongen.metrics.memorisation import COPY_QUANTILE, inner_nn_ratio
from motiongen.motion import MotionBatch

#: times of a clip at which positions are read, and their smoothing as a share of its duration
TIMES, SMOOTHING = 8, 0.06
#: directions in which clips are compared
MOST_AXES = 64
NEIGHBOURS = 5

Features = Float[np.ndarray, "_n _d"]
Labels = Int[np.ndarray, "_n"]
Rows = Int[np.ndarray, "_m"]


@dataclass(frozen=True)
class Healthy:
    """The range of a healthy figure, and what it means to be outside."""

    meaning: str
    low: float = -np.inf
    high: float = np.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        sides = [f"at least {self.low:.3g}"] if self.low > -np.inf else []
        return " and ".join(sides + ([f"at most {self.high:.3g}"] if self.high < np.inf else []))


def positions(clips: MotionBatch, model: Generator) -> Features:
    """A clip as one row: its smoothed positions at `TIMES` times from start to end.

    Gaps are bridged by what is seen before and after; a joint that a clip never shows is at the
    train set's mean. The body's centre starts at the origin. The distance of two rows is the root
    mean square of the distance between joints.

    Shapes: B clips [B,T,J,C] -> [B,TIMES*J*C].
    Units: standardised.
    """
    units, device = model.standardizer, clips.joints.device
    frames = torch.arange(clips.joints.shape[1], device=device)
    share = frames / (clips.length[:, None] - 1).clamp(min=1)
    times = torch.linspace(0, 1, TIMES, device=device)
    away = (share[:, None] - times[:, None]) / SMOOTHING
    # never 0, so that frames far away count where a joint is not seen in any other
    weight = torch.exp((-0.5 * away**2).clamp(min=-60.0))
    seen = weight @ clips.mask.to(weight)
    # joints that are not seen are at 0
    total = (weight @ clips.joints.flatten(2)).unflatten(2, clips.joints.shape[2:])
    found = units(total / seen.clamp(min=1e-30)[..., None])
    found = torch.where(seen[..., None] > 0, found, 0.0)
    found = found - found[:, :1, list(model.skeleton.anchor)].mean(2, keepdim=True)
    known = found[:, :, units.support >= SMALLEST_SUPPORT]
    rows = known.flatten(1) / (TIMES * known.shape[2]) ** 0.5
    return rows.double().cpu().numpy()


class Detectors:
    """Judges samples by real clips, which it measures once.

    Args:
        train: training clips. Shapes: [N,d].
        held: held-back clips. Shapes: [V,d].
        train_labels: class of each. Shapes: [N].
        held_labels: class of each. Shapes: [V].
        people: who moves in each training clip. Shapes: [N].
        copy_distance: a clip that is nearer is a copy, in units of the rows; None: not known.
    """

    def __init__(
        self,
        train: Features,
        held: Features,
        train_labels: Labels,
        held_labels: Labels,
        *,
        people: Shaped[np.ndarray, "_n"],
        copy_distance: float | None = None,
    ) -> None:
        self.centre = train.mean(0)
        # the directions in which training clips differ: in them distances cost a tenth
        axes = np.linalg.svd(train - self.centre, full_matrices=False)[2]
        self.axes = axes[:MOST_AXES].T
        self.train, self.held = self._rows(train), self._rows(held)
        self.train_labels, self.copy_distance = train_labels, copy_distance
        self.radius = None
        if len(held) > NEIGHBOURS:
            self.radius = nearest_others(self.held, NEIGHBOURS)[:, -1]
        #: distance below which 1 % of training clips have another one
        self.near = 0.0
        if len(train) > 1:
            own = nearest_rows(self.train, self.train, same=True)[0]
            self.near = float(np.quantile(own, COPY_QUANTILE))
        self.real = self._real(held_labels, people)
        self.healthy = self._healthy()

    def _rows(self, features: Features) -> Features:
        return (features - self.centre) @ self.axes

    def figures(self, features: Features, labels: Labels) -> dict[str, float]:
        """What samples say; a figure that few or doubled clips do not define is left out.

        Args:
            features: equally many samples for each held-back clip, those of one clip after those
                of another. Shapes: [V*draws,d].
            labels: their classes. Shapes: [V*draws].
        """
        finite = np.isfinite(features).all(1)
        found = {"finite_share": float(finite.mean())}
        if not finite.all():
            return found
        rows = self._rows(features)
        to_held, to_train = distances(self.held, rows), nearest_rows(rows, self.train)[0]
        found |= self._held_coverage(to_held) | self._copies(to_train)
        found |= {"train_nn_ratio": _median_quotient(to_train, to_held.min(0))}
        real, fake = matched(self.train_labels, labels)
        first, second = self.train[real], rows[fake]
        with suppress(ValueError):
            found["coverage"] = neighbour_scores(first, second, NEIGHBOURS).coverage
        with suppress(ValueError):
            found["apd_ratio"] = apd_ratio(first, second)
        with suppress(ValueError):
            found["inner_nn_ratio"] = inner_nn_ratio(first, second)
        with suppress(ValueError, ZeroDivisionError):
            own = acpd(first, self.train_labels[real])
            found["class_apd_ratio"] = acpd(second, labels[fake]) / own
        return found

    def _held_coverage(self, to_held: np.ndarray) -> dict[str, float]:
        """Mean over draws, each of one sample for each held-back clip. Shapes: [V,V*draws]."""
        if self.radius is None:
            return {}
        nearest = to_held.reshape(len(to_held), len(to_held), -1).min(1)
        return {"held_coverage": float((nearest < self.radius[:, None]).mean())}

    def _copies(self, to_train: np.ndarray) -> dict[str, float]:
        # <= : where training clips are doubled the limit is 0, and a copy must still count
        found = {"feature_copy_share": float((to_train <= self.near).mean())}
        if self.copy_distance is not None:
            found["copy_share"] = float((to_train < self.copy_distance).mean())
        return found

    def _real(self, held_labels: Labels, people: Shaped[np.ndarray, "_n"]) -> dict[str, float]:
        """The same figures of real clips."""
        found = {}
        with suppress(ValueError):
            wanted, rng = np.repeat(held_labels, DRAWS), np.random.default_rng(0)
            stand_ins = self.train[rows_by_label(wanted, self.train_labels, rng)]
            found |= self._held_coverage(distances(self.held, stand_ins))
        found |= self._copies(nearest_rows(self.held, self.train)[0])
        to_others = _nearest_of_others(self.train, people)
        quotient = _median_quotient(to_others, nearest_rows(self.train, self.held)[0])
        # infinite with one person only, or where the same clips are learned from and held back
        return found | ({"train_nn_ratio": quotient} if np.isfinite(quotient) else {})

    def _healthy(self) -> dict[str, Healthy]:
        """Ranges of what `figures` gives, where they can be told.

        Wide enough for clean samples beside noisy clips, which vary and differ more, and for
        models that are not yet good: those lie far from real clips, which is no collapse.
        """
        real = self.real
        copies = "samples repeat training clips"
        found = {
            "finite_share": Healthy("samples are no numbers", low=1.0),
            "coverage": Healthy("many kinds of training clips are never sampled", low=0.05),
            "apd_ratio": Healthy("samples vary too little", low=0.6),
            "class_apd_ratio": Healthy("samples of a class are nearly alike", low=0.25),
            "inner_nn_ratio": Healthy("samples repeat each other", low=0.2),
            "feature_copy_share": Healthy(copies, high=0.35 + real["feature_copy_share"]),
        }
        if "held_coverage" in real:
            half = 0.5 * real["held_coverage"]
            found["held_coverage"] = Healthy("kinds of held-back clips are missing", low=half)
        if "train_nn_ratio" in real:
            found["train_nn_ratio"] = Healthy(copies, low=0.5 * real["train_nn_ratio"])
        if "copy_share" in real:
            found["copy_share"] = Healthy(copies, high=0.35 + real["copy_share"])
        return found


def matched(first: Labels, second: Labels) -> tuple[Rows, Rows]:
    """Equally many rows of each label in two sets, evenly spread. Shapes: [N], [M] -> [K], [K]."""
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for label in np.unique(second):
        rows = [np.flatnonzero(labels == label) for labels in (first, second)]
        count = min(len(rows[0]), len(rows[1]))
        for side, own in zip(sides, rows, strict=True):
            side.append(own[np.linspace(0, len(own) - 1, count).round().astype(np.int64)])
    return np.concatenate(sides[0]), np.concatenate(sides[1])


def _median_quotient(first: np.ndarray, second: np.ndarray) -> float:
    """Median of quotients; 1 where both are 0."""
    tops = np.where(first > 0, np.inf, 1.0)
    return float(np.median(np.divide(first, second, out=tops, where=second > 0)))


def _nearest_of_others(rows: Features, people: Shaped[np.ndarray, "_n"]) -> np.ndarray:
    """Distance of each row to the nearest one of another person; infinite where there is none."""
    found = np.full(len(rows), np.inf)
    for person in np.unique(people):
        own = people == person
        if not own.all():
            found[own] = nearest_rows(rows[own], rows[~own])[0]
    return found
