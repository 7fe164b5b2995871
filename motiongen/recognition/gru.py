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

    Clips are stretched to 60 frames, and each axis is standardised by the training clips, all
    joints together: joint by joint, small differences between bodies would weigh as much as the
    movement of a hand. It knows less than the `RNN` encoder, which reads both ways and pools over
    time; here for comparison with published figures.

    Args:
        width: units of a layer.
        layers: number of layers.
        features: size of the vector before the classes (after tanh).
        learning_rate: peak of the one-cycle schedule.

    Source: the recogniser of Guo et al., Action2Motion, ACM Multimedia 2020.
    Differs: the initial state is zero and not drawn; axes are standardised, and not scaled to
        [0,1], where a single outlier sets the scale.
    """

    width: int = 128
    layers: int = 2
    features: int = 30
    learning_rate: float = 5e-3

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
            model.fit_units(clips)
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

    mean: Float[Tensor, "C"]
    spread: Float[Tensor, "C"]

    def __init__(self, spec: MotionSpec, width: int, layers: int, features: int) -> None:
        super().__init__()
        joints = layouts.get(spec.layout).num_joints
        self.register_buffer("mean", torch.zeros(spec.channels))
        self.register_buffer("spread", torch.ones(spec.channels))
        self.recurrent = nn.GRU(joints * spec.channels, width, layers, batch_first=True)
        self.project = nn.Linear(width, features)
        self.classify = nn.Linear(features, len(spec.classes))

    def fit_units(self, clips: MotionBatch) -> None:
        """Measures mean and standard deviation of each axis over what was seen."""
        seen = clips.joints[clips.mask]
        self.mean = seen.mean(0)
        self.spread = seen.std(0, correction=0).clamp(min=1e-6)

    def features(self, batch: MotionBatch) -> Float[Tensor, "B F"]:
        """The feature vectors."""
        joints, known = fill_gaps(batch.joints, batch.mask, batch.frame_mask)
        units = torch.where(known[..., None], (joints - self.mean) / self.spread, 0.0)
        states, _ = self.recurrent(stretched(units, batch.length, FRAMES).flatten(2))
        return self.project(states[:, -1]).tanh()

    def forward(self, batch: MotionBatch) -> Float[Tensor, "B K"]:
        """The logits."""
        return self.classify(self.features(batch))
