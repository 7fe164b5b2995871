"""The feature space of the scores: a classifier that is trained on the real clips."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from motiongen.classifier import MotionClassifier, fit_classifier
from motiongen.encoders import RNN
from motiongen.motion import MotionBatch, MotionSpec

EXTRACTOR_STEPS = 400


def fit_extractor(
    clips: MotionBatch, spec: MotionSpec, seed: int, steps: int = EXTRACTOR_STEPS
) -> MotionClassifier:
    """Trains the feature space of the scores, with a progress bar.

    A recurrent network, as most published extractors are.
    """
    with bar(steps, "feature extractor") as step:
        return fit_classifier(clips, spec, encoder=RNN, steps=steps, seed=seed, progress=step)


@contextmanager
def bar(total: int, text: str) -> Iterator[Callable[[], object]]:
    """A progress bar on a terminal; gives what advances it by one."""
    with tqdm(total=total, desc=text, disable=None) as shown:
        yield shown.update
