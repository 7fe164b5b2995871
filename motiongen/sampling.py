"""Sampling to disk: how many clips of which class, and in which form they are written."""

from collections.abc import Callable, Sequence
from pathlib import Path

from motiongen import transforms
from motiongen.data import store
from motiongen.formats.arrays import ArraysWriter
from motiongen.generators import Generator, SampleOptions
from motiongen.motion import Motion


def wanted_labels(
    model: Generator, n: int | None, counts_like: str | None, label: str | None
) -> list[int] | None:
    """The label of every sample: None lets the model draw them as often as in training.

    Args:
        model: knows the classes and how many clips of each it was given.
        n: number of clips; None: as many as it was given.
        counts_like: "train": exactly as many clips of each class as `fit` was given, people held
            back for validation included.
        label: name of the one class to sample.

    Raises:
        ValueError: if the wishes contradict each other, or the class is unknown.
    """
    classes = model.spec.classes
    if counts_like is not None:
        if counts_like != "train":
            raise ValueError(f"--counts-like: found {counts_like!r}, allowed: train")
        if n is not None or label is not None:
            raise ValueError("--counts-like sets the number of each class: leave --n and --label")
        return [i for i, count in enumerate(given_counts(model)) for _ in range(count)]
    if label is None:
        return None
    if label not in classes:
        raise ValueError(f"--label: {label!r} is unknown; known: {', '.join(classes)}")
    return [classes.index(label)] * wanted_count(model, n)


def wanted_count(model: Generator, n: int | None) -> int:
    """Number of samples: `n`, or as many as `fit` was given.

    Raises:
        ValueError: if `n` is below 1.
    """
    if n is not None and n < 1:
        raise ValueError(f"--n: found {n}, at least 1 is needed")
    return given_clips(model) if n is None else n


def given_clips(model: Generator) -> int:
    """Clips that `fit` was given, labelled or not."""
    return int(model.provenance.get("clips") or model.label_counts.sum())


def given_counts(model: Generator) -> list[int]:
    """Clips of each class that `fit` was given."""
    counts = model.provenance.get("class_counts")
    return list(counts) if counts else model.label_counts[:-1].tolist()


def draw(
    model: Generator,
    *,
    n: int | None = None,
    labels: Sequence[int] | None = None,
    length: int | None = None,
    seed: int = 0,
    options: SampleOptions | None = None,
    frames: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Motion]:
    """Draws clips as motions; `frames` stretches each of them to that many frames afterwards."""
    count = len(labels) if labels is not None else wanted_count(model, n)
    batch = model.sample(
        count,
        label=labels,
        length=length,
        seed=seed,
        options=options,
        progress=progress,
    )
    motions = batch.unbind(model.spec, prefix=f"seed{seed}")
    motions = [motion.replace(subject="generated") for motion in motions]
    return motions if frames is None else stretched(motions, frames)


def stretched(motions: Sequence[Motion], frames: int) -> list[Motion]:
    """Clips brought to one number of frames."""
    # they have a rate each, which no longer says anything: like recordings without one
    return [transforms.resample_frames(motion, frames).replace(fps=None) for motion in motions]


def check_target(out: Path, *, overwrite: bool) -> None:
    """Checks that samples may be written at `out`, before they are drawn.

    Raises:
        FileExistsError: if a file is there and must not be overwritten.
        StoreError: the same for a store.
    """
    if out.suffix != ".npz":
        store.check_target(out, overwrite=overwrite)
    elif out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; choose another name or allow it with --overwrite")


def write(
    motions: Sequence[Motion],
    out: Path,
    model: Generator,
    *,
    overwrite: bool,
    made: str = "generated",
) -> None:
    """Writes samples: a file for `.npz` (see `formats.arrays`), else a store that was `made` so.

    Raises:
        FileExistsError: see `check_target`.
        StoreError: see `check_target`; also if the disk is full.
    """
    check_target(out, overwrite=overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    classes = model.spec.classes
    if out.suffix == ".npz":
        ArraysWriter(classes=classes).write(motions, out)
        return
    origin = {"format": made, "recipe": model.recipe, "trained_on": model.provenance}
    store.write_store(
        out, motions, classes=classes, spec=model.spec, origin=origin, overwrite=overwrite
    )
