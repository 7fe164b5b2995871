"""A generator for each draw: trained on its clips alone, in a store that holds nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from motiongen.augmentation.checks import check_counts
from motiongen.augmentation.design import Fold
from motiongen.augmentation.ledger import RUN
from motiongen.checkpoint import BEST, LAST, load, write_whole
from motiongen.data.store import Store, write_store
from motiongen.generators import Generator, SampleOptions
from motiongen.generators.drawing import as_observed
from motiongen.generators.protocols import Varies, refuse_unused
from motiongen.history import LOG
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.trust import TRUST

#: of a run: written when its training is over
DONE = "done.json"
#: before the user's words: with nobody set aside there is nothing to validate on, so the last
#: checkpoint is taken, and validation only looks for collapse
FIRST_WORDS = ("--data.validation", "0", "--data.epoch_steps", "500")


def trained(
    folder: Path,
    clips: Store,
    rows: Sequence[int],
    fold: Fold,
    *,
    words: Sequence[str],
    seed: int,
    varies: bool = False,
) -> Generator:
    """Trains a generator, or what is left of it, or loads it where that was done.

    Args:
        folder: of the draw; holds the drawn clips as a store and the run.
        clips: store that they are drawn from.
        rows: numbers of the drawn clips.
        fold: whose test people must not be among them.
        words: options of `motiongen fit`; data, folder and seed are set here.
        seed: of the training.
        varies: whether it must be of a family that can vary clips.

    Raises:
        ValueError: if the words are wrong, the family cannot what it must, or the generator saw
            more than the drawn clips.
        KeyboardInterrupt: if a signal ended the training; it can go on.
    """
    drawn = _store(folder / "store", clips, rows)
    run = folder / RUN
    if not (run / DONE).exists():
        kept = _train(run, drawn.path, words, seed, varies)
        text = json.dumps({"checkpoint": kept}) + "\n"
        write_whole(run / DONE, lambda file: file.write(text.encode()))
    checkpoint = run / json.loads((run / DONE).read_text())["checkpoint"]
    model = load(checkpoint, trust_code=TRUST in words)
    check_generator(model, drawn, clips.spec, fold)
    return model


def samples(
    model: Generator, counts: Sequence[int], seed: int, options: SampleOptions
) -> MotionBatch:
    """So many clips of each class, on the CPU."""
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    drawn = model.sample(len(labels), label=labels, seed=seed, options=options).to("cpu")
    check_counts(labels, drawn, seed)
    return drawn


def variations(
    model: Generator,
    real: MotionBatch,
    counts: Sequence[int],
    seed: int,
    *,
    strength: float,
    observed: float,
) -> MotionBatch:
    """So many variations of the real clips of each class that has any, on the CPU.

    Raises:
        ValueError: if noise is asked for that the model does not know.
    """
    assert isinstance(model, Varies)
    refuse_unused(model, SampleOptions(observed=observed))
    rows: list[int] = []
    for label, count in enumerate(counts):
        # a few of a class shall not all be of its first people
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(label,)))
        own = rng.permutation((real.label == label).nonzero()[:, 0].numpy()).tolist()
        rows += [own[at % len(own)] for at in range(count if own else 0)]
    drawn = model.like(real.select(torch.tensor(rows)), strength=strength, seed=seed)
    if observed:
        drawn = as_observed(model, drawn, seed, observed)
    drawn = drawn.to("cpu")
    check_counts([int(real.label[row]) for row in rows], drawn, seed)
    return drawn


def check_generator(model: Generator, drawn: Store, spec: MotionSpec, fold: Fold) -> None:
    """Refuses a generator that learned from other clips than those drawn, or of another kind.

    Raises:
        ValueError: if it did.
    """
    given = set(model.provenance.get("subjects", ()))
    if leaked := sorted(given & set(fold.test)):
        raise ValueError(f"the generator was given test subjects: {', '.join(leaked)}")
    origin = model.provenance.get("adapted_from", {})
    same = origin.get("manifest_sha256") == drawn.manifest["origin"]["from"]
    if same and (leaked := sorted(set(origin["subjects"]) & set(fold.test))):
        raise ValueError(f"--init: its model was given test subjects: {', '.join(leaked)}")
    if model.provenance.get("manifest_sha256") != drawn.manifest["sha256"]:
        raise ValueError(f"{drawn.path}: the generator learned from other clips than these")
    if model.provenance["clips"] != len(drawn):
        raise ValueError(
            f"the generator was given {model.provenance['clips']} of {len(drawn)} drawn clips; "
            "leave --data.subjects and --data.classes out"
        )
    if model.spec != spec:
        raise ValueError(
            f"the generator's clips are {model.spec}, those of the study {spec}; import the clips "
            "as both shall see them, and leave layout, frames, fps and classes to the store"
        )


def _store(path: Path, clips: Store, rows: Sequence[int]) -> Store:
    """The drawn clips as they are in their store."""
    if not path.exists():
        origin = {"format": "draw", "from": clips.manifest["sha256"]}
        drawn = (clips[row] for row in rows)
        return write_store(path, drawn, classes=clips.classes, spec=clips.spec, origin=origin)
    found = Store.open(path)
    if [record.id for record in found.records] != [clips.records[row].id for row in rows]:
        raise ValueError(f"{path}: holds other clips than those of its draw; remove its folder")
    return found


def _train(run: Path, store: Path, words: Sequence[str], seed: int, varies: bool) -> str:
    """Trains to the end; returns the name of the checkpoint to take."""
    # Lightning takes seconds to import: studies without a generator do not pay
    from motiongen.fitting import fit, prepared

    resume = (run / LAST).exists() or (run / LOG).exists()
    options = {"data.store": store, "data.subjects": "null", "out": run, "seed": seed}
    own = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    cli = prepared([*FIRST_WORDS, *words, *own])
    if cli.config["autoencoder"] is not None:
        raise ValueError("--autoencoder: it may have seen test people; each draw trains its own")
    model: Generator = cli.model
    if varies and not isinstance(model, Varies):
        raise ValueError(
            f"strength: {type(model).__name__} cannot vary clips; take another family, or "
            "leave --strength out and begin in another folder"
        )
    if fit(model, cli.datamodule, cli.trainer, run, resume=resume):
        raise KeyboardInterrupt
    return BEST if cli.datamodule.validation else LAST
