"""Sampling to disk: how many clips of which class, and in which form they are written."""

import bisect
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motiongen import formats, transforms
from motiongen.data import store
from motiongen.data.shards import STORE
from motiongen.generators import Generator, SampleOptions
from motiongen.motion import Motion, MotionBatch, MotionSpec

#: who moves in a sample
SUBJECT = "generated"
#: so many times shorter or longer than any clip that was learned from, samples are guesses
NEAR_LENGTH = 1.5


@dataclass(frozen=True)
class Wanted:
    """How many clips, and the label of each of them, in a memory that does not grow with them.

    Args:
        count: number of clips.
        counts: clips of each class, class after class. None: see `in_turn`.
        in_turn: this many classes take turns, so that every stretch of the set is balanced. 0:
            the model draws labels as often as in training.
    """

    count: int
    counts: tuple[int, ...] | None = None
    in_turn: int = 0

    def labels(self, first: int = 0, rows: int | None = None) -> list[int] | None:
        """Labels of all samples, or of some in a row; None if the model draws them."""
        stop = self.count if rows is None else min(first + rows, self.count)
        numbers = range(first, stop)
        if self.in_turn:
            return [number % self.in_turn for number in numbers]
        if self.counts is None:
            return None
        ends = list(itertools.accumulate(self.counts))
        return [bisect.bisect_right(ends, number) for number in numbers]


def wanted(
    model: Generator,
    *,
    n: int | None = None,
    counts_like: str | None = None,
    label: str | None = None,
    balanced: bool = False,
    counts: Sequence[str] | None = None,
) -> Wanted:
    """What a user asks for.

    Args:
        model: knows the classes and how many clips of each it was given.
        n: number of clips; None: as many as it was given.
        counts_like: "train": exactly as many clips of each class as `fit` was given, people held
            back for validation included.
        label: name of the one class to sample.
        balanced: as many clips of each class, or one more.
        counts: "CLASS=N" for each class to sample; the others have none.

    Raises:
        ValueError: if the wishes contradict each other, or a class is unknown.
    """
    classes = model.spec.classes
    if counts_like not in (None, "train"):
        raise ValueError(f"--counts-like: found {counts_like!r}, allowed: train")
    if counts_like is not None or counts is not None:
        option = "--counts-like" if counts_like is not None else "--counts"
        if n is not None or label is not None:
            raise ValueError(f"{option} sets the number of each class: leave --n and --label")
        if balanced or (counts_like is not None and counts is not None):
            raise ValueError("--counts-like, --counts, --balanced: only one of them is allowed")
        own = given_counts(model) if counts is None else class_counts(classes, counts)
        return Wanted(sum(own), counts=tuple(own))
    if balanced and label is not None:
        raise ValueError("--balanced: takes all classes: leave --label")
    if balanced and not classes:
        raise ValueError("--balanced: the model has no classes")
    count = wanted_count(model, n)
    if label is None:
        return Wanted(count, in_turn=len(classes) if balanced else 0)
    chosen = class_number(classes, label, "--label")
    return Wanted(count, counts=tuple(count * (i == chosen) for i in range(len(classes))))


def wanted_labels(
    model: Generator, n: int | None, counts_like: str | None, label: str | None
) -> list[int] | None:
    """The label of every sample, see `wanted`; None lets the model draw them."""
    return wanted(model, n=n, counts_like=counts_like, label=label).labels()


def class_counts(classes: Sequence[str], given: Sequence[str]) -> list[int]:
    """Clips of each class, from words like "high throw=20".

    Raises:
        ValueError: if a class is unknown or named twice, or its number is none above 0.
    """
    counts: dict[int, int] = {}
    for text in given:
        # a name may hold an equals sign
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal() or int(number) < 1:
            raise ValueError(f"--counts: found {text!r}, expected CLASS=N with N of at least 1")
        chosen = class_number(classes, name, "--counts")
        if chosen in counts:
            raise ValueError(f"--counts: {name!r} is given twice")
        counts[chosen] = int(number)
    return [counts.get(i, 0) for i in range(len(classes))]


def class_number(classes: Sequence[str], name: str, option: str) -> int:
    """Number of a class.

    Raises:
        ValueError: if it is unknown; names the option and the known ones.
    """
    if name not in classes:
        raise ValueError(f"{option}: {name!r} is unknown; known: {', '.join(classes)}")
    return classes.index(name)


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
    return as_motions(batch, model.spec, seed, frames)


def as_motions(
    batch: MotionBatch, spec: MotionSpec, seed: int, frames: int | None
) -> list[Motion]:
    """Samples as they are written: named by seed and number; see `draw` for `frames`."""
    motions = batch.unbind(spec, prefix=f"seed{seed}")
    motions = [motion.replace(subject=SUBJECT) for motion in motions]
    return motions if frames is None else stretched(motions, frames)


def sample_id(seed: int, number: int) -> str:
    """Name of a sample, as `as_motions` gives it."""
    return f"seed{seed}-{number:06d}"


def stretched(motions: Sequence[Motion], frames: int) -> list[Motion]:
    """Clips brought to one number of frames."""
    # they have a rate each, which no longer says anything: like recordings without one
    return [transforms.resample_frames(motion, frames).replace(fps=None) for motion in motions]


def chosen_format(out: Path, format: str | None) -> str:
    """The format to write; by default what the name of a file says (`*.npz`), else a store.

    Raises:
        ValueError: if the name is that of a file, and the format has none, or another.
    """
    usual = formats.format_of(out)
    if format is None or usual is None:
        return format or usual or STORE
    holds = None if format == STORE else formats.get_writer(format).holds
    if holds is None or holds.folder:
        raise ValueError(f"--format {format}: writes a folder, but {out} is named like a file")
    if holds.suffix != out.suffix:
        raise ValueError(f"--format {format}: writes files named *{holds.suffix}, not {out}")
    return format


def is_folder(format: str) -> bool:
    """Whether a format, which is no store, is a folder with a file or more for each clip."""
    return format != STORE and formats.get_writer(format).holds.folder


def is_whole(out: Path, format: str) -> bool:
    """Whether clips are written to `out` at once: as one file, or as a folder of files."""
    return formats.format_of(out) is not None or is_folder(format)


def chosen_frames(spec: MotionSpec, format: str, frames: int | None) -> int | None:
    """To how many frames clips are stretched; None leaves them as they were drawn.

    Raises:
        ValueError: if they would be fewer than 2, in which nothing moves.
    """
    if frames is not None and frames < 2:
        raise ValueError(f"--frames: found {frames}, at least 2 are needed")
    # a collection of aeon has no place for lengths
    return spec.frames if frames is None and format == "aeon" else frames


def warn_of_length(model: Generator, length: int | None) -> None:
    """Says so if no clip that the model learned from was about that short, or that long."""
    learned = model.length_counts.sum(0).nonzero()[:, 0]
    if length is None or not len(learned):
        return
    shortest, longest = int(learned.min()), int(learned.max())
    if not shortest / NEAR_LENGTH <= length <= longest * NEAR_LENGTH:
        logging.getLogger(__name__).warning(
            "--length: %d frames; the model learned from clips of %d to %d, and guesses",
            *(length, shortest, longest),
        )


def check_classes(model: Generator, wanted: Wanted, format: str) -> None:
    """Checks that every sample will have a class where the format needs one.

    Raises:
        ValueError: if some will not.
    """
    drawn = wanted.counts is None and not wanted.in_turn
    needed = format != STORE and not formats.get_writer(format).holds.unlabelled
    if needed and drawn and int(model.label_counts[-1]):
        raise ValueError(
            f"--format {format}: the model draws clips without a class, too; choose classes with "
            "--balanced, --counts or --label"
        )


def check_target(out: Path, *, overwrite: bool, format: str) -> None:
    """Checks that samples may be written at `out`, before they are drawn.

    Raises:
        FileExistsError: if something is there that must not be overwritten.
        StoreError: the same for a store.
    """
    if is_whole(out, format):
        formats.check_out(format, out, overwrite=overwrite)
    else:
        store.check_target(out, overwrite=overwrite)


def write(
    motions: Sequence[Motion],
    out: Path,
    model: Generator,
    *,
    overwrite: bool,
    made: str = "generated",
    format: str | None = None,
    frames: int | None = None,
) -> None:
    """Writes samples: in a format, or as a store that was `made` so.

    Args:
        motions: the samples.
        out: file or folder.
        model: that they come from.
        overwrite: replace what is there.
        made: how, for the store.
        format: "store" or one of `formats.WRITERS`; None: see `chosen_format`.
        frames: to which clips are padded, where the format does so; None: the model's longest.

    Raises:
        FileExistsError: see `check_target`.
        StoreError: see `check_target`; also if the disk is full.
        ValueError: if the format cannot hold the clips.
    """
    chosen, spec = chosen_format(out, format), model.spec
    check_target(out, overwrite=overwrite, format=chosen)
    if chosen != STORE:
        writer = formats.writer(chosen, spec.classes, frames or spec.frames)
        writer.write(motions, out, overwrite=overwrite)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    store.write_store(
        out,
        motions,
        classes=spec.classes,
        spec=spec,
        origin=origin(model, made),
        overwrite=overwrite,
    )


def origin(model: Generator, made: str = "generated") -> dict[str, Any]:
    """Where samples come from, as plain values."""
    return {"format": made, "recipe": model.recipe, "trained_on": model.provenance}
