"""Flow matching: a velocity field carries noise to clips."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen.encoders import CNN, EncoderFactory
from motiongen.generators import controls, filling
from motiongen.generators.average import Average
from motiongen.generators.base import Generator
from motiongen.generators.codes import Wanted
from motiongen.generators.denoiser import LAST, Denoiser, Foretelling, emphasis
from motiongen.generators.keys import MOST_TURNED, SampleOptions, normal_rows
from motiongen.generators.shaking import Shaking, measure_shaking
from motiongen.generators.solvers import SOLVERS, Solver, Velocity
from motiongen.kinematics import ConstantBones, wants_rigid
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.processes import mean_of_all, own_normal, own_rows, whole_size
from motiongen.ranges import require_sizes, require_within

#: the clip foretold at a point and a time
Foretell = Velocity
#: takes clips back to noise and forth again: small steps, from `LAST` on, at the model as trained
#: noises and times for each clip in the score that chooses the checkpoint
SCORE_DRAWS = 4
THERE_AND_BACK = SampleOptions(guidance=1.0, steps=50)


class FlowMatching(Generator):
    """A continuous normalizing flow, trained without integrating it.

    On the straight path x_t = t x + (1 - t) e from noise e to a clip x, a network foretells x
    from x_t; (x - x_t) / (1 - t) is the velocity that carries samples. The encoder sees the whole
    clip at once.

    A velocity field learns whatever is in its data, noise included. So the estimator's noise,
    measured on the train split, is taken off before (`Observation.clean`), the loss is taken
    where joints were seen, and at last the network's own error in single frames is taken off
    (`Shaking`) and bones are brought to constant length.

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

    Raises:
        ValueError: if there is no such solver.

    Source: Lipman et al., Flow Matching for Generative Modeling, ICLR 2023; Liu, Gong and Liu,
        Flow Straight and Fast, ICLR 2023; guidance: Ho and Salimans, Classifier-Free Diffusion
        Guidance, 2022; scaling of input and output: Karras et al., Elucidating the Design Space
        of Diffusion-Based Generative Models, NeurIPS 2022.
    """

    learns_from_paths = True
    # few steps and no guidance: enough for the energy score and for signs of collapse
    validation_options = SampleOptions(guidance=1.0, steps=4)

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        encoder: EncoderFactory | None = None,
        *,
        guidance: float = 2.0,
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
        require_sizes(steps=steps)
        require_within(0, MOST_TURNED, guidance=guidance)
        if solver not in SOLVERS:
            raise ValueError(f"solver: found {solver!r}, allowed {', '.join(SOLVERS)}")
        self.guidance, self.steps, self.solver = guidance, steps, solver
        self.rigid = wants_rigid(rigid, spec.channels)
        self.denoiser = Denoiser(encoder, self.skeleton, spec.channels, self.condition_features)
        self.shaking = Shaking(self.skeleton.num_joints)
        self.bones = ConstantBones(self.skeleton, self.standardizer)
        #: what samples are drawn from
        self.average = Average(self._averaged())

    def _averaged(self) -> nn.ModuleList:
        return nn.ModuleList([self.label_embedding, self.denoiser])

    def after_step(self) -> None:
        """The average follows the weights."""
        self.average.follow(self._averaged())

    def refresh(self, clips: MotionBatch) -> None:
        """Measures by how much samples shake more than clips."""

        def draw(noise: Tensor, wanted: Wanted) -> Tensor:
            return self._carry(self.foretelling(wanted, self.guidance), noise, 0.0)

        finish = self.bones if self.rigid else None
        measure_shaking(self.shaking, self, clips, draw, finish)

    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """Mean square error of the velocity, held at its end, where joints were seen.

        Units: squared standardised coordinates, by the square of a path's time from 0 to 1.
        """
        return {"total": self._loss(batch, 0)}

    def _loss(self, batch: MotionBatch, seed: int) -> Tensor:
        """The loss; `seed` of noise and times counts in evaluation only."""
        path = self.find_path(batch) if batch.path is None else batch.path
        shown = batch.mask.any(1, keepdim=True) & batch.frame_mask[..., None]
        x = torch.where(shown[..., None], self.standardizer(path), 0.0)
        known = self.known(shown, batch)
        noise, time = self._draws(x, seed)
        # samples come from the average: in validation it is judged
        own = (self.label_embedding, self.denoiser)
        embedding, denoiser = own if self.training else self.average.network
        condition = self.condition(self.training_label(batch.label), batch.length, embedding)
        now = time[:, None, None, None] * x + (1 - time)[:, None, None, None] * noise
        out = denoiser(now, known, batch.length, condition, time)
        error = emphasis(time) * (out - x) ** 2
        seen = batch.mask[..., None]
        count = mean_of_all(seen.sum() * x.shape[-1]).clamp(min=1)
        return torch.where(seen, error, 0.0).sum() / count

    def score(self, energy: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """The loss for people not trained on, with several noises and times a clip.

        The energy score cannot tell late checkpoints apart, whose samples differ in detail.
        """
        assert self.foretold is not None
        clips = self.foretold.clips
        return torch.stack([self._loss(clips, seed) for seed in range(SCORE_DRAWS)]).mean()

    def known(self, shown: Tensor, batch: MotionBatch) -> Tensor:
        """Joints that the network is told to be there. Shapes: [B,T,J] -> [B,T,J].

        When sampling all of them are, but a clip may lack some: of half of the clips it is told
        that all are there, or it would never have seen that.
        """
        everything = batch.frame_mask[..., None].expand_as(shown)
        if not self.training:
            return everything.float()
        draw = functools.partial(torch.rand, device=shown.device)
        told = own_rows(draw, len(shown)) < 0.5
        return torch.where(told[:, None, None], everything, shown).float()

    def _draws(self, x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
        """Noise like `x` and a time for each clip, evenly spread over a batch."""
        size = whole_size(len(x))
        if self.training:
            noise, shift = own_normal(x), torch.rand((), device=x.device)
            order = own_rows(functools.partial(torch.randperm, device=x.device), len(x))
        else:
            # the same at each validation, so that losses can be compared
            rng = torch.Generator().manual_seed(seed)
            noise = torch.randn(x.shape, generator=rng).to(x)
            shift = x.new_full((), 0.5)
            order = torch.randperm(size, generator=rng).to(x.device)
        return noise, LAST * (order + shift) / size

    def noise(self, keys: Sequence[np.random.Generator]) -> Float[Tensor, "B T J C"]:
        """Normal numbers for every coordinate of a clip."""
        return normal_rows(keys, self.spec.frames, self.skeleton.num_joints, self.spec.channels)

    def draw(
        self,
        noise: Float[Tensor, "B T J C"],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        options: SampleOptions,
    ) -> Float[Tensor, "B T J C"]:
        """Carries noise to clips."""
        return self.clips_of(options.temperature * noise, Wanted(label, length), options)

    def clips_of(
        self, code: Float[Tensor, "B T J C"], wanted: Wanted, options: SampleOptions
    ) -> Float[Tensor, "B T J C"]:
        """Carries noise to clips; the last step goes straight to what the network foretells."""
        guidance = self.guidance if options.guidance is None else options.guidance
        foretell = self.foretelling(wanted, guidance)
        return self.finish(self._carry(foretell, code, 0.0, options.steps), wanted.length)

    def _carry(
        self, foretell: Foretell, x: Tensor, start: float, steps: int | None = None
    ) -> Tensor:
        """From a time on to what is foretold at the last step."""
        times = self._times(start, steps)
        return foretell(SOLVERS[self.solver](velocity_of(foretell), x, times), times[-1])

    def _times(self, start: float = 0.0, steps: int | None = None) -> list[float]:
        """Where steps begin: from a time on a share of the usual ones."""
        count = max(1, round((1 - start) * (steps or self.steps)))
        return [start + (1 - start) * step / count for step in range(count)]

    def foretelling(self, wanted: Wanted, guidance: float) -> Foretelling:
        """The clip that the averaged network foretells, under guidance, at a point and a time."""
        embedding, denoiser = self.average.network
        label, length = wanted.label, wanted.length
        conditions = [wanted.condition(self, embedding)]
        if guidance != 1 and bool((label != NO_LABEL).any()):
            hidden = torch.full_like(label, NO_LABEL)
            conditions.append(self.condition(hidden, length, embedding))
        supported = self.standardizer.support > 0
        frames = torch.arange(self.spec.frames, device=length.device) < length[:, None]
        return Foretelling(denoiser, conditions, frames[..., None] & supported, length, guidance)

    def finish(
        self, x: Float[Tensor, "B T J C"], length: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T J C"]:
        """The last step: errors of single frames taken off, and bones of constant length."""
        exists = torch.arange(x.shape[1], device=length.device) < length[:, None]
        x = self.shaking(x, exists)
        return self.bones(x, exists) if self.rigid else x

    # ---- clips at hand ------------------------------------------------------------------------

    code_options = THERE_AND_BACK

    interpolate = controls.interpolate

    def like(
        self, clips: MotionBatch, n: int = 1, *, strength: float = 0.3, seed: int = 0
    ) -> MotionBatch:
        """Variations of clips: they are taken back to the time 1 - strength with fresh noise.

        Source: Meng et al., SDEdit, ICLR 2022. See `controls.vary`.
        """
        change = self._from_between
        return controls.vary(self, clips, n, change, strength=strength, seed=seed)

    def _from_between(
        self, clips: MotionBatch, noise: Tensor, wanted: Wanted, strength: float
    ) -> Tensor:
        start = 1 - strength
        between = start * self.whole(clips) + (1 - start) * noise
        x = self._carry(self.foretelling(wanted, self.guidance), between, start)
        return self.finish(x, wanted.length)

    def fill(
        self,
        clips: MotionBatch,
        *,
        n: int = 1,
        seed: int = 0,
        keep: bool = True,
        temperature: float = 1.0,
    ) -> MotionBatch:
        """Fills in what clips do not show; see `filling.fill`.

        At each step the foretold clip takes over what was seen, the estimator's noise taken off,
        so that it is carried along where it belongs and the network sees it.

        Source: Lugmayr et al., RePaint: Inpainting using Denoising Diffusion Probabilistic
            Models, CVPR 2022, without its repetitions.
        """
        return filling.fill(
            self, clips, self.complete, n=n, seed=seed, keep=keep, temperature=temperature
        )

    def complete(
        self, clips: MotionBatch, noise: Tensor, wanted: Wanted, temperature: float
    ) -> Tensor:
        """Standardised clips in which what was seen is in place. Shapes: -> [B,T,J,C]."""
        return self.finish(self._complete(clips, wanted, temperature * noise), wanted.length)

    def _complete(self, clips: MotionBatch, wanted: Wanted, noise: Tensor) -> Tensor:
        path, seen = self.standardizer(self.find_path(clips)), clips.mask[..., None]
        foretell, times = self.foretelling(wanted, 1.0), self._times()

        def known(x: Tensor, time: float) -> Tensor:
            return torch.where(seen, path, foretell(x, time))

        x = SOLVERS[self.solver](velocity_of(known), noise, times)
        # at last the model's own view of all: no jump where what was seen begins
        return filling.meet(foretell(x, times[-1]), clips.replace(joints=path), self.skeleton)

    def whole(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """Standardised clips without noise; gaps hold what is most likely."""
        wanted = Wanted(clips.label, clips.length)
        return self._complete(clips, wanted, torch.zeros_like(clips.joints))

    def code_of(self, clips: MotionBatch) -> Float[Tensor, "B T J C"]:
        """The noise that the clips come from: the velocity is followed back in time."""
        wanted, steps = Wanted(clips.label, clips.length), self.code_options.steps or self.steps
        times = [LAST * step / (steps - 1) for step in reversed(range(steps))]
        velocity = velocity_of(self.foretelling(wanted, 1.0))
        return SOLVERS[self.solver](velocity, self.whole(clips), times)

    def code_of_noise(
        self, noise: Float[Tensor, "B T J C"], wanted: Wanted, temperature: float = 1.0
    ) -> Float[Tensor, "B T J C"]:
        """The noise itself."""
        return temperature * noise


def velocity_of(foretell: Foretell) -> Velocity:
    """The velocity that leads to what is foretold."""

    def velocity(x: Tensor, time: float) -> Tensor:
        return (foretell(x, time) - x) / (1 - time)

    return velocity
