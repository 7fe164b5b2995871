"""Flow matching: a velocity field carries noise to clips."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motiongen.encoders import CNN, EncoderFactory
from motiongen.encoders.base import fourier
from motiongen.generators.average import Average
from motiongen.generators.base import Generator
from motiongen.generators.keys import SampleOptions, normal_rows
from motiongen.generators.solvers import SOLVERS, Solver
from motiongen.kinematics import ConstantBones
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.networks import PerJoint, Queries
from motiongen.skeleton import Skeleton

TIME_BANDS = 8
#: where the path from noise to clip is so near its end that a network cannot see the difference
LAST = 0.98


class FlowMatching(Generator):
    """A continuous normalizing flow, trained without integrating it.

    On the straight path x_t = t x + (1 - t) e from noise e to a clip x, a network foretells x
    from x_t; (x - x_t) / (1 - t) is the velocity that carries samples. The encoder sees the whole
    clip at once.

    A velocity field learns whatever is in its data, noise included. So the estimator's noise,
    measured on the train split, is taken off before (`Observation.clean`), the loss is taken
    where joints were seen, and samples end on bones of constant length.

    Args:
        spec: the contract with the data.
        encoder: builds the encoder of the velocity. None: a CNN.
        guidance: how strongly a label pulls: 1 is the model as trained.
        steps: steps of the solver.
        solver: euler, midpoint or heun.
        rigid: project samples onto bones of constant length. None: in 3-D yes, in 2-D no.
        learning_rate: peak learning rate.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden.
        noise_level: see `Generator`.

    Source: Lipman et al., Flow Matching for Generative Modeling, ICLR 2023; Liu, Gong and Liu,
        Flow Straight and Fast, ICLR 2023; guidance: Ho and Salimans, Classifier-Free Diffusion
        Guidance, 2022; scaling of input and output: Karras et al., Elucidating the Design Space
        of Diffusion-Based Generative Models, NeurIPS 2022.
    """

    learns_from_paths = True
    # few steps and no guidance: enough to rank the checkpoints of one model
    validation_options = SampleOptions(guidance=1.0, steps=4)

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        encoder: EncoderFactory | None = None,
        *,
        guidance: float = 1.5,
        steps: int = 12,
        solver: Solver = "heun",
        rigid: bool | None = None,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-2,
        label_dropout: float = 0.15,
        noise_level: float | None = None,
    ) -> None:
        super().__init__(
            spec,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            label_dropout=label_dropout,
            noise_level=noise_level,
        )
        encoder = encoder or CNN
        self.remember(locals())
        spec = self.spec
        if rigid and spec.channels != 3:
            raise ValueError(f"rigid bones need 3 channels, the spec has {spec.channels}")
        if solver not in SOLVERS:
            raise ValueError(f"solver: found {solver!r}, allowed {', '.join(SOLVERS)}")
        self.guidance, self.steps, self.solver = guidance, steps, solver
        self.rigid = spec.channels == 3 if rigid is None else rigid
        self.denoiser = Denoiser(encoder, self.skeleton, spec.channels, self.condition_features)
        self.bones = ConstantBones(self.skeleton, self.standardizer)
        #: what samples are drawn from
        self.average = Average(self._averaged())

    def _averaged(self) -> nn.ModuleList:
        return nn.ModuleList([self.label_embedding, self.denoiser])

    def after_step(self) -> None:
        """The average follows the weights."""
        self.average.follow(self._averaged())

    def losses(self, batch: MotionBatch) -> dict[str, Tensor]:
        """Mean square of what the network leaves unexplained, where joints were seen."""
        path = self.find_path(batch) if batch.path is None else batch.path
        shown = batch.mask.any(1, keepdim=True) & batch.frame_mask[..., None]
        x = torch.where(shown[..., None], self.standardizer(path), 0.0)
        known = self.known(shown, batch)
        noise, time = self._draws(x)
        condition = self.condition(self.training_label(batch.label), batch.length)
        now = time[:, None, None, None] * x + (1 - time)[:, None, None, None] * noise
        out = self.denoiser(now, known, batch.length, condition, time)
        error = (out - target_of(x, now, time)) ** 2
        seen = batch.mask[..., None]
        count = (seen.sum() * x.shape[-1]).clamp(min=1)
        return {"total": torch.where(seen, error, 0.0).sum() / count}

    def known(self, shown: Tensor, batch: MotionBatch) -> Tensor:
        """Joints that the network is told to be there. Shapes: [B,T,J] -> [B,T,J].

        When sampling all of them are, but a clip may lack some: of half of the clips it is told
        that all are there, or it would never have seen that.
        """
        everything = batch.frame_mask[..., None].expand_as(shown)
        if not self.training:
            return everything.float()
        told = torch.rand(len(shown), device=shown.device) < 0.5
        return torch.where(told[:, None, None], everything, shown).float()

    def _draws(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Noise like `x` and a time for each clip, evenly spread over a batch."""
        size = len(x)
        if self.training:
            noise, shift = torch.randn_like(x), torch.rand((), device=x.device)
            order = torch.randperm(size, device=x.device)
        else:
            # the same at each validation, so that losses can be compared
            rng = torch.Generator().manual_seed(0)
            noise = torch.randn(x.shape, generator=rng).to(x)
            shift, order = x.new_full((), 0.5), torch.arange(size, device=x.device)
        return noise, LAST * (order + shift) / size

    def noise(self, keys: Sequence[np.random.Generator]) -> Tensor:
        """Normal numbers for every coordinate of a clip."""
        return normal_rows(keys, self.spec.frames, self.skeleton.num_joints, self.spec.channels)

    def draw(self, noise: Tensor, label: Tensor, length: Tensor, options: SampleOptions) -> Tensor:
        """Carries noise to clips; the last step goes straight to what the network foretells."""
        steps = options.steps or self.steps
        guidance = self.guidance if options.guidance is None else options.guidance
        times = [step / steps for step in range(steps)]
        foretell = self.foretelling(label, length, guidance)

        def velocity(x: Tensor, time: float) -> Tensor:
            return (foretell(x, time) - x) / (1 - time)

        x = SOLVERS[self.solver](velocity, options.temperature * noise, times)
        return self.finish(foretell(x, times[-1]), length)

    def foretelling(self, label: Tensor, length: Tensor, guidance: float) -> "Foretelling":
        """The clip that the averaged network foretells, under guidance, at a point and a time."""
        embedding, denoiser = self.average.network
        hidden = torch.full_like(label, NO_LABEL)
        conditions = [self.condition(label, length, embedding)]
        if guidance != 1 and bool((label != NO_LABEL).any()):
            conditions.append(self.condition(hidden, length, embedding))
        supported = self.standardizer.support > 0
        frames = torch.arange(self.spec.frames, device=length.device) < length[:, None]
        return Foretelling(denoiser, conditions, frames[..., None] & supported, length, guidance)

    def finish(self, x: Tensor, length: Tensor) -> Tensor:
        """The last step: bones of constant length."""
        if not self.rigid:
            return x
        exists = torch.arange(x.shape[1], device=length.device) < length[:, None]
        return self.bones(x, exists)


class Foretelling:
    """The network under guidance, as a function of point and time."""

    def __init__(
        self,
        denoiser: "Denoiser",
        conditions: list[Tensor],
        known: Tensor,
        length: Tensor,
        guidance: float,
    ) -> None:
        self.denoiser, self.conditions = denoiser, conditions
        self.known, self.length, self.guidance = known.float(), length, guidance

    def __call__(self, x: Tensor, time: float) -> Tensor:
        """Shapes: [B,T,J,C] -> [B,T,J,C]."""
        at = x.new_full((len(x),), min(time, LAST))
        clips = [self._clip(x, condition, at) for condition in self.conditions]
        if len(clips) == 1:
            return clips[0]
        return clips[1] + self.guidance * (clips[0] - clips[1])

    def _clip(self, x: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        out = self.denoiser(x, self.known, self.length, condition, time)
        keep, gain = scales(time)
        return keep * x + gain * out


class Denoiser(nn.Module):
    """The network: a noisy clip, its time and its condition to what is unknown of the clip.

    Shapes: x [B,T,J,C], known [B,T,J], length [B], condition [B,D], time [B] -> [B,T,J,C].
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        channels: int,
        condition: int,
        query: int = 8,
        knots: int = 8,
    ) -> None:
        super().__init__()
        total = condition + 2 * TIME_BANDS
        self.queries = Queries(skeleton, total, query, knots)
        self.per_joint = PerJoint(encoder, skeleton, channels + query, total, channels)

    def forward(
        self, x: Tensor, known: Tensor, length: Tensor, condition: Tensor, time: Tensor
    ) -> Tensor:
        """Scales the input to unit variance at every time."""
        condition = torch.cat([condition, fourier(time, TIME_BANDS, 0.25)], dim=1)
        keep = (time**2 + (1 - time) ** 2).rsqrt()[:, None, None, None]
        queries = self.queries(condition, length, x.shape[1])
        return self.per_joint(torch.cat([keep * x, queries], -1), known, length, condition)


def scales(time: Tensor) -> tuple[Tensor, Tensor]:
    """How much of x_t stays, and how large what the network adds is, for clips of variance 1."""
    square = time**2 + (1 - time) ** 2
    keep, gain = time / square, (1 - time) / square.sqrt()
    return keep[:, None, None, None], gain[:, None, None, None]


def target_of(x: Tensor, now: Tensor, time: Tensor) -> Tensor:
    """What the network has to say at a time, so that `scales` give the clip."""
    keep, gain = scales(time)
    return (x - keep * now) / gain
