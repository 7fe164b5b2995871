"""One evaluation: measure every set once, fill the tables, say what they mean."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from motiongen.evaluation import findings
from motiongen.evaluation.columns import Draw, Entry, with_columns
from motiongen.evaluation.distributions import Distributions, distributions_table
from motiongen.evaluation.drawing import digests
from motiongen.evaluation.features import Cache, FeatureSpace, described
from motiongen.evaluation.likeness import common_size, likeness_table
from motiongen.evaluation.players import player_groups
from motiongen.evaluation.sets import (
    ClipSet,
    Measure,
    check_clips,
    class_means,
    copies,
    noisy_copies,
    warped_copies,
)
from motiongen.evaluation.spaces import spaces_table
from motiongen.evaluation.tables import copies_table, movement_table
from motiongen.evaluation.truth import clean_truth
from motiongen.evaluation.versions import current_commit, versions
from motiongen.metrics import METRICS
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.report import Report, Table

#: rows that every report may have
TAKEN = {
    *("train", "train, other half", "train, clean truth", "test", "test, other half"),
    *("class mean", "noisy copy", "warped copy", "copy"),
}


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation is made.

    Args:
        k: of density and coverage: the radius of a clip is its distance to its k-th nearest.
        draws: pairs of subsets over which the scores of whole sets are averaged.
        seed: of draws, baselines and intervals.
        player_classes: classes to look at in the report; 0 for none.
        metrics: names of the scores to show; None: all. Copies and collapse are looked for with
            any.

    Raises:
        ValueError: if a count is too small.
    """

    k: int = 5
    draws: int = 5
    seed: int = 0
    player_classes: int = 8
    metrics: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("draws", 1), ("seed", 0), ("player_classes", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"settings.{name}: found {getattr(self, name)}, at least {least}")
        if unknown := sorted(set(self.metrics or ()) - set(METRICS)):
            raise ValueError(
                f"settings.metrics: found {', '.join(unknown)}, allowed {', '.join(METRICS)}"
            )


def evaluate(
    generated: Mapping[str, MotionBatch],
    *,
    train: MotionBatch,
    spec: MotionSpec,
    extractor: FeatureSpace | Mapping[str, FeatureSpace],
    test: MotionBatch | None = None,
    subjects: Mapping[str, Sequence[str]] | None = None,
    settings: EvaluationSettings | None = None,
    title: str = "Evaluation",
    cache: Cache | None = None,
) -> Report:
    """Scores sets of generated clips beside real clips and trivial baselines.

    All sets are in physical units. The order of their rows does not matter. The state of the
    extractor and of global random numbers is left as it was.

    Args:
        generated: sets of clips by name, each with the labels that were asked for.
        train: real clips that generators and extractor were fitted on.
        spec: the contract of all sets.
        extractor: gives features and predicted classes; fitted on `train` alone. Several by
            name: the first fills the tables, and one more table compares them all.
        test: real clips of people that neither has seen.
        subjects: who moves in each clip, under "train" and "test": intervals then draw people,
            and distances to unseen people can tell copies from likeness.
        settings: seeds and counts.
        title: of the report.
        cache: keeps the features of real clips. None: nothing is kept.

    Raises:
        ValueError: if there is no set, a set does not fit the spec or is too small, or a joint
            that was seen is not finite; names the set.
    """
    if not generated:
        raise ValueError("generated: no set of clips was given")
    if taken := TAKEN & set(generated):
        raise ValueError(f"generated: {sorted(taken)} are names of other rows of the report")
    settings = settings or EvaluationSettings()
    real = {"train": train} if test is None else {"train": train, "test": test}
    for name, clips in {**generated, **real}.items():
        check_clips(name, clips, spec)
    spaces = dict(extractor) if isinstance(extractor, Mapping) else {"extractor": extractor}
    with evaluating(spaces.values()):
        first = next(iter(spaces.values()))
        measure = Measure.of(train, spec, first, cache)
        sets = _Sets.measured(generated, train, test, subjects or {}, measure, settings)
        tables = sets.tables()
        if len(spaces) > 1:
            tables["spaces"] = sets.in_other_spaces(spaces)
    scores = findings.Scores(tables)
    return Report(
        title=title,
        summary=[findings.summary(name, scores, sets.movement_reference) for name in generated],
        warnings=sets.warnings(scores),
        tables=[shown for table in tables.values() if (shown := _wanted(table, settings))],
        context=_context(sets, spaces, settings),
        groups=player_groups(
            spec, train, generated, classes=settings.player_classes, seed=settings.seed
        ),
    )


@contextmanager
def evaluating(spaces: Iterable[FeatureSpace]) -> Iterator[None]:
    """Puts modules into evaluation mode for a while."""
    modules = [space for space in spaces if isinstance(space, nn.Module)]
    before = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module, was in zip(modules, before, strict=True):
            module.train(was)


@dataclass(frozen=True)
class _Sets:
    """All sets of an evaluation, measured."""

    generated: list[Entry]
    baselines: list[Entry]
    train: ClipSet
    test: ClipSet | None
    truth: ClipSet | None
    measure: Measure
    draw: Draw

    @classmethod
    def measured(
        cls,
        generated: Mapping[str, MotionBatch],
        train: MotionBatch,
        test: MotionBatch | None,
        subjects: Mapping[str, Sequence[str]],
        measure: Measure,
        settings: EvaluationSettings,
    ) -> "_Sets":
        wanted = None if settings.metrics is None else frozenset(settings.metrics)
        draw = Draw(settings.k, settings.draws, settings.seed, wanted)
        real = measure("train", train, subjects.get("train"), kept=True)
        clean = clean_truth(train) if train.target is not None else None
        sets = [Entry(measure(name, clips), "generated") for name, clips in generated.items()]
        return cls(
            generated=sets,
            baselines=_baselines(real, sets[0].clips.labels, measure, draw),
            train=real,
            test=None if test is None else measure("test", test, subjects.get("test"), kept=True),
            truth=None if clean is None else measure("train, clean truth", clean),
            measure=measure,
            draw=draw,
        )

    @property
    def movement_reference(self) -> str:
        """The row that generated movement should be like."""
        return "train" if self.truth is None else self.truth.name

    def tables(self) -> dict[str, Table]:
        """All tables that can be filled, by name."""
        trained = Entry(self.train, "reference", "the clips that the models learned from")
        unseen = self._test_entries()
        both = [*self.generated, *unseen, *self.baselines]
        tables = {"train": self._likeness(self.train, both, samples=True)}
        if self.test is not None and common_size(self.test, self.generated) > self.draw.k:
            entries = [*self.generated, trained, *self.baselines]
            tables["test"] = self._likeness(self.test, entries, samples=False)
        meaning = "the same clips without noise"
        true = [Entry(self.truth, "reference", meaning)] if self.truth is not None else []
        tables["movement"] = movement_table(
            [*self.generated, *true, trained, *unseen, *self.baselines],
            self.measure.ruler,
            self.draw,
            reference=self.movement_reference,
            flat=self.measure.spec.channels == 2,
        )
        judge = Distributions(self.measure.spec, self.measure.ruler, self.draw)
        if judge.columns():
            tables["distributions"] = distributions_table(
                self.train if self.truth is None else self.truth,
                [*self.generated, *unseen, *self.baselines],
                judge,
            )
        tables["copies"] = copies_table(self.train, self.test, both, self.measure.ruler, self.draw)
        return tables

    def in_other_spaces(self, spaces: Mapping[str, FeatureSpace]) -> Table:
        """The scores against the train set in every feature space."""
        both = [*self.generated, *self._test_entries(), *self.baselines]
        return spaces_table(spaces, self.train, both, self.draw, self.measure.cache)

    def _test_entries(self) -> list[Entry]:
        meaning = "real clips of people that nobody has learned from"
        return [Entry(self.test, "reference", meaning)] if self.test is not None else []

    def _likeness(self, reference: ClipSet, entries: list[Entry], *, samples: bool) -> Table:
        who = "training clips" if reference is self.train else "clips of unseen people"
        return likeness_table(
            reference, entries, self.draw, title=f"Likeness to {who}", samples=samples
        )

    def warnings(self, scores: findings.Scores) -> list[str]:
        """Everything that a reader must know."""
        found = []
        for entry in self.generated:
            found += findings.warnings_of(entry.clips.name, scores)
        size = common_size(self.train, self.generated)
        found += findings.warn_of_extractor(self.train, self.test, size)
        found += findings.warn_of_blindness(scores)
        classes = len(self.measure.spec.classes)
        found += findings.warn_of_labels([e.clips for e in self.generated], self.train, classes)
        return found + self._split_warnings(scores)

    def _split_warnings(self, scores: findings.Scores) -> list[str]:
        found = []
        if self.test is None:
            return found
        if "test" not in scores.tables:
            found.append(
                f"Only {len(self.test)} test clips: too few to compare halves of them, so there "
                "are no scores against unseen people."
            )
        shared = set(digests(self.train.clips)) & set(digests(self.test.clips))
        if shared:
            found.append(f"{len(shared)} clips are in the train set and in the test set.")
        if self.train.people is not None and self.test.people is not None:
            people = sorted(set(self.train.people.tolist()) & set(self.test.people.tolist()))
            if people:
                found.append(f"People in the train set and in the test set: {', '.join(people)}.")
        return found


def _wanted(table: Table, settings: EvaluationSettings) -> Table | None:
    """The table with the columns that are to be shown; None if there are none."""
    if settings.metrics is None:
        return table
    # in several feature spaces a column is named "score, space"
    columns = [c for c in table.columns if c.name.split(", ")[0] in settings.metrics]
    names = [column.name for column in columns]
    rows = [with_columns(row, names) for row in table.rows]
    return replace(table, columns=columns, rows=rows) if columns else None


def _baselines(train: ClipSet, labels: np.ndarray, measure: Measure, draw: Draw) -> list[Entry]:
    """Trivial generators with the labels of the first generated set."""
    if not np.isin(labels, train.labels).all():
        labels = np.resize(train.labels, len(labels))
    copied = copies(train.clips, labels, draw.rng(5))
    ruler = measure.ruler
    noisy = noisy_copies(copied, ruler.noise / ruler.scale, draw.rng(6))
    noise = f"train clips and {100 * ruler.noise:.3g} {ruler.near} of noise on each coordinate"
    trivial = {
        "class mean": (class_means(copied, train.clips), "the mean train clip of each class"),
        "noisy copy": (noisy, noise),
        "warped copy": (
            warped_copies(copied, draw.rng(7)),
            "train clips, faster here and slower there",
        ),
        "copy": (copied, "train clips unchanged"),
    }
    return [Entry(measure(n, clips), "baseline", text) for n, (clips, text) in trivial.items()]


# ---- what is needed to repeat it ----------------------------------------------------------------


def _context(
    sets: _Sets, spaces: Mapping[str, FeatureSpace], settings: EvaluationSettings
) -> dict[str, Any]:
    test_accuracy = None if sets.test is None else findings.accuracy(sets.test)
    first, *others = spaces.items()
    context: dict[str, Any] = {
        "extractor": {
            **described(first[1]),
            "features": sets.train.features.shape[1],
            "accuracy on train clips": findings.accuracy(sets.train),
            "accuracy on test clips": test_accuracy,
        },
        **{f"extractor {name}": described(space) for name, space in others},
        "settings": asdict(settings),
        "clips": {
            "compared of each set": common_size(sets.train, sets.generated),
            "train": len(sets.train),
            "test": 0 if sets.test is None else len(sets.test),
            **{entry.clips.name: len(entry.clips) for entry in sets.generated},
        },
        "spec": sets.measure.spec.as_dict(),
        "versions": versions(),
    }
    if sets.measure.ruler.length != "m":
        context["body height"] = 1 / sets.measure.ruler.scale
    commit = current_commit()
    return context if commit is None else {**context, "commit": commit}
