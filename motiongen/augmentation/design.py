"""The design of a study: who trains and who is tested, on how many real clips, how often."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motiongen.augmentation.arms import ARMS, Treatment, treatments
from motiongen.augmentation.classical import CLASSICAL_VARIATION
from motiongen.augmentation.filtering import Filter
from motiongen.checkpoint import BEST
from motiongen.data import splits
from motiongen.data.store import Store
from motiongen.data.variation import Variation
from motiongen.generators import SampleOptions

#: options of `fit` that a study sets itself
RESERVED = ("--out", "--seed", "--resume", "--autoencoder", "--data.store", "--data.subjects")
#: options of `fit` that name a file
READ_FILES = ("-c", "--config", "--init")


@dataclass(frozen=True)
class Fold:
    """People to learn from and people to test on.

    Raises:
        ValueError: if somebody is on both sides, or one side is empty.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        if both := sorted(set(self.train) & set(self.test)):
            raise ValueError(
                f"subjects {', '.join(both)} are in the train set and in the test set"
            )
        if not self.train or not self.test:
            raise ValueError("nobody is left to " + ("test on" if self.train else "learn from"))


@dataclass(frozen=True)
class Size:
    """How many real clips of each class there are to learn from: so many, or a share of them.

    Raises:
        ValueError: if the number is out of range.
    """

    shots: int | None = None
    fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.shots is not None and self.shots < 1:
            raise ValueError(f"shots: found {self.shots}, at least 1 is needed")
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fractions: found {self.fraction}, allowed above 0 to 1")

    @property
    def title(self) -> str:
        """For reports."""
        if self.shots is not None:
            return f"{self.shots} clip{'s' if self.shots > 1 else ''} per class"
        return "all clips" if self.fraction == 1 else f"{100 * self.fraction:g} % of the clips"

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.shots}shots" if self.shots is not None else f"{100 * self.fraction:g}pct"

    def count(self, available: int) -> int:
        """Clips of a class that has so many; more than that where it has too few."""
        return self.shots if self.shots is not None else max(1, round(self.fraction * available))


@dataclass(frozen=True)
class Draw:
    """The real clips of one repetition.

    Args:
        fold: number of its fold.
        size: how many there are.
        seed: of the draw, the generator, its samples and the recognisers.
    """

    fold: int
    size: Size
    seed: int

    @property
    def name(self) -> str:
        """For files."""
        return f"fold{self.fold}-{self.size.name}-seed{self.seed}"

    @property
    def title(self) -> str:
        """For the progress bar."""
        return f"fold {self.fold}, {self.size.title}, seed {self.seed}"

    def rows(self, labels: Sequence[int], classes: Sequence[str]) -> list[int]:
        """Numbers of the drawn clips, ascending; more shots contain the fewer ones.

        Args:
            labels: class of each clip of the fold's train people.
            classes: their names.

        Raises:
            ValueError: if a class has too few clips.
        """
        # not of the size: a learning curve compares draws that contain each other
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.fold,)))
        chosen: list[int] = []
        for number, name in enumerate(classes):
            have = [row for row, label in enumerate(labels) if label == number]
            order, count = rng.permutation(len(have)), self.size.count(len(have))
            if count > len(have) or not have:
                raise ValueError(
                    f"fold {self.fold}: the people to learn from have {len(have)} clips of class "
                    f"{name!r}, {count} are wanted"
                )
            chosen += [have[at] for at in order[:count]]
        return sorted(chosen)


@dataclass(frozen=True)
class Design:
    """All that a study's results depend on, besides the clips.

    Args:
        folds: who trains and who is tested.
        sizes: how much real data.
        recognisers: their names, see `motiongen.recognition.recogniser`.
        arms: names of `ARMS`.
        ratios: synthetic clips a real one, in each class.
        seeds: repetitions of each fold, with seeds 0 to seeds-1.
        steps: optimiser steps of every arm.
        variation: of the arms with classical augmentation.
        mirror: names of the classes that classical augmentation may mirror; or "all".
        filter: which synthetic clips are learned from.
        real_share: see `arms.training_clips`.
        fit: words for `motiongen fit`, by which generators are trained.
        options: how generators are sampled.
        strength: synthetic clips are variations of the real ones, so far from them: see
            `motiongen.generators.controls.vary`. None: they are samples that start from no clip.

    Raises:
        ValueError: if a value is out of range, or there is nothing to compare.
    """

    folds: tuple[Fold, ...]
    sizes: tuple[Size, ...] = (Size(),)
    recognisers: tuple[str, ...] = ("RNN",)
    arms: tuple[str, ...] = tuple(ARMS)
    ratios: tuple[float, ...] = (1.0,)
    seeds: int = 5
    steps: int = 300
    variation: Variation = CLASSICAL_VARIATION
    mirror: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)
    real_share: float | None = None
    fit: tuple[str, ...] = ()
    options: SampleOptions = field(default_factory=SampleOptions)
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.seeds * len(self.folds) < 2:
            raise ValueError(
                f"seeds: found {self.seeds} for {len(self.folds)} fold(s); intervals need "
                "at least 2 repetitions"
            )
        if self.steps < 1:
            raise ValueError(f"steps: found {self.steps}, at least 1 is needed")
        if self.real_share is not None and not 0 <= self.real_share < 1:
            raise ValueError(f"real share: found {self.real_share}, allowed 0 to below 1")
        self._check_strength()
        for name in ("sizes", "recognisers", "arms", "ratios"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{name}: found {values}, needed are different ones")
        for word in self.fit:
            if word.partition("=")[0] in RESERVED:
                raise ValueError(f"fit: {word} is set by the study; leave it out")
        treatments(self.arms, self.ratios)

    def _check_strength(self) -> None:
        if self.strength is None:
            return
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength: found {self.strength}, allowed 0 to 1")
        if self.options != SampleOptions(observed=self.options.observed):
            raise ValueError(
                f"strength: variations of clips take no temperature, guidance or steps; found "
                f"{self.options}"
            )

    @property
    def treatments(self) -> list[Treatment]:
        """Every arm at every ratio."""
        return treatments(self.arms, self.ratios)

    @property
    def draws(self) -> list[Draw]:
        """Every repetition of every fold and size."""
        return [
            Draw(fold, size, seed)
            for size in self.sizes
            for fold in range(len(self.folds))
            for seed in range(self.seeds)
        ]

    @property
    def size(self) -> int:
        """Number of results."""
        return len(self.draws) * len(self.recognisers) * len(self.treatments)

    def fixed(self) -> dict[str, Any]:
        """What has to stay as it is when a study goes on; the other axes may grow."""
        names = ("folds", "ratios", "steps", "variation", "mirror", "filter", "real_share", "fit")
        known = asdict(self)
        found = {name: known[name] for name in (*names, "options", "strength")}
        # JSON has no infinity
        found["filter"]["farthest"] = repr(self.filter.farthest)
        found["fit"] = _with_contents(self.fit)
        return found


def _with_contents(words: Sequence[str]) -> list[str]:
    """The words of `fit`, each file that it reads named by what it holds and not by where."""
    # one word or two: --config=FILE is --config FILE
    found = [part for word in words for part in _parts(word)]
    for at in range(1, len(found)):
        if found[at - 1] in READ_FILES:
            found[at] = "sha256:" + hashlib.sha256(_file(found[at]).read_bytes()).hexdigest()
    return found


def _file(word: str) -> Path:
    # a model to begin with may be named by the folder of its run
    return Path(word) / BEST if Path(word).is_dir() else Path(word)


def _parts(word: str) -> list[str]:
    name, _, file = word.partition("=")
    return [name, file] if name in READ_FILES and file else [word]


def slug(text: str) -> str:
    """A text as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def named_fold(store: Store, test: Sequence[str], train: Sequence[str] | None = None) -> Fold:
    """One fold with chosen people; to learn from are all others, if nobody is named.

    Raises:
        ValueError: if somebody is unknown or on both sides.
    """
    everyone = {record.subject for record in store.records}
    for who in (test, train or ()):
        splits.select(store.records, who)
    chosen = train if train is not None else sorted(everyone - set(test))
    return Fold(tuple(dict.fromkeys(chosen)), tuple(dict.fromkeys(test)))


def subject_folds(store: Store, k: int) -> tuple[Fold, ...]:
    """`k` folds, each of which is tested once; the same ones at each call.

    Raises:
        ValueError: if `k` is below 2 or above the number of subjects.
    """
    subjects = [record.subject for record in store.records]
    parts = splits.folds(subjects, k, 0)
    return tuple(
        Fold(*(tuple(sorted({subjects[row] for row in rows})) for rows in part)) for part in parts
    )
