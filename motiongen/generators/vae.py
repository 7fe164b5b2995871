"""The variational autoencoder."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from motiongen.encoders import CNN, EncoderFactory
from motiongen.generators import controls, filling
from motiongen.generators.base import Generator
from motiongen.generators.checking import checked
from motiongen.generators.codes import Wanted
from motiongen.generators.couplings import affine_couplings
from motiongen.generators.drawing import SMALLEST_SUPPORT
from motiongen.generators.keys import SampleOptions
from motiongen.generators.latent import AggregatePosterior, bounded, gaussian_kl, whitened
from motiongen.kinematics import wants_rigid
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.networks import Decoder, Pool
from motiongen.observation import Likelihood
from motiongen.processes import mean_of_all, own_normal
from motiongen.ranges import require_sizes, require_within

ENCODE_BATCH = 128
#: a latent dimension whose mean varies by less is not in use
ACTIVE_VARIANCE = 0.01


class VAE(Generator):
    """A conditional VAE whose likelihood is the observation model.

    The decoder says where the joints really were; the observation model says how the estimator
    saw them. Only what was seen enters the likelihood, so missing joints need no filling, and
    noise is explained by the observation model rather than by the decoder, so samples, which are
    the decoder's output alone, are cleaner than the training data.

    The prior of the latent depends on label and length. One vector stands for the whole clip.
    Samples start from a smoothed density of the training clips' latents (`AggregatePosterior`).

    Args:
        spec: the contract with the data.
        encoder: builds the encoders of posterior and decoder. None: a CNN.
        latent: size of the latent vector.
        condition: size of the vector that conditions the decoder.
        kl_weight: weight of the Kullback-Leibler term. 1 is the evidence bound for noise that is
            independent from frame to frame; real noise is correlated in time, so a frame tells
            less than the bound believes, and the weight that restores the balance is larger.
        warm_up: share of the training over which that weight rises from 0, so that the latent
            is in use before it costs anything.
        rigid: bones of constant length by construction. None: in 3-D yes, in 2-D, where bones
            change by foreshortening, no. They stiffen until the end of the training: one that is
            ended early has learned with bones that stretch.
        free_bits: nats that each latent dimension may tell, on average over a batch, at no cost:
            keeps dimensions in use that a strong weight would switch off.
        posterior_flow: coupling layers that bend the Gaussian posterior; 0: none.
        noise_degrees: degrees of freedom of the observation noise.
        bandwidth: how far samples may leave the latents of training clips, above 0 to 1; see
            `AggregatePosterior`.
        learning_rate: peak learning rate.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden.
        noise_level: see `Generator`.

    Raises:
        ValueError: if `warm_up` is not from 0 to 1, `free_bits` is negative, or `Likelihood` or
            `AggregatePosterior` refuses an option.

    Source: Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, eq. 3; Sohn, Lee and
        Yan, Learning Structured Output Representation using Deep Conditional Generative Models,
        NeurIPS 2015; free bits: Kingma et al., Improved Variational Inference with Inverse
        Autoregressive Flow, NeurIPS 2016, eq. 15; flow posterior: Rezende and Mohamed,
        Variational Inference with Normalizing Flows, ICML 2015.
    """

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        encoder: EncoderFactory | None = None,
        *,
        latent: int = 48,
        condition: int = 96,
        kl_weight: float = 4.0,
        warm_up: float = 0.3,
        rigid: bool | None = None,
        free_bits: float = 0.0,
        posterior_flow: int = 0,
        noise_degrees: float = 4.0,
        bandwidth: float = 0.7,
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
        # as a default of the signature its options would be handed on to whatever class is named
        encoder = encoder or CNN
        self.remember(locals())
        spec = self.spec
        require_sizes(latent=latent, condition=condition)
        require_within(0, 1, warm_up=warm_up)
        require_within(0, free_bits=free_bits, kl_weight=kl_weight, posterior_flow=posterior_flow)
        self.latent, self.kl_weight, self.warm_up = latent, kl_weight, warm_up
        self.free_bits = free_bits
        known = self.condition_features
        self.likelihood = Likelihood(self.skeleton.num_joints, degrees=noise_degrees)
        self.latents = AggregatePosterior(latent, len(spec.classes), bandwidth)
        self.posterior = Pool(encoder, self.skeleton, spec.channels, known, 2 * latent)
        self.bend = affine_couplings(latent, posterior_flow) if posterior_flow else None
        self.prior = nn.Linear(known, 2 * latent)
        nn.init.normal_(self.prior.weight, std=0.02)
        nn.init.zeros_(self.prior.bias)
        self.merge = nn.Sequential(
            nn.Linear(latent + known, condition), nn.GELU(), nn.Linear(condition, condition)
        )
        self.decoder = Decoder(
            encoder,
            self.skeleton,
            self.standardizer,
            channels=spec.channels,
            condition=condition,
            rigid=wants_rigid(rigid, spec.channels),
        )

    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """Negative evidence bound in nats per seen coordinate, and its parts."""
        return self.bound(batch, self.progress(), adapts=self.adapts)

    def bound(
        self, batch: MotionBatch, done: float, *, adapts: bool = False
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms of `losses`.

        Args:
            batch: clips.
            done: share of the training of these networks that is done: raises the weight of the
                Kullback-Leibler term over the warm-up, and stiffens bones until the end.
            adapts: whether the weights are those of another training, whose bones are rigid: what
                their decoder says only fits then.
        """
        kl_weight = self.kl_weight * (min(1.0, done / self.warm_up) if self.warm_up else 1.0)
        self.decoder.stiffen(1.0 if adapts else done)
        x = self.standardizer(batch.joints)
        condition = self.condition(self.training_label(batch.label), batch.length)
        base = self._gaussian(x, batch.confidence, batch.length, condition)
        prior = self.prior_of(condition)
        latent, kl = self._draw_posterior(*base, prior)
        clean = self.decode(latent, condition, batch.length)
        level = self.observation.level
        log_prob = self.likelihood.log_prob(x, clean, batch.confidence, level)
        coordinates = mean_of_all(batch.mask.sum() * self.spec.channels).clamp(min=1)
        likelihood = -log_prob.sum() / coordinates
        cost = kl.mean(0)
        if self.free_bits:
            # what a dimension tells below its free bits costs nothing
            cost = torch.where(mean_of_all(cost) > self.free_bits, cost, self.free_bits)
        cost = len(batch) * cost.sum()
        return {
            "total": likelihood + kl_weight * cost / coordinates,
            "likelihood": likelihood,
            "kl": kl.sum() / len(batch),
        }

    def _draw_posterior(
        self, mean: Tensor, log_variance: Tensor, prior: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """A latent of each posterior and its divergence, a value a dimension. -> [B,Z], [B,Z]."""
        if self.bend is None:
            # validation uses the posterior's mean: its score then has no noise of its own
            noise = own_normal(mean) if self.training else torch.zeros_like(mean)
            latent = mean + (0.5 * log_variance).exp() * noise
            return latent, gaussian_kl(mean, log_variance, *prior)
        # its divergence is known by draws only: the same ones at each validation
        rng = None if self.training else torch.Generator(mean.device).manual_seed(0)
        noise = own_normal(mean, rng)
        latent = mean + (0.5 * log_variance).exp() * noise
        density = -0.5 * (noise**2 + log_variance)
        latent, growth = self.bend().call_and_ladj(latent)
        prior_mean, prior_log_variance = prior
        away = (latent - prior_mean) ** 2 / prior_log_variance.exp()
        kl = density + 0.5 * (away + prior_log_variance)
        # the growth belongs to all dimensions together
        return latent, kl - growth[:, None] / latent.shape[1]

    def _gaussian(
        self, x: Tensor, confidence: Tensor, length: Tensor, condition: Tensor
    ) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.posterior(x, confidence, length, condition).chunk(2, dim=-1)
        return mean, bounded(log_variance)

    def prior_of(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the prior. Shapes: [B,D] -> [B,Z], [B,Z]."""
        mean, log_variance = self.prior(condition).chunk(2, dim=-1)
        return mean, bounded(log_variance)

    def encode(self, batch: MotionBatch) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior. Shapes: B clips -> [B,Z], [B,Z].

        Under a flow posterior: its image of the Gaussian's mean, and the Gaussian's variance.

        Raises:
            ValueError: for clips that do not fit the model, or show nothing.
        """
        return self.posterior_of(checked(self, batch))

    def posterior_of(self, batch: MotionBatch) -> tuple[Tensor, Tensor]:
        """As `encode`, of clips that are known to fit. Shapes: B clips -> [B,Z], [B,Z]."""
        condition = self.condition(batch.label, batch.length)
        x = self.standardizer(batch.joints)
        mean, log_variance = self._gaussian(x, batch.confidence, batch.length, condition)
        return (mean if self.bend is None else self.bend()(mean)), log_variance

    def decode(self, latent: Tensor, condition: Tensor, length: Tensor) -> Tensor:
        """Clean standardised positions. Shapes: [B,Z], [B,D], [B] -> [B,T,J,C]."""
        merged = self.merge(torch.cat([latent, condition], dim=1))
        return self.decoder(merged, length, self.spec.frames)

    @torch.no_grad()
    def reconstruct(self, batch: MotionBatch) -> MotionBatch:
        """Denoises and fills in: the decoder's view of each clip, in physical units.

        Raises:
            ValueError: for clips that do not fit the model, or show nothing.
        """
        batch = checked(self, batch)
        was_training = self.training
        self.eval()
        condition = self.condition(batch.label, batch.length)
        clean = self.decode(self.posterior_of(batch)[0], condition, batch.length)
        self.train(was_training)
        # where a joint was never seen, nothing was learned
        known = batch.frame_mask[..., None] & (self.standardizer.support >= SMALLEST_SUPPORT)
        joints = torch.where(known[..., None], self.standardizer.inverse(clean), 0.0)
        return batch.replace(joints=joints, confidence=known.float())

    @torch.no_grad()
    def refresh(self, clips: MotionBatch) -> None:
        """Fits the density that samples start from to the posteriors of the training clips."""
        was_training = self.training
        self.eval()
        parts = []
        for first in range(0, len(clips), ENCODE_BATCH):
            part = clips.select(slice(first, first + ENCODE_BATCH)).to(self.device)
            parts.append((*self.posterior_of(part), part.label))
        self.train(was_training)
        self.latents.fit(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

    def diagnose(self) -> dict[str, Shaped[Tensor, ""]]:
        """What `activity` says of the held-back clips."""
        return {} if self.foretold is None else self.activity(self.foretold.clips)

    def activity(self, clips: MotionBatch) -> dict[str, Shaped[Tensor, ""]]:
        """How many latent dimensions tell something of a clip, and how much each tells.

        "active_units": dimensions in which posterior means vary by more than 0.01, in units of
        the prior for each clip's label and length. "smallest_kl", "largest_kl": mean nats of the
        dimension that tells least and of that which tells most.

        Source: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016,
            section 5 (active units).
        """
        condition = self.condition(clips.label, clips.length)
        x = self.standardizer(clips.joints)
        base = self._gaussian(x, clips.confidence, clips.length, condition)
        prior = self.prior_of(condition)
        latent, kl = self._draw_posterior(*base, prior)
        away = (latent - prior[0]) / (0.5 * prior[1]).exp()
        return {
            "active_units": (away.var(0, correction=0) > ACTIVE_VARIANCE).sum(),
            "smallest_kl": kl.mean(0).min(),
            "largest_kl": kl.mean(0).max(),
        }

    def noise(self, keys: Sequence[np.random.Generator]) -> Float[Tensor, "B _numbers"]:
        """A number in [0,1) to choose a kernel with, then a normal latent; one row a key.

        Shapes: -> [B,1+Z].
        """
        rows = [
            np.append(source.random(dtype=np.float32), source.standard_normal(self.latent))
            for source in keys
        ]
        return torch.from_numpy(np.stack(rows)).float()

    def draw(
        self,
        noise: Float[Tensor, "B _numbers"],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        options: SampleOptions,
    ) -> Float[Tensor, "B T J C"]:
        """Decodes draws near the latents of training clips; of the prior while there are none."""
        condition, normal = self.condition(label, length), noise[:, 1:]
        if self.latents.count > 0:
            latent = self.latents.draw(noise[:, 0], normal, label, options.temperature)
        else:
            mean, log_variance = self.prior_of(condition)
            latent = mean + options.temperature * (0.5 * log_variance).exp() * normal
        return self.decode(latent, condition, length)

    # ---- clips at hand ------------------------------------------------------------------------

    code_options = SampleOptions()

    interpolate = controls.interpolate
    like = controls.like
    fill = filling.fill_code

    def tempered_log_prob(
        self, clips: MotionBatch, clean: Float[Tensor, "B T J C"]
    ) -> Float[Tensor, "B"]:
        """Log density of clips given clean ones, as training weighs it against the prior.

        Units: nats, of all standardised coordinates of a clip, divided by `kl_weight`.
        """
        x, level = self.standardizer(clips.joints), self.observation.level
        log_prob = self.likelihood.log_prob(x, clean, clips.confidence, level)
        return log_prob.sum((1, 2)) / max(self.kl_weight, 1e-6)

    def code_of(self, clips: MotionBatch) -> Float[Tensor, "B Z"]:
        """The mean latents, in units of the density that samples start from."""
        wanted = Wanted(clips.label, clips.length)
        return whitened(self.posterior_of(clips)[0], *self._normal_latents(wanted))

    def code_of_noise(
        self, noise: Float[Tensor, "B _numbers"], wanted: Wanted, temperature: float = 1.0
    ) -> Float[Tensor, "B Z"]:
        """The latents that samples start from, in the same units."""
        choice, normal = noise[:, 0], noise[:, 1:]
        if self.latents.count == 0:
            return temperature * normal
        drawn = self.latents.draw(choice, normal, wanted.label, temperature)
        return whitened(drawn, *self._normal_latents(wanted))

    def clips_of(self, code: Tensor, wanted: Wanted, options: SampleOptions) -> Tensor:
        """Decodes codes. Shapes: [B,Z] -> [B,T,J,C]."""
        centre, factor = self._normal_latents(wanted)
        latent = centre + (factor @ code[..., None])[..., 0]
        return self.decode(latent, wanted.condition(self), wanted.length)

    def _normal_latents(self, wanted: Wanted) -> tuple[Tensor, Tensor]:
        """Mean and Cholesky factor of a class's latents. Shapes: -> [B,Z], [B,Z,Z] or [Z,Z]."""
        if self.latents.count > 0:
            return wanted.mix(lambda label: self.latents.centre[label]), self.latents.factor
        mean, log_variance = self.prior_of(wanted.condition(self))
        return mean, torch.diag_embed((0.5 * log_variance).exp())
