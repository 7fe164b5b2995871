"""From stores on disk to reports: what `motiongen evaluate`, `augment` and `view` do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from motiongen.augmentation import augmentation_study
from motiongen.checkpoint import load
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.store import Store
from motiongen.evaluation import EvaluationSettings, evaluate
from motiongen.evaluation.features import ARCHITECTURES, Cache, bar, fit_extractor
from motiongen.motion import Motion, MotionBatch, MotionSpec
from motiongen.report import Report
from motiongen.viewer.page import Group, Panel, write_page


def evaluate_stores(
    samples: Sequence[Path],
    real: Path,
    *,
    train: Sequence[str] | None = None,
    test: Sequence[str] | None = None,
    seed: int = 0,
    k: int = 5,
    extractors: Sequence[str] = ARCHITECTURES,
    metrics: Sequence[str] | None = None,
    cache: Cache | None = None,
) -> Report:
    """Scores stores of samples against a store of real clips.

    Args:
        samples: stores that `motiongen sample` wrote; all with the same spec.
        real: store of real clips.
        train: subjects that the generators were given; None: as the stores of samples say.
        test: subjects that nobody was given; None: all others.
        seed: of extractor, draws and intervals.
        k: neighbours for density and coverage.
        extractors: encoders of the feature spaces; the first fills the tables.
        metrics: names of the scores to show. None: all.
        cache: keeps what was made of the real clips. None: nothing is kept.

    Raises:
        ValueError: if the specs differ, or a subject is on both sides.
    """
    shown = None if metrics is None else tuple(metrics)
    settings = EvaluationSettings(k=k, seed=seed, metrics=shown)
    sets = {name: Store.open(path) for name, path in named(samples).items()}
    first = next(iter(sets.values()))
    spec = first.spec
    for path, opened in zip(samples, sets.values(), strict=True):
        if opened.spec != spec:
            raise ValueError(f"{path}: its spec {opened.spec} differs from {spec} of {samples[0]}")
    known = Store.open(real)
    people = split_people(known, train, test, given=given_people(sets))
    parts = load_people(known, spec, people)
    spaces = {
        name: fit_extractor(parts["train"][0], spec, seed, architecture=name, cache=cache)
        for name in dict.fromkeys(extractors)
    }
    return evaluate(
        {name: as_batch(load_clips(opened, spec), spec) for name, opened in sets.items()},
        train=parts["train"][0],
        test=parts["test"][0] if "test" in parts else None,
        spec=spec,
        extractor=spaces,
        cache=cache,
        subjects={part: subjects for part, (_, subjects) in parts.items()},
        settings=settings,
        title=f"Evaluation of {', '.join(sets)}",
    )


def given_people(sets: Mapping[str, Store]) -> dict[str, list[str]]:
    """Whom the generator of each set was given, as far as the sets say."""
    origins = {name: opened.manifest["origin"] for name, opened in sets.items()}
    found = {name: origin.get("trained_on", {}) for name, origin in origins.items()}
    return {name: list(trained_on.get("subjects", ())) for name, trained_on in found.items()}


def split_people(
    real: Store,
    train: Sequence[str] | None,
    test: Sequence[str] | None,
    *,
    given: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, list[str]]:
    """Who is in the train set and who in the test set; no test people is allowed.

    Args:
        real: names everyone.
        train: chosen people; None: all that a generator was given.
        test: chosen people; None: all whom no generator was given and who are not in `train`.
        given: whom each generator was given, by its name.

    Raises:
        ValueError: if the train people are not known, or somebody to test on was learned from.
    """
    given = given or {}
    seen = {person for people in given.values() for person in people}
    everyone = sorted({record.subject for record in real.records})
    train = list(train) if train is not None else [s for s in everyone if s in seen]
    if not train:
        raise ValueError(
            f"the samples do not say whom their model learned from; name them with --train; "
            f"the store has {', '.join(everyone)}"
        )
    taken = seen | set(train)
    chosen = list(test) if test is not None else [s for s in everyone if s not in taken]
    if both := sorted(set(train) & set(chosen)):
        raise ValueError(f"subjects {', '.join(both)} are in the train set and in the test set")
    for name, people in given.items():
        if both := sorted(set(people) & set(chosen)):
            raise ValueError(f"test subjects {', '.join(both)} were given to the model of {name}")
    return {"train": train, "test": chosen}


def load_people(
    real: Store, spec: MotionSpec, people: dict[str, list[str]]
) -> dict[str, tuple[MotionBatch, list[str]]]:
    """The clips of each part, and who moves in each of them; a part without people is left out."""
    parts = {}
    for part, subjects in people.items():
        if subjects:
            motions = load_clips(real, spec, subjects=subjects)
            parts[part] = (as_batch(motions, spec), [motion.subject for motion in motions])
    return parts


def augment_store(
    checkpoint: Path,
    real: Path,
    *,
    test: Sequence[str] | None = None,
    seeds: int = 5,
    ratio: float = 1.0,
    steps: int = 300,
    trust_code: bool = False,
) -> Report:
    """Measures what a trained generator's samples add to the training set of a recogniser.

    Raises:
        ValueError: if nobody is left to test on.
    """
    model = load(checkpoint, trust_code=trust_code)
    given = {str(checkpoint): model.provenance.get("subjects", [])}
    people = split_people(Store.open(real), None, test, given=given)
    if not people["test"]:
        raise ValueError("nobody is left to test on: the generator was given all subjects")
    parts = load_people(Store.open(real), model.spec, people)

    def draw(labels: list[int], seed: int) -> MotionBatch:
        return model.sample(len(labels), label=labels, seed=seed)

    with bar(3 * seeds * steps, "classifiers") as step:
        table = augmentation_study(
            parts["train"][0],
            parts["test"][0],
            model.spec,
            draw,
            seeds=seeds,
            ratio=ratio,
            steps=steps,
            progress=step,
        )
    return Report(
        title="Does it help? Recognition with generated clips",
        summary=[table.caption],
        tables=[table],
        context={"checkpoint": str(checkpoint), "people": people, "ratio": ratio, "steps": steps},
    )


def view_stores(stores: Sequence[Path], out: Path, *, clips: int = 3) -> None:
    """Writes a page with some clips of each class and store, side by side.

    Raises:
        ValueError: if `clips` is below 1.
    """
    if out.is_dir():
        raise ValueError(f"{out} is a folder; --out names the page to write")
    if clips < 1:
        raise ValueError(f"--clips: found {clips}, at least 1 is needed")
    opened = {name: Store.open(path) for name, path in named(stores).items()}
    labels = dict.fromkeys(r.label for store in opened.values() for r in store.records)
    groups = []
    for label in labels:
        chosen = {name: spread(store, label, clips) for name, store in opened.items()}
        panels = [Panel(name, motions) for name, motions in chosen.items() if motions]
        groups.append(Group(label or "no label", panels))
    title = "Clips of " + ", ".join(opened)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_page(out, title=title, groups=groups)


def named(paths: Sequence[Path]) -> dict[str, Path]:
    """Each path under its last part, or under all of it where two end alike.

    Raises:
        ValueError: if a path is given twice.
    """
    if twice := sorted({str(path) for path in paths if list(paths).count(path) > 1}):
        raise ValueError(f"{', '.join(twice)} is given twice")
    names = [path.name for path in paths]
    return {p.name if names.count(p.name) == 1 else str(p): p for p in paths}


def spread(store: Store, label: str | None, count: int) -> list[Motion]:
    """Some clips of a class, evenly spread over its people."""
    rows = [i for i, record in enumerate(store.records) if record.label == label]
    at = torch.linspace(0, len(rows) - 1, min(count, len(rows))).round().long().tolist()
    return [store[rows[i]] for i in at]
