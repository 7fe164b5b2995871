"""The study: for each draw a generator that saw nothing else, and all arms and recognisers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from tqdm import tqdm

from motiongen.augmentation.arms import Treatment, first_of_each, training_clips
from motiongen.augmentation.checks import check_leak
from motiongen.augmentation.classical import Classical, mirrored_classes
from motiongen.augmentation.design import Design, Draw, Fold
from motiongen.augmentation.filtering import kept
from motiongen.augmentation.generator import samples, trained, variations
from motiongen.augmentation.ledger import Ledger, Result
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.lock import held
from motiongen.data.store import Store
from motiongen.metrics.recognition import accuracy, macro_f1
from motiongen.motion import Motion, MotionBatch
from motiongen.recognition import BATCH_SIZE, Fitted, Network, Recogniser, recogniser

LOCK = ".lock"
#: a result, and where it belongs
Results = dict[tuple[Draw, str, Treatment], Result]


def run_study(
    design: Design,
    store: Store,
    out: Path,
    *,
    build: Callable[[str], Recogniser] = recogniser,
) -> Results:
    """Does what is left to do of a study, and returns all its results.

    For each fold, size and seed: real clips are drawn from the fold's train people; a generator
    is trained on these alone (its units, noise and validation too); every recogniser is trained
    in every arm for the same number of steps with the same seed, and tested on the clips of the
    test people. Each result is written when it is known: a study that was killed goes on where it
    stopped, within a generator's training too, and ends with the same results.

    Args:
        design: what to compare.
        store: real clips.
        out: folder of the study.
        build: makes recognisers from their names.

    Raises:
        ValueError: if the design does not fit the store or the study in `out`, a name is
            unknown, or a test clip is among those to learn from.
        KeyboardInterrupt: if a signal ended the training of a generator.
    """
    recognisers = {name: build(name) for name in design.recognisers}
    mirrored = mirrored_classes(design.mirror, store.spec)
    people = [_People(store, fold, number) for number, fold in enumerate(design.folds)]
    for draw in design.draws:
        people[draw.fold].drawn(draw)
    with held(out / LOCK, out):
        ledger = Ledger(out)
        ledger.begin(design, store)
        classical = Classical(store.spec.layout, design.variation, mirrored)
        study = _Study(design, store, ledger, recognisers, classical)
        with tqdm(total=design.size, unit="result", desc="study", disable=None) as bar:
            for draw in design.draws:
                study.run(draw, people[draw.fold], bar)
        return study.results()


@dataclass(frozen=True)
class _People:
    """The labelled clips of a fold, loaded when they are asked for."""

    store: Store
    fold: Fold
    number: int

    @cached_property
    def train(self) -> list[Motion]:
        """Clips to draw from."""
        return self._load(self.fold.train, "train")

    @cached_property
    def test(self) -> MotionBatch:
        """Clips that only score."""
        return as_batch(self._load(self.fold.test, "test"), self.store.spec)

    def _load(self, people: Sequence[str], part: str) -> list[Motion]:
        motions = load_clips(self.store, self.store.spec, subjects=people)
        motions = [motion for motion in motions if motion.label is not None]
        if not motions:
            raise ValueError(f"fold {self.number}: the {part} people have no labelled clip")
        return motions

    def drawn(self, draw: Draw) -> list[Motion]:
        """The clips of a draw."""
        labels = [-1 if motion.label is None else motion.label for motion in self.train]
        return [self.train[row] for row in draw.rows(labels, self.store.spec.classes)]


@dataclass(frozen=True)
class _Study:
    """What the parts of a study share."""

    design: Design
    store: Store
    ledger: Ledger
    recognisers: dict[str, Recogniser]
    classical: Classical

    def results(self) -> Results:
        """Everything that is known."""
        cells = [
            (draw, name, treatment)
            for draw in self.design.draws
            for name in self.recognisers
            for treatment in self.design.treatments
        ]
        found = {cell: self.ledger.find(*cell) for cell in cells}
        return {cell: result for cell, result in found.items() if result is not None}

    def run(self, draw: Draw, people: _People, bar: tqdm) -> None:
        """Every result of a draw that is not known yet."""
        treatments = self.design.treatments
        left = {
            name: [t for t in treatments if self.ledger.find(draw, name, t) is None]
            for name in self.recognisers
        }
        todo = [treatment for some in left.values() for treatment in some]
        bar.update(len(self.recognisers) * len(treatments) - len(todo))
        if not todo:
            return
        motions = people.drawn(draw)
        real = as_batch(motions, self.store.spec)
        check_leak(real, people.test, "train")
        pool, passed = None, None
        if any(treatment.arm.needs_generator for treatment in todo):
            bar.set_postfix_str(f"generator: {draw.title}")
            pool, passed = self._synthetic(draw, people.fold, motions, real)
            check_leak(pool, people.test, f"synthetic ({draw.title})")
        for name, some in left.items():
            bar.set_postfix_str(f"{name}: {draw.title}")
            cell = _Cell(self, self.recognisers[name], real, pool, people.test, draw.seed)
            for treatment in some:
                self.ledger.keep(draw, name, treatment, cell.result(treatment, passed))
                bar.update()

    def _synthetic(
        self, draw: Draw, fold: Fold, motions: list[Motion], real: MotionBatch
    ) -> tuple[MotionBatch, float | None]:
        """As many synthetic clips as any arm needs, and the share that passed the filter."""
        rows = {record.id: row for row, record in enumerate(self.store.records)}
        model = trained(
            self.ledger.folder(draw),
            self.store,
            [rows[motion.id] for motion in motions],
            fold,
            words=self.design.fit,
            seed=draw.seed,
            varies=self.design.strength is not None,
        )
        needed = self._needed(real)
        counts = (self.design.filter.candidates * needed).tolist()
        strength, options = self.design.strength, self.design.options
        if strength is None:
            pool = samples(model, counts, draw.seed, options)
        else:
            chosen = {"strength": strength, "observed": options.observed}
            pool = variations(model, real, counts, draw.seed, **chosen)
        passed = self._passed(pool, real, draw.seed)
        share = float(passed.float().mean()) if self.design.filter.active else None
        pool = kept(pool, passed.numpy())
        return pool.select(first_of_each(pool.label, needed)), share

    def _needed(self, real: MotionBatch) -> torch.Tensor:
        """Synthetic clips of each class, whichever arms are asked for: they may be added later."""
        counts = real.label.bincount(minlength=len(self.store.spec.classes))
        most = (max(self.design.ratios) * counts).round().long().clamp(min=1)
        return torch.maximum(most, counts.max() - counts)

    def _passed(self, pool: MotionBatch, real: MotionBatch, seed: int) -> torch.Tensor:
        chosen, judge = self.design.filter, None
        if not chosen.active:
            return torch.ones(len(pool), dtype=torch.bool)
        if chosen.confidence:
            judge = self.fit(Network(), real, real, seed, classical=True)
        return torch.from_numpy(chosen.passed(pool, real, self.store.spec, judge))

    def fit(
        self,
        learner: Recogniser,
        clips: MotionBatch,
        real: MotionBatch,
        seed: int,
        *,
        classical: bool,
    ) -> Fitted:
        """Trains a recogniser, with as much effort whatever it learns from."""
        return learner.fit(
            clips,
            self.store.spec,
            steps=self.design.steps,
            seed=seed,
            # of an arm with more clips no larger batches either
            batch_size=min(BATCH_SIZE, len(real)),
            augment=self.classical if classical else None,
        )


@dataclass
class _Cell:
    """One recogniser on one draw."""

    study: _Study
    learner: Recogniser
    real: MotionBatch
    pool: MotionBatch | None
    test: MotionBatch
    seed: int
    #: trained on the real clips as they are: what some arms have in common
    plain: Fitted | None = None

    def result(self, treatment: Treatment, passed: float | None) -> Result:
        """Trains and tests."""
        start = time.perf_counter()
        learned, synthetic = self._fitted(treatment)
        test = self.pool if treatment.arm.reverse else self.test
        assert test is not None
        labels, guessed = test.label.numpy(), learned.probabilities(test).argmax(1)
        return Result(
            accuracy=accuracy(labels, guessed),
            macro_f1=macro_f1(labels, guessed),
            real=len(self.real) if treatment.arm.real else 0,
            synthetic=synthetic,
            tested=len(test),
            passed=passed if treatment.arm.needs_generator else None,
            seconds=round(time.perf_counter() - start, 3),
        )

    def _fitted(self, treatment: Treatment) -> tuple[Fitted, int]:
        """A recogniser, and the number of synthetic clips that it learned from."""
        share = self.study.design.real_share
        clips, synthetic = training_clips(treatment, self.real, self.pool, share)
        classical = treatment.arm.classical
        as_real = treatment.arm.real and not classical and not synthetic
        if as_real and self.plain is not None:
            return self.plain, 0
        learned = self.study.fit(self.learner, clips, self.real, self.seed, classical=classical)
        if as_real:
            self.plain = learned
        return learned, synthetic
