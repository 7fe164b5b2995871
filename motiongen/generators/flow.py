"""The motion-space flow: clips to noise and back, with an exact density."""

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from motiongen.encoders import CNN, EncoderFactory
from motiongen.generators.average import Average
from motiongen.generators.base import Generator
from motiongen.generators.checking import checked
from motiongen.generators.codes import Wanted
from motiongen.generators.differentiable import without_cudnn
from motiongen.generators.flow_layers import Context
from motiongen.generators.flow_network import FlowNetwork, normal_log_density
from motiongen.generators.imputing import MOST_STEPS, WORTH, learn_imputer, missing
from motiongen.generators.keys import SampleOptions, normal_rows
from motiongen.generators.shaking import Shaking, measure_shaking
from motiongen.kinematics import ConstantBones, wants_rigid
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.observation import seen_near
from motiongen.processes import largest_of_all, mean_of_all, own_normal, own_rows
from motiongen.ranges import require_within

if TYPE_CHECKING:
    from motiongen.data.module import MotionData

#: clips that the part without networks is fitted to at most
MOST_CLIPS = 1024
#: frames into a gap for which its path can pass for seen: farther in it is a guess, and calmer
#: than people move
SURE = 3


class Flow(Generator):
    """A normalizing flow over whole clips: the exact density of what was seen of each.

    Motion is foretold from coarse to fine: few frames first, then the frames between them, each
    given those around it; see `FlowNetwork`. It starts as the best Gaussian flow, in closed form,
    and the encoders learn what that leaves.

    A coordinate that was not seen has no part in anything, so what is modelled is the density of
    the seen coordinates given which they are. Joints are hidden at random while it learns. Samples
    show all joints, so clips have to as well: where many are missing, a VAE that learns first says
    where they were (`Imputer`), and its weights are not kept.

    A density believes whatever is in its data. So the estimator's noise is taken off before
    (`Observation.clean`). Clips without noise lie on thin surfaces, where densities have no
    bounds: a little noise of known size is added while learning, and taken off again at the end
    of sampling, by one step along the gradient of the log density (Tweedie's formula). Samples
    end on bones of constant length.

    Args:
        spec: the contract with the data.
        encoder: builds the encoders of the conditioners. None: a CNN.
        couplings: couplings between groups of joints.
        dequantisation: standard deviation of the noise that is added while learning, in
            standardised units.
        hidden: share of training clips of which some joints are hidden.
        coarse_temperature: of what samples do as a whole, the noise of every eighth frame: a
            density that was learned from few clips is wider than they are. 1: as learned.
        rigid: project samples onto bones of constant length. None: in 3-D yes, in 2-D no.
        learning_rate: peak learning rate.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden.
        noise_level: see `Generator`.

    Raises:
        ValueError: unless `dequantisation` is above 0, `coarse_temperature` at least 0 and
            `hidden` from 0 to 1.

    Source: couplings: Dinh, Sohl-Dickstein and Bengio, Density Estimation using Real NVP, ICLR
        2017; from coarse to fine: Yu, Derpanis and Brubaker, Wavelet Flow, NeurIPS 2020;
        sampling at a lower temperature: Kingma and Dhariwal, Glow, NeurIPS 2018; added noise and
        its removal: Zhai et al., Normalizing Flows are Capable Generative Models, ICML 2025.
    """

    learns_from_paths = True

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        encoder: EncoderFactory | None = None,
        *,
        couplings: int = 4,
        dequantisation: float = 0.1,
        hidden: float = 0.5,
        coarse_temperature: float = 0.7,
        rigid: bool | None = None,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-2,
        label_dropout: float = 0.1,
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
        if not 0 < dequantisation < math.inf:
            raise ValueError(f"dequantisation: found {dequantisation}, must be finite and above 0")
        require_within(0, 1, hidden=hidden)
        require_within(0, couplings=couplings, coarse_temperature=coarse_temperature)
        self.dequantisation, self.hidden = dequantisation, hidden
        self.coarse_temperature = coarse_temperature
        self.rigid = wants_rigid(rigid, spec.channels)
        self.network = FlowNetwork(
            encoder,
            self.skeleton,
            frames=spec.frames,
            channels=spec.channels,
            classes=len(spec.classes),
            condition=self.condition_features,
            couplings=couplings,
        )
        self.shaking = Shaking(self.skeleton.num_joints)
        self.bones = ConstantBones(self.skeleton, self.standardizer)
        #: what samples and densities come from
        self.average = Average(self._averaged())

    def _averaged(self) -> nn.ModuleList:
        return nn.ModuleList([self.label_embedding, self.network])

    def after_step(self) -> None:
        """The average follows the weights."""
        self.average.follow(self._averaged())

    def before_statistics(self, data: "MotionData") -> None:
        """Where many joints are missing, learns where they were; see `Imputer`."""
        # batches without paths: they would be those of before
        data.find_path = None
        if missing(data.train_clips()) < WORTH:
            return
        steps, shown = self.trainer.max_steps, self.trainer.progress_bar_callback is not None
        level, seed = self.observation.given, self.seed
        steps = steps if steps > 0 else MOST_STEPS
        self.imputer = learn_imputer(data, steps, seed, noise_level=level, progress=shown)

    def fit_statistics(self, batch: MotionBatch) -> None:
        """Also fits what of the flow has a closed form."""
        super().fit_statistics(batch)
        rows = torch.linspace(0, len(batch) - 1, min(len(batch), MOST_CLIPS)).round().long()
        clips = batch.select(rows.to(batch.label.device))
        x, _, shown = self._clean(clips)
        rng = torch.Generator().manual_seed(0)
        x = x + self.dequantisation * torch.randn(x.shape, generator=rng).to(x)
        hidden = (torch.rand(len(x), generator=rng) < self.label_dropout).to(x.device)
        self.network.fit(x, shown, clips.label, clips.length, hidden)
        self.average.network.load_state_dict(self._averaged().state_dict())

    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """Mean negative log density of the coordinates, and the largest change of a log-scale.

        Units: nats a coordinate, of standardised coordinates.
        """
        x, seen, shown = self._clean(batch)
        label = self.training_label(batch.label)
        if self.training:
            seen = self._hide(seen, shown)
            noise = own_normal(x)
            embedding, network = self.label_embedding, self.network
        else:
            noise = self._same_noise(x)
            embedding, network = self.average.network
        context = self._context(label, batch.length, embedding, x.shape[1])
        density, extreme = self._density(network, x + self.dequantisation * noise, seen, context)
        count = mean_of_all(seen.sum() * x.shape[-1]).clamp(min=1)
        return {"total": -density.sum() / count, "log_scale": largest_of_all(extreme)}

    @torch.no_grad()
    def log_prob(self, batch: MotionBatch) -> Float[Tensor, "B"]:
        """Mean log density of the seen coordinates of each clip, given its label and length.

        Of the clip with the estimator's noise taken off, and with the noise added that the flow
        learned with: the same numbers for every clip, so that clips can be compared.

        It is lower for a clip of which much less was seen than of those that were learned from,
        most of all if whole frames are missing: compare clips that were seen alike.

        Units: nats a coordinate, of standardised coordinates.

        Raises:
            ValueError: for clips that do not fit the model, or show nothing.
        """
        batch = checked(self, batch)
        x, seen, _ = self._clean(batch)
        embedding, network = self.average.network
        context = self._context(batch.label, batch.length, embedding, x.shape[1])
        x = x + self.dequantisation * self._same_noise(x)
        density, _ = self._density(network, x, seen, context)
        return density / (seen.flatten(1).sum(1) * x.shape[-1]).clamp(min=1)

    def _density(
        self, network: nn.Module, x: Tensor, seen: Tensor, context: Context
    ) -> tuple[Tensor, Tensor]:
        """Log density of each clip, and the largest change of a log-scale."""
        x = torch.where(seen[..., None], x, 0.0)
        z, log_det, extreme = network(x, seen, context)
        return normal_log_density(z, seen) + log_det, extreme

    def _context(
        self, label: Tensor, length: Tensor, embedding: nn.Embedding, frames: int
    ) -> Context:
        return Context(self.condition(label, length, embedding), label, length, frames)

    def _clean(self, batch: MotionBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Standardised paths, what of them was seen, and what is known with gaps filled."""
        path = self.find_path(batch) if batch.path is None else batch.path
        exists = batch.frame_mask[..., None]
        shown = batch.mask.any(1, keepdim=True) & exists
        x = torch.where(shown[..., None], self.standardizer(path), 0.0)
        return x, batch.mask & exists, shown

    def _hide(self, seen: Tensor, shown: Tensor) -> Tensor:
        """What the flow is shown of training clips. Shapes: [B,T,J] -> [B,T,J].

        Gaps are filled where an imputer knows of them; else, of half of the clips, as far as the
        path is sure, as samples have none. Of some, joints are hidden.
        """
        draw = functools.partial(torch.rand, device=seen.device)
        filled = own_rows(draw, len(seen)) < 0.5
        near = torch.where(filled[:, None, None], shown & seen_near(seen, SURE), seen)
        seen = near if self.imputer is None else shown.expand_as(seen)
        poor = own_rows(draw, len(seen), 1) < self.hidden
        share = own_rows(draw, len(seen), 1)
        gone = poor & (own_rows(draw, len(seen), seen.shape[2]) < share)
        return seen & ~gone[:, None]

    def _same_noise(self, x: Tensor) -> Tensor:
        """Noise that is the same for every clip and at every call."""
        rng = torch.Generator().manual_seed(0)
        return torch.randn(x.shape[1:], generator=rng).to(x).expand_as(x)

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
        """Noise through the inverse; then errors of single frames and of bones are taken off."""
        frames = torch.arange(self.spec.frames, device=length.device) < length[:, None]
        x = self._inverted(options.temperature * noise, Wanted(label, length))
        x = self.shaking(x, frames)
        return self.bones(x, frames) if self.rigid else x

    def _inverted(self, noise: Tensor, wanted: Wanted) -> Tensor:
        """Noise through the inverse; then the noise that the flow learned with is taken off."""
        embedding, network = self.average.network
        label, length = wanted.label, wanted.length
        frames = torch.arange(self.spec.frames, device=length.device) < length[:, None]
        seen = frames[..., None] & (self.standardizer.support > 0)
        context = self._context(label, length, embedding, self.spec.frames)
        coarse = torch.arange(self.spec.frames, device=length.device) % network.spacing == 0
        noise = torch.where(coarse[:, None, None], self.coarse_temperature * noise, noise)
        return self._denoised(network.inverse(noise, seen, context), seen, context)

    def refresh(self, clips: MotionBatch) -> None:
        """Measures by how much samples shake more than clips."""
        finish = self.bones if self.rigid else None
        measure_shaking(self.shaking, self, clips, self._inverted, finish)

    def _denoised(self, x: Tensor, seen: Tensor, context: Context) -> Tensor:
        """The mean of the clips that, with the known noise, could be x: Tweedie's formula."""
        # gradients of recurrent networks in evaluation mode are not in cuDNN
        with torch.enable_grad(), without_cudnn(True):
            x = x.detach().requires_grad_()
            density, _ = self._density(self.average.network[1], x, seen, context)
            (score,) = torch.autograd.grad(density.sum(), x)
        return x.detach() + self.dequantisation**2 * score

    def diagnose(self) -> dict[str, Shaped[Tensor, ""]]:
        """The flow's "largest_log_scale" and "inverse_error", |x - inverse(forward(x))|.

        Both for held-back clips, cleaned and with the noise that the flow learned with.
        """
        if self.foretold is None:
            return {}
        x, seen, _ = self._clean(self.foretold.clips)
        embedding, network = self.average.network
        clips = self.foretold.clips
        context = self._context(clips.label, clips.length, embedding, x.shape[1])
        x = torch.where(seen[..., None], x + self.dequantisation * self._same_noise(x), 0.0)
        z, _, extreme = network(x, seen, context)
        back = network.inverse(z, seen, context)
        error = torch.where(seen[..., None], back - x, 0.0).abs().max()
        return {"largest_log_scale": extreme, "inverse_error": error}
