"""`motiongen demo`: the whole walk on the embedded motion, from noisy clips to a page."""

import functools
import shutil
from pathlib import Path

import pytorch_lightning as pl

from motiongen.augmentation import augmentation_study
from motiongen.checkpoint import BEST, LAST, load, remove_parts
from motiongen.data.clips import as_batch, load_clips
from motiongen.data.embedded import write_synthetic
from motiongen.data.module import MotionData
from motiongen.data.store import Store
from motiongen.encoders import CNN
from motiongen.evaluation import EvaluationSettings, clean_truth, compare_to_truth, evaluate
from motiongen.evaluation.features import bar, fit_extractor
from motiongen.fitting import fit, make_trainer
from motiongen.generators import VAE, Generator
from motiongen.motion import MotionBatch
from motiongen.report import Report, Table
from motiongen.sampling import given_counts

#: people of the embedded set whom nothing learns from
TEST_PEOPLE = 4
TRAINING_STEPS = 450
#: lighter tails than the default: so early in training they take fast limbs for outliers
NOISE_DEGREES = 20.0
EXTRACTOR_STEPS = 250
#: of the augmentation study, which is a taste here: few repetitions, few steps, a small network
STUDY_SEEDS, STUDY_STEPS = 3, 100
STUDY_ENCODER = functools.partial(CNN, width=48, layers=2)


def run(out: Path, *, seed: int = 0, severity: int = 2) -> Path:
    """Makes noisy data with known truth, learns from it, and reports; returns the page.

    Args:
        out: folder of the run; what an earlier demo left there is replaced.
        seed: of data, training and samples.
        severity: of the corruption.

    Raises:
        FileExistsError: if `out` holds something else under the names of a demo.
    """
    _remove_run(out / "run")
    out.mkdir(parents=True, exist_ok=True)
    store = write_synthetic(out / "store", severity=severity, seed=seed, overwrite=True)
    people = sorted({record.subject for record in store.records}, key=int)
    train, test = people[:-TEST_PEOPLE], people[-TEST_PEOPLE:]
    model = _train(out, train, seed)
    report = _report(model, store, train, test, seed, severity)
    report.to_json(out / "report.json")
    return report.to_html(out / "report.html")


def _remove_run(folder: Path) -> None:
    """Removes what an earlier demo left, and nothing else."""
    if not folder.exists():
        return
    remove_parts(folder)
    names = {entry.name for entry in folder.iterdir()}
    if foreign := sorted(name for name in names - {BEST, LAST} if not name.startswith("log")):
        raise FileExistsError(f"{folder} holds other files ({foreign[0]}); choose another --out")
    shutil.rmtree(folder)


def _train(out: Path, people: list[str], seed: int) -> Generator:
    pl.seed_everything(seed, verbose=False)
    data = MotionData(out / "store", subjects=people, seed=seed)
    model = VAE(data.spec, noise_degrees=NOISE_DEGREES)
    model.seed = seed
    trainer = make_trainer(out / "run", max_steps=TRAINING_STEPS)
    # a signal ended the training: half a model is not to be reported on
    if fit(model, data, trainer, out / "run"):
        raise KeyboardInterrupt
    return load(out / "run")


def _report(
    model: Generator, store: Store, train: list[str], test: list[str], seed: int, severity: int
) -> Report:
    spec = model.spec
    motions = {"train": train, "test": test}
    clips = {part: load_clips(store, spec, subjects=who) for part, who in motions.items()}
    noisy = {part: as_batch(found, spec) for part, found in clips.items()}
    clean = {part: clean_truth(batch) for part, batch in noisy.items()}
    labels = [i for i, count in enumerate(given_counts(model)) for _ in range(count)]
    samples = model.sample(len(labels), label=labels, seed=seed)
    extractor = fit_extractor(clean["train"], spec, seed, EXTRACTOR_STEPS)
    report = evaluate(
        {"VAE": samples},
        train=noisy["train"],
        test=clean["test"],
        spec=spec,
        extractor=extractor,
        subjects={part: [m.subject for m in found] for part, found in clips.items()},
        settings=EvaluationSettings(seed=seed, draws=3),
        title="motiongen demo: a VAE that learned clean motion from noisy skeletons",
    )
    truth = compare_to_truth(clean["train"], noisy["train"], {"VAE": samples}, spec, seed=seed)
    gain = _augmentation(model, noisy, seed)
    return Report(
        title=report.title,
        summary=[_what(severity, noisy), *report.summary],
        warnings=report.warnings,
        tables=[truth, *report.tables, gain],
        context={**report.context, "severity": severity, "subjects": motions},
        groups=report.groups,
    )


def _augmentation(model: Generator, noisy: dict[str, MotionBatch], seed: int) -> Table:
    def draw(labels: list[int], number: int) -> MotionBatch:
        return model.sample(len(labels), label=labels, seed=number)

    with bar(3 * STUDY_SEEDS * STUDY_STEPS, "classifiers") as step:
        return augmentation_study(
            noisy["train"],
            noisy["test"],
            model.spec,
            draw,
            seeds=STUDY_SEEDS,
            steps=STUDY_STEPS,
            encoder=STUDY_ENCODER,
            progress=step,
        )


def _what(severity: int, noisy: dict[str, MotionBatch]) -> str:
    batch = noisy["train"]
    missing = 1 - float(batch.mask.sum() / (batch.frame_mask.sum() * batch.joints.shape[2]))
    return (
        f"A model learned from {len(batch)} procedural clips as an estimator of severity "
        f"{severity} sees them: jittery, with outliers, and {missing:.0%} of the joints missing. "
        f"It never saw the clean truth, which the samples are compared with here."
    )
