"""The default data set: procedural actions as an estimator sees them, kept in the user's cache."""

import os
from pathlib import Path

from motiongen.data import synthetic
from motiongen.data.store import Store, StoreError, write_store
from motiongen.noise import Estimator, noisy_view

#: its subjects, repetitions and severity
EMBEDDED_SUBJECTS, EMBEDDED_REPETITIONS, EMBEDDED_SEVERITY = 16, 2, 2


def embedded_store() -> Store:
    """The synthetic data set seen by an estimator, made once in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "motiongen"
    name = f"synthetic-{EMBEDDED_SUBJECTS}x{EMBEDDED_REPETITIONS}-severity{EMBEDDED_SEVERITY}"
    path = cache / f"{name}-v1"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        try:
            write_synthetic(path)
        except StoreError:
            # another process may have finished it first: then its store is as good
            if not path.exists():
                raise
    return Store.open(path)


def write_synthetic(
    path: Path,
    *,
    num_subjects: int = EMBEDDED_SUBJECTS,
    repetitions: int = EMBEDDED_REPETITIONS,
    severity: int = EMBEDDED_SEVERITY,
    seed: int = 0,
    overwrite: bool = False,
) -> Store:
    """Writes procedural clips as an estimator sees them; the clean truth is kept as target."""
    noise = Estimator(severity)
    clips = synthetic.synthesise(num_subjects, repetitions, seed)
    noisy = [noisy_view(clip, noise, seed, number) for number, clip in enumerate(clips)]
    return write_store(
        path,
        noisy,
        classes=synthetic.class_names(),
        origin={"format": "synthetic", "severity": severity, "seed": seed},
        overwrite=overwrite,
    )
