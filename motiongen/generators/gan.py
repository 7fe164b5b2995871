"""The generative adversarial network."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from motiongen.encoders import CNN, EncoderFactory
from motiongen.generators.average import Average
from motiongen.generators.base import LABEL_FEATURES, Generator
from motiongen.generators.codes import Wanted
from motiongen.generators.differentiable import without_cudnn
from motiongen.generators.energy import changes, shown_twice
from motiongen.generators.keys import SampleOptions, normal_rows
from motiongen.generators.shaking import Shaking, measure_shaking
from motiongen.kinematics import ConstantBones, wants_rigid
from motiongen.motion import MotionBatch, MotionSpec
from motiongen.networks import Decoder, Pool
from motiongen.processes import mean_of_all, own_rows
from motiongen.ranges import require_sizes, require_within
from motiongen.skeleton import Skeleton

#: fakes of each clip: two say how far apart samples of one label and length are
FAKES = 2
#: width of the network between latent and decoder: one vector a clip, which costs next to nothing
MAPPING = 256
#: steps between two of which the critic's slope is penalised: it costs as much as all else of it
PENALTY_STEPS = 4
#: Fourier features that tell the decoder the time: it puts the fastest into its samples, and where
#: a likelihood would take that off again, a critic lets it pass. The fastest of 5 swings once in 8
#: frames, or in an eighth of a clip
BANDS = 5


class GAN(Generator):
    """A generator and a critic that learn from each other, from noisy and incomplete clips.

    The generator's clips are clean. Before the critic sees one, it passes through the observation
    model with the confidences of a real clip, so that what differs between fakes and real clips
    is never the estimator's noise or its gaps: the generator is not asked to learn them.

    Each fake meets a real clip of its label and length, and the critic says by how much the real
    one looks more real. Its slope at both is penalised, without which the game circles. To this
    comes the energy score of the fakes. It spreads them over all that a class contains, which
    the critic hardly sees from single clips; the critic makes them move like real ones. What they
    shake more than clips is taken off at last (`Shaking`): noise hides it from the critic.

    Args:
        spec: the contract with the data.
        encoder: builds the encoders of generator and critic. None: a CNN.
        latent: size of the latent vector.
        condition: size of the vector that conditions the decoder.
        penalty: weight of half the critic's squared slope, at real clips and again at fakes.
            Slopes are by root mean square distance over the joints that a clip shows, so that
            the weight means the same for clips of any size.
        energy_weight: weight of the energy score of fakes, of positions and of how they change:
            with more of it samples spread wider, with less of it they are sharper. 0: the critic
            alone.
        rigid: bones of constant length by construction. None: in 3-D yes, in 2-D no.
        critic_features: size of the feature vector on which the critic judges.
        learning_rate: peak learning rate.
        weight_decay: of AdamW.
        label_dropout: share of training clips whose label is hidden from both players.
        noise_level: see `Generator`.

    Raises:
        ValueError: if `penalty` or `energy_weight` is negative.

    Source: Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014; the loss: Jolicoeur-
        Martineau, The Relativistic Discriminator, ICLR 2019, with both penalties: Huang et al.,
        The GAN is Dead; Long Live the GAN! A Modern GAN Baseline, NeurIPS 2024, section 2;
        penalties: Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually
        Converge?, ICML 2018, eq. 9; noise before the critic: Bora, Price and Dimakis,
        AmbientGAN, ICLR 2018; gaps: Li, Jiang and Marlin, MisGAN, ICLR 2019; energy score:
        Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, JASA
        2007, eq. 22.
    """

    loss_is_a_game = True
    #: a step costs several times as much as that of other families, so it takes fewer clips
    batch_size = 16

    def __init__(
        self,
        spec: MotionSpec | dict[str, Any],
        encoder: EncoderFactory | None = None,
        *,
        latent: int = 32,
        condition: int = 96,
        penalty: float = 0.02,
        energy_weight: float = 0.1,
        rigid: bool | None = None,
        critic_features: int = 64,
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
        require_sizes(latent=latent, condition=condition, critic_features=critic_features)
        require_within(0, penalty=penalty, energy_weight=energy_weight)
        self.latent, self.penalty, self.energy_weight = latent, penalty, energy_weight
        known = self.condition_features
        self.merge = nn.Sequential(
            *(nn.Linear(latent + known, MAPPING), nn.GELU()),
            *(nn.Linear(MAPPING, MAPPING), nn.GELU(), nn.Linear(MAPPING, condition)),
        )
        self.decoder = Decoder(
            encoder,
            self.skeleton,
            self.standardizer,
            channels=spec.channels,
            condition=condition,
            rigid=wants_rigid(rigid, spec.channels),
            bands=BANDS,
        )
        self.rigid = wants_rigid(rigid, spec.channels)
        self.shaking = Shaking(self.skeleton.num_joints)
        # bones are rigid before the last step, which hardly stretches them
        self.bones = ConstantBones(self.skeleton, self.standardizer, steps=1)
        #: what samples are drawn from
        self.average = Average(self._player(), shared=[self.standardizer])
        self.critic = Critic(encoder, self.skeleton, spec, known, critic_features)

    def _player(self) -> nn.ModuleList:
        """The networks of the generator, as against the critic."""
        return nn.ModuleList([self.label_embedding, self.merge, self.decoder])

    def after_step(self) -> None:
        """The average follows the weights."""
        self.average.follow(self._player())

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group a player; little momentum, as what is right for one moves with the other."""
        players = (self._player(), self.critic)
        return [{"params": list(p.parameters()), "betas": (0.5, 0.99)} for p in players]

    def losses(self, batch: MotionBatch) -> dict[str, Float[Tensor, ""]]:
        """What both players minimise; each term reaches the parameters of its own player only.

        So one step of one optimiser is a step of both. The penalty is part of the training only.
        "gap" is by how much real clips are judged more real than fakes, and no part of the total.
        """
        label = self.training_label(batch.label)
        real = torch.where(batch.mask[..., None], self.standardizer(batch.joints), 0.0)
        fakes = self.fakes(batch, label)
        terms = self.game(real, fakes[0], batch, label)
        if self.energy_weight:
            terms["energy"] = energy_of(fakes, real, batch.mask)
        weights = {"gap": 0.0, "penalty": self.penalty, "energy": self.energy_weight}
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        return {"total": total, **terms}

    def fakes(self, batch: MotionBatch, label: Tensor) -> Tensor:
        """Clips of the labels and lengths of a batch, as an estimator would show them.

        Shapes: B clips -> [FAKES,B,T,J,C], 0 where the real clip of a fake shows nothing.
        """
        device = batch.joints.device
        # the same at each validation, so that losses can be compared
        rng = None if self.training else torch.Generator(device).manual_seed(0)
        draw = functools.partial(torch.randn, generator=rng, device=device)
        latent = own_rows(draw, FAKES * len(batch), self.latent, sets=FAKES)
        label, length = label.repeat(FAKES), batch.length.repeat(FAKES)
        clean = self.generate(self._player(), latent, label, length)
        confidence = batch.confidence.repeat(FAKES, 1, 1)
        clean = clean[:, : confidence.shape[1]]
        shown = self.observation.corrupt(clean, confidence, rng, sets=FAKES)
        return shown.unflatten(0, (FAKES, -1))

    def generate(
        self, player: nn.ModuleList, latent: Tensor, label: Tensor, length: Tensor
    ) -> Tensor:
        """Clean standardised positions. Shapes: [B,Z], [B], [B] -> [B,T,J,C]."""
        embedding, merge, decoder = player
        condition = self.condition(label, length, embedding)  # type: ignore[arg-type]
        merged = merge(torch.cat([latent, condition], dim=1))
        return decoder(merged, length, self.spec.frames)

    def game(
        self,
        real: Float[Tensor, "B T J C"],
        fake: Float[Tensor, "B T J C"],
        batch: MotionBatch,
        label: Int[Tensor, "B"],
    ) -> dict[str, Float[Tensor, ""]]:
        """The players' losses on pairs of a real clip and a fake of its label and length.

        The critic sees each clip once: its slope at the fakes, which the penalty needs, is also
        all that the generator learns from it.
        """
        count = len(real)
        penalised = self.training and self.global_step % PENALTY_STEPS == 0
        both = torch.cat([real, fake]).detach().requires_grad_(torch.is_grad_enabled())
        condition = self.condition(label, batch.length, self.critic.embedding)
        score = self.critic(
            both, batch.confidence.repeat(2, 1, 1), batch.length.repeat(2), condition.repeat(2, 1)
        )
        ahead = score[:count] - score[count:]
        generator = F.softplus(ahead.detach()).mean()
        terms = {"critic": F.softplus(-ahead).mean(), "gap": ahead.detach().mean()}
        if torch.is_grad_enabled():
            (slope,) = torch.autograd.grad(
                score.sum(), both, create_graph=penalised, retain_graph=True
            )
            # by the chain rule: the slope of softplus(ahead) at the fakes, and then the fakes'
            push = -torch.sigmoid(ahead.detach()) / count
            passed = (push[:, None, None, None] * slope[count:].detach() * fake).sum()
            generator = generator + passed - passed.detach()
            if penalised:
                shown = batch.mask.sum((1, 2)).repeat(2)
                squared = shown * slope.square().sum((1, 2, 3))
                terms["penalty"] = PENALTY_STEPS * squared.sum() / (2 * count)
        return {"generator": generator, **terms}

    def diagnose(self) -> dict[str, Shaped[Tensor, ""]]:
        """How far the critic tells held-back clips from fakes: the difference of mean scores."""
        assert self.foretold is not None
        return {"critic_gap": self.losses(self.foretold.clips)["gap"]}

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
        """Clips of the averaged generator; what they shake more than clips is taken off."""
        exists = torch.arange(self.spec.frames, device=length.device) < length[:, None]
        clips = self._drawn(options.temperature * noise, Wanted(label, length))
        calm = self.shaking(clips, exists)
        # where nothing was taken off, bones are rigid as they are
        return self.bones(calm, exists) if self.rigid and calm is not clips else calm

    def _drawn(self, noise: Tensor, wanted: Wanted) -> Tensor:
        player: nn.ModuleList = self.average.network  # type: ignore[assignment]
        return self.generate(player, noise, wanted.label, wanted.length)

    def refresh(self, clips: MotionBatch) -> None:
        """Measures by how much samples shake more than clips."""
        finish = self.bones if self.rigid else None
        measure_shaking(self.shaking, self, clips, self._drawn, finish)


class Critic(nn.Module):
    """Says how real a clip looks for its label and length, as a number without unit.

    The label conditions the encoder and chooses the direction of the feature space along which
    clips look more real.

    Shapes: x [B,T,J,C], confidence [B,T,J], length [B], condition [B,D] -> [B].
    Source: Miyato and Koyama, cGANs with Projection Discriminator, ICLR 2018.
    """

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        spec: MotionSpec,
        condition: int,
        features: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(spec.classes) + 1, LABEL_FEATURES)
        self.pool = Pool(encoder, skeleton, spec.channels, condition, features)
        self.direction = nn.Linear(condition, features)
        self.recurrent = any(isinstance(part, nn.RNNBase) for part in self.modules())

    def forward(
        self,
        x: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        length: Int[Tensor, "B"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B"]:
        """Judges; twice differentiable with any encoder."""
        # fused attention, and on a GPU fused recurrence, have no second derivative
        with sdpa_kernel(SDPBackend.MATH), without_cudnn(self.recurrent):
            features = F.gelu(self.pool(x, confidence, length, condition))
        return (features * self.direction(condition)).mean(1)


def energy_of(fakes: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Energy scores of fakes for the real clip of their label and length, averaged; low is good.

    That of positions and that of their `changes`, relative to the clips' own:
    where a body is says little about how it moves, see `validation_score`. Distances are root
    mean squares over the joints that the clip shows.

    Shapes: fakes [2,B,T,J,C], real [B,T,J,C], mask [B,T,J] -> [].
    Source: Gneiting and Raftery, JASA 2007, eq. 22.
    """
    both = shown_twice(mask)
    total = pair_score(fakes, real, mask)
    count = mean_of_all(both.sum())
    if not count:
        return total
    of_real = changes(real)
    squares = mean_of_all(of_real[both].square().sum(-1).sum())
    usual = (squares / count).sqrt().clamp(min=1e-4)
    return total + pair_score(changes(fakes), of_real, both) / usual


def pair_score(
    fakes: Float[Tensor, "2 B T J C"], real: Float[Tensor, "B T J C"], mask: Bool[Tensor, "B T J"]
) -> Float[Tensor, ""]:
    """Energy score of two fakes of each clip, in the unit of the clips."""
    count = mask.sum((1, 2)).clamp(min=1)

    def distance(first: Tensor, second: Tensor) -> Tensor:
        squares = torch.where(mask[..., None], first - second, 0.0).square().sum((-1, -2, -3))
        # the root has no slope at 0
        return (squares / count + 1e-8).sqrt().mean()

    return distance(fakes, real) - 0.5 * distance(fakes[0], fakes[1])
