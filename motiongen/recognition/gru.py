"""The plain recurrent recogniser that generators of motion have been judged by."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motiongen import layouts
from motiongen.classifier import Augment, fill_gaps, train_classifier, with_draws
from motiongen.evaluation.paths import stretched
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.recognition.base import BATCH_SIZE, filled, labelled
from motiongen.recognition.network import FittedNetwork

#: frames that every clip is stretched to
FRAMES = 60


@dataclass(frozen=True)
class GRU:
    """Two layers of gated recurrent units over flattened frames; the last state decides.

    Clips are stretched to 60 frames, coordinates scaled to [0,1] by the smallest and largest value
    of each axis in the training clips. It needs more steps, or a higher rate, than the `RNN`
    encoder, which reads both ways and pools over time; here for comparison with published figures.

    Args:
        width: units of a layer.
        layers: number of layers.
        features: size of the vector before the classes (after tanh).
        learning_rate: peak of the one-cycle schedule.

    Source: the recogniser of Guo et al., Action2Motion, ACM Multimedia 2020.
    Differs: the initial state is zero and not drawn.
    """

    width: int = 128
    layers: int = 2
    features: int = 30
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
    ) -> FittedNetwork:
        """Trains for exactly `steps` steps; see `Recogniser`."""
        clips = filled(labelled(clips))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = LastState(spec, self.width, self.layers, self.features)
            model.fit_range(clips)
            change = with_draws(augment, seed)
            train_classifier(model, clips, steps, batch_size, self.learning_rate, change, progress)
        return FittedNetwork(model.eval())


class LastState(nn.Module):
    """The network of `GRU`.

    Args:
        spec: the contract with the data.
        width: units of a layer.
        layers: number of layers.
        features: size of the feature vector.
    """

    low: Tensor
    high: Tensor

    def __init__(self, spec: MotionSpec, width: int, layers: int, features: int) -> None:
        super().__init__()
        joints = layouts.get(spec.layout).num_joints
        self.register_buffer("low", torch.zeros(spec.channels))
        self.register_buffer("high", torch.ones(spec.channels))
        self.recurrent = nn.GRU(joints * spec.channels, width, layers, batch_first=True)
        self.project = nn.Linear(width, features)
        self.classify = nn.Linear(features, len(spec.classes))

    def fit_range(self, clips: MotionBatch) -> None:
        """Measures the range of each axis."""
        seen = clips.joints[clips.mask]
        self.low, self.high = seen.amin(0), seen.amax(0)

    def features(self, batch: MotionBatch) -> Float[Tensor, "B F"]:
        """The feature vectors."""
        joints, _ = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
        scaled = (joints - self.low) / (self.high - self.low).clamp(min=1e-6)
        states, _ = self.recurrent(stretched(scaled, batch.length, FRAMES).flatten(2))
        return self.project(states[:, -1]).tanh()

    def forward(self, batch: MotionBatch) -> Float[Tensor, "B K"]:
        """The logits."""
        return self.classify(self.features(batch))
