"""The latent flow: a VAE whose prior is a normalizing flow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from motiongen.encoders import CNN, EncoderFactory
from motiongen.generators import controls, filling
from motiongen.generators.base import Generator
from motiongen.generators.codes import Wanted
from motiongen.generators.couplings import spline_flow
from motiongen.generators.keys import SampleOptions, key, normal_rows
from motiongen.generators.vae import VAE
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.processes import own_normal
from motiongen.ranges import require_sizes, require_within

#: latents drawn from each posterior in a step: far cheaper than to encode a clip once more
DRAWS = 8
#: share of the autoencoder's part of a training after which the flow begins to follow it: before,
#: latents move too far for what it learns to be of use
FOLLOWS = 0.6

#: options that a VAE has too, and that stay the flow's own where one is taken
OWN = {"spec", "learning_rate", "weight_decay", "label_dropout", "noise_level"}


class LatentFlow(Generator):
    """A VAE, and a conditional spline flow over its latents that samples start from.

    The flow learns where the posteriors of real clips of a class and length lie, with all their
    bends and holes; the VAE's Gaussian prior gives it units. One training does both: once the
    latents have found their places the flow begins to follow the autoencoder, which then stands
    still while the flow settles.
    `take` gives it a trained VAE instead; then the flow alone learns.

    Args:
        spec: the contract with the data.
        encoder: builds the encoders of the autoencoder. None: a CNN.
        latent: size of the latent vector.
        condition: see `VAE`.
        kl_weight: see `VAE`.
        warm_up: see `VAE`; as a share of the autoencoder's part of the training.
        free_bits: see `VAE`.
        rigid: see `VAE`.
        noise_degrees: see `VAE`.
        transforms: spline coupling layers of the flow.
        hidden: width of their networks.
        bins: pieces of a spline.
        smoothing: the flow learns latents with noise added, this many standard deviations of the
            prior: few clips have few latents, and a flow that learned their places exactly would
            only copy them.
        autoencoder_share: share of the training after which the autoencoder stands still; the
            flow begins at `FOLLOWS` of it.
        learning_rate: peak learning rate.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden.
        noise_level: see `Generator`.

    Raises:
        ValueError: if `autoencoder_share` is not from 0 to below 1, `smoothing` is negative, or
            `VAE` refuses an option.

    Source: Rezende and Mohamed, Variational Inference with Normalizing Flows, ICML 2015; flow
        priors: Chen et al., Variational Lossy Autoencoder, ICLR 2017; splines: Durkan et al.,
        Neural Spline Flows, NeurIPS 2019, by the library zuko.
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
        free_bits: float = 0.0,
        rigid: bool | None = None,
        noise_degrees: float = 4.0,
        transforms: int = 4,
        hidden: int = 96,
        bins: int = 6,
        smoothing: float = 0.2,
        autoencoder_share: float = 0.8,
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
        if not 0 <= autoencoder_share < 1:
            raise ValueError(f"autoencoder_share: found {autoencoder_share}, allowed 0 to below 1")
        require_sizes(transforms=transforms, hidden=hidden, bins=bins)
        require_within(0, smoothing=smoothing)
        self.autoencoder_share, self.smoothing = autoencoder_share, smoothing
        self.kl_weight, self.latent = kl_weight, latent
        self.autoencoder = VAE(
            self.spec,
            encoder,
            latent=latent,
            condition=condition,
            kl_weight=kl_weight,
            warm_up=warm_up,
            free_bits=free_bits,
            rigid=rigid,
            noise_degrees=noise_degrees,
            label_dropout=label_dropout,
            noise_level=noise_level,
        )
        self.flow = spline_flow(latent, self.condition_features, transforms, hidden, bins)

    def take(self, autoencoder: VAE) -> None:
        """Takes a trained VAE as it is, in place of the own one.

        Raises:
            ValueError: if it was trained for other data, or its latent has another size.
        """
        if autoencoder.spec != self.spec:
            raise ValueError(f"autoencoder: made for {autoencoder.spec}, needed for {self.spec}")
        if autoencoder.latent != self.latent:
            raise ValueError(
                f"autoencoder: its latent has {autoencoder.latent} numbers, the flow "
                f"{self.latent}; set latent to {autoencoder.latent}"
            )
        self.autoencoder = autoencoder.requires_grad_(False).train(self.training)
        self.autoencoder_share = 0.0
        own, taken = self.recipe["init_args"], autoencoder.recipe["init_args"]
        own |= {name: taken[name] for name in own if name in taken and name not in OWN}
        own["autoencoder_share"] = 0.0

    def fit_statistics(self, batch: MotionBatch) -> None:
        """Measures the train split for both; a VAE that was taken keeps its own units."""
        super().fit_statistics(batch)
        if self.autoencoder_share > 0:
            self.autoencoder.fit_statistics(batch)
        else:
            self.standardizer.load_state_dict(self.autoencoder.standardizer.state_dict())

    def setup(self, stage: str) -> None:
        """As in the base; a VAE that was taken must have learned from the same people.

        Raises:
            ValueError: if it did not: scores on unseen people would be of seen ones.
        """
        super().setup(stage)
        if stage != "fit" or not (known := self.autoencoder.provenance):
            return
        for name in ("store", "subjects", "validation_subjects"):
            if known.get(name) != self.provenance.get(name):
                raise ValueError(
                    f"autoencoder: its {name.replace('_', ' ')} were {known.get(name)}, here they "
                    f"are {self.provenance.get(name)}; use the same data, split and seed"
                )

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The flow has a rate from where it begins, the autoencoder to where it stands still."""
        rest = [*self.label_embedding.parameters(), *self.flow.parameters()]
        groups = [{"params": rest, "span": (self.flow_begins, 1.0)}]
        if self.autoencoder_share == 0:
            return groups
        own = list(self.autoencoder.parameters())
        return [{"params": own, "span": (0.0, self.autoencoder_share)}, *groups]

    @property
    def flow_begins(self) -> float:
        """Share of the training after which the flow learns; at once if it has learned before."""
        return 0.0 if self.adapts else FOLLOWS * self.autoencoder_share

    @property
    def ready_at(self) -> float:
        """Where half of the flow's part is over."""
        return (1 + self.flow_begins) / 2 if self.flow_begins else 0.0

    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """The autoencoder's bound while it learns, and the flow's negative log density.

        Units: nats, the bound a seen coordinate, "flow" a latent, in "total" a dimension of it.
        In training "flow" is left out while it does not learn yet.
        """
        done = self.progress()
        learns = self.autoencoder_share > 0 and (done <= self.autoencoder_share or done == 1)
        terms: dict[str, Tensor] = {}
        if learns:
            share = min(1.0, done / self.autoencoder_share)
            terms = self.autoencoder.bound(batch, share, adapts=self.adapts)
        if self.training and done < self.flow_begins:
            return terms
        flow = self.flow_loss(batch)
        total = flow / self.latent + terms.get("total", flow.new_zeros(()))
        return {**terms, "flow": flow, "total": total}

    def flow_loss(self, batch: MotionBatch) -> Float[Tensor, ""]:
        """Mean negative log density of latents, in nats and in units of the VAE's prior."""
        auto = self.autoencoder
        # where a label is hidden it is hidden from all: its latents have units of their own
        batch = batch.replace(label=self.training_label(batch.label))
        with torch.no_grad():
            mean, log_variance = auto.posterior_of(batch)
            middle, spread = self._units(auto.condition(batch.label, batch.length))
            mean, scale = (mean - middle) / spread, (0.5 * log_variance).exp() / spread
        if self.training:
            scale = (scale**2 + self.smoothing**2).sqrt()
            draws = own_normal(mean.expand(DRAWS, -1, -1).flatten(0, 1), sets=DRAWS)
            latent = mean + scale * draws.unflatten(0, (DRAWS, -1))
        else:
            latent = mean[None]
        condition = self.condition(batch.label, batch.length)
        inside, growth = self.flow(condition.expand(len(latent), -1, -1)).call_and_ladj(latent)
        constant = 0.5 * self.latent * float(np.log(2 * np.pi))
        return (0.5 * (inside**2).sum(-1) + constant - growth).mean()

    def _units(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.autoencoder.prior_of(condition)
        return mean, (0.5 * log_variance).exp()

    def diagnose(self) -> dict[str, Shaped[Tensor, ""]]:
        """What the autoencoder says of its latents, and the flow's "inverse_error".

        The largest |z - forward(inverse(z))| over normal numbers for held-back clips.
        """
        if self.foretold is None:
            return {}
        clips = self.foretold.clips
        flow = self.flow(self.condition(clips.label, clips.length))
        start = normal_rows([key(0, row, 0) for row in range(len(clips))], self.latent)
        start = start.to(self.device)
        error = (flow(flow.inv(start)) - start).abs().max()
        return {**self.autoencoder.activity(clips), "inverse_error": error}

    def noise(self, keys: Sequence[np.random.Generator]) -> Float[Tensor, "B Z"]:
        """A normal latent, one row a key."""
        return normal_rows(keys, self.latent)

    def draw(
        self,
        noise: Float[Tensor, "B Z"],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        options: SampleOptions,
    ) -> Float[Tensor, "B T J C"]:
        """Normal numbers through the flow, then decoded."""
        return self.clips_of(options.temperature * noise, Wanted(label, length), options)

    def latent_of(self, code: Float[Tensor, "B Z"], wanted: Wanted) -> Float[Tensor, "B Z"]:
        """The autoencoder's latents that the flow makes of normal numbers."""
        inside = self.flow(wanted.condition(self)).inv(code)
        middle, spread = self._units(wanted.condition(self.autoencoder))
        return middle + spread * inside

    # ---- clips at hand ------------------------------------------------------------------------

    code_options = SampleOptions()

    def reconstruct(self, batch: MotionBatch) -> MotionBatch:
        """Denoises and fills in: the autoencoder's view of each clip, in physical units."""
        return self.autoencoder.reconstruct(batch)

    interpolate = controls.interpolate
    like = controls.like
    fill = filling.fill_code

    def tempered_log_prob(
        self, clips: MotionBatch, clean: Float[Tensor, "B T J C"]
    ) -> Float[Tensor, "B"]:
        """Log density of clips given clean ones; see `VAE.tempered_log_prob`."""
        return self.autoencoder.tempered_log_prob(clips, clean)

    def code_of(self, clips: MotionBatch) -> Tensor:
        """What the flow makes of the mean latents: normal numbers. Shapes: -> [B,Z]."""
        wanted = Wanted(clips.label, clips.length)
        middle, spread = self._units(wanted.condition(self.autoencoder))
        inside = (self.autoencoder.posterior_of(clips)[0] - middle) / spread
        return self.flow(wanted.condition(self))(inside)

    def code_of_noise(self, noise: Tensor, wanted: Wanted, temperature: float = 1.0) -> Tensor:
        """The noise itself. Shapes: [B,Z] -> [B,Z]."""
        return temperature * noise

    def clips_of(self, code: Tensor, wanted: Wanted, options: SampleOptions) -> Tensor:
        """Codes through the flow, then decoded. Shapes: [B,Z] -> [B,T,J,C]."""
        latent, auto = self.latent_of(code, wanted), self.autoencoder
        return auto.decode(latent, wanted.condition(auto), wanted.length)
