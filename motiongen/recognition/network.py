"""Our encoders as recognisers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from motiongen.classifier import Augment, FeatureSpace, fit_classifier, predict
from motiongen.encoders import CNN, EncoderFactory
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.recognition.base import BATCH_SIZE


@dataclass(frozen=True)
class Network:
    """A `MotionClassifier` over an encoder; `augment` changes every batch anew.

    Args:
        encoder: builds the encoder.
        learning_rate: peak of the one-cycle schedule.
    """

    encoder: EncoderFactory = CNN
    learning_rate: float = 2e-3

    def fit(
        self,
        clips: MotionBatch,
        spec: MotionSpec,
        *,
        steps: int,
        seed: int,
        batch_size: int = BATCH_SIZE,
        augment: Augment | None = None,
        progress: Callable[[], object] | None = None,
    ) -> "FittedNetwork":
        """Trains for exactly `steps` steps; see `Recogniser`."""
        model = fit_classifier(
            clips,
            spec,
            encoder=self.encoder,
            steps=steps,
            batch_size=batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
            augment=augment,
            progress=progress,
        )
        return FittedNetwork(model)


@dataclass(frozen=True)
class FittedNetwork:
    """A trained classifier, whatever its network."""

    model: FeatureSpace

    def probabilities(self, clips: MotionBatch) -> Float[np.ndarray, "N K"]:
        """See `Fitted`."""
        return predict(self.model, clips)[1].double().softmax(1).numpy()
