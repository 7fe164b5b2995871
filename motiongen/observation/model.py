"""How an estimator sees clean motion: measured once, used by every family."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from motiongen.observation.differences import calm_mean_square, shown_in_a_row
from motiongen.observation.estimate import estimate_noise
from motiongen.observation.paths import Tempo, between, path_beside, share_beside, together
from motiongen.processes import own_normal, own_rows
from motiongen.skeleton import Skeleton

#: what is quick is rare: a path departs from what is expected of it by this share of the root
#: mean square in most frames, and would follow the noise if it might always do so by all of it
CALM = 0.6
#: clips and frames of noise by which its own differences are measured
NOISE_DRAWS = (512, 64)


class Observation(nn.Module):
    """The noise of an estimator: level at each joint, correlation in time, heavy tails.

    An estimated coordinate is the clean one plus noise; a joint that was not seen is missing.
    `fit` measures the noise on the train split, `corrupt` makes samples comparable with what was
    observed, `clean` takes the noise off again, as far as it can be known.

    All numbers are in standardised units.

    Args:
        skeleton: joints and bones.
        level: standard deviation of the noise where it is known. None: `fit` measures it. 0: the
            data are believed as they are.

    Raises:
        ValueError: if `level` is negative or not finite.
    """

    level: Float[Tensor, "J"]
    correlation: Float[Tensor, ""]
    degrees: Float[Tensor, ""]
    speed: Float[Tensor, "J"]
    turn: Float[Tensor, "J"]
    own_speed: Float[Tensor, "J"]
    own_turn: Float[Tensor, "J"]

    def __init__(self, skeleton: Skeleton, level: float | None = None) -> None:
        super().__init__()
        if level is not None and not 0 <= level < math.inf:
            raise ValueError(f"noise_level: found {level}, must be finite and not negative")
        self.skeleton, self.given = skeleton, level
        joints = skeleton.num_joints
        self.register_buffer("level", torch.zeros(joints))
        #: of the noise of a frame with that of the next
        self.register_buffer("correlation", torch.zeros(()))
        #: degrees of freedom of the noise's Student-t
        self.register_buffer("degrees", torch.tensor(30.0))
        #: root mean square of the first and second differences of clean motion, each joint
        self.register_buffer("speed", torch.ones(joints))
        self.register_buffer("turn", torch.ones(joints))
        #: the same beside the joint's parent, where that is calmer
        self.register_buffer("own_speed", torch.ones(joints))
        self.register_buffer("own_turn", torch.ones(joints))

    @torch.no_grad()
    def fit(
        self,
        joints: Float[Tensor, "N T J C"],
        mask: Bool[Tensor, "N T J"],
        unit: float = 1.0,
    ) -> None:
        """Measures the noise of the train split, in standardised units of length.

        Args:
            joints: positions, of one body: only scaled, as the lengths of its bones tell. What
                was not seen has no meaning.
            mask: True where a joint was seen.
            unit: the level that was given to `__init__` is divided by this.
        """
        found = estimate_noise(joints, mask, self.skeleton)
        level = found.level.to(self.level)
        if self.given is not None:
            # the user knows how large it is; how it is spread over the joints is measured
            usual = level.square().mean().sqrt()
            share = level / usual if usual > 0 else torch.ones_like(level)
            level = share * self.given / unit
        self.level.copy_(level)
        self.correlation.fill_(found.correlation)
        self.degrees.fill_(found.degrees)
        self.speed.copy_(self._moved(joints, mask, 1, self.level))
        self.turn.copy_(self._moved(joints, mask, 2, self.level))
        self._fit_own(joints, mask)

    def _fit_own(self, joints: Tensor, mask: Tensor) -> None:
        """How joints move beside their parents."""
        parents = [max(parent, 0) for parent in self.skeleton.parents]
        child = torch.tensor([parent >= 0 for parent in self.skeleton.parents])
        child = child.to(joints.device)
        beside = joints - torch.where(child[:, None], joints[:, :, parents], 0.0)
        both = mask & (mask[:, :, parents] | ~child)
        above = torch.where(child.to(self.level.device), self.level[parents], 0.0)
        level = (self.level**2 + above**2).sqrt()
        for order, own, usual in ((1, self.own_speed, self.speed), (2, self.own_turn, self.turn)):
            found = self._moved(beside, both, order, level)
            # nothing is known of joints that are never seen together
            known = shown_in_a_row(both, order)
            own.copy_(torch.where(known.to(own.device), found.minimum(usual), usual))

    def _moved(self, joints: Tensor, mask: Tensor, order: int, level: Tensor) -> Tensor:
        """Root mean square difference of each joint, less what noise of a level adds to it."""
        mean = calm_mean_square(joints, mask, order).to(level)
        alone = self._noise_alone(order, joints.shape[-1])
        return (mean - alone * level**2).maximum(0.05 * mean).sqrt().clamp(min=1e-4)

    def _noise_alone(self, order: int, channels: int) -> Tensor:
        """Mean square difference of `noise` of level 1, outliers cut like those of the joints.

        At two and a half degrees of freedom tails make most of it: left out, they would pass for
        motion.
        """
        shape = (*NOISE_DRAWS, 1, channels)
        rng = torch.Generator().manual_seed(0)
        normal = torch.randn(shape, generator=rng)
        half = torch.full(shape, float(self.degrees) / 2)
        noise = self._unit_noise(normal, torch._standard_gamma(half, generator=rng))
        return calm_mean_square(noise, torch.ones(noise.shape[:3], dtype=torch.bool), order)[0]

    @property
    def known(self) -> bool:
        """Whether there is any noise to take off."""
        return bool((self.level > 0).any())

    @torch.no_grad()
    def clean(
        self,
        joints: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        exists: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B T J C"]:
        """Where the joints most likely were: noise taken off, gaps filled.

        What jumps away for a moment is left out (`without_spikes`), the rest smoothed (`smooth`):
        from the root outwards, each joint beside the path of its parent: a hand that is hidden
        goes where the body goes, and what is left to foretell of it is calmer. A joint that a
        clip never shows is 0 there. Without noise, what was seen stays as it is.
        """
        paths = torch.zeros_like(joints)
        for generation in self.skeleton.generations:
            for at in together(generation, mask, float(self.correlation)):
                parents = [self.skeleton.parents[joint] for joint in at]
                has = torch.tensor([parent >= 0 for parent in parents], device=joints.device)
                above = [max(parent, 0) for parent in parents]
                # where a parent is never shown its path is 0
                beside = torch.where(has[:, None], paths[:, :, above], 0.0)
                share = share_beside(mask[:, :, at], mask[:, :, above] & has)
                # beside a parent that is not where its path says it moves as it does in space
                speed = between(self.speed[at], self.own_speed[at], share)
                turn = between(self.turn[at], self.own_turn[at], share)
                tempo = Tempo(speed, turn)
                paths[:, :, at] = self._path(at, beside, joints, mask, exists, tempo)
        return paths

    @torch.no_grad()
    def clean_about(
        self,
        expected: Float[Tensor, "B T J C"],
        departure: Tempo,
        joints: Float[Tensor, "B T J C"],
        mask: Bool[Tensor, "B T J"],
        exists: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B T J C"]:
        """As `clean`, where a model of motion says where each joint is to be expected.

        What was seen is followed as far as its noise allows; far from it the path is the expected
        one.

        Args:
            expected: where the model has the joints.
            departure: how clean motion departs from that, see `departure`.
            joints: positions.
            mask: True where a joint was seen.
            exists: frames of the clips.
        """
        paths = torch.zeros_like(joints)
        for at in together(range(mask.shape[2]), mask, float(self.correlation)):
            beside, tempo = expected[:, :, at], departure.of(at)
            paths[:, :, at] = self._path(at, beside, joints, mask, exists, tempo)
        return paths

    def _path(
        self,
        at: list[int],
        beside: Tensor,
        joints: Tensor,
        mask: Tensor,
        exists: Tensor,
        tempo: Tempo,
    ) -> Tensor:
        """`path_beside` of some joints; those without noise stay where they were seen."""
        seen, shown = joints[:, :, at], mask[:, :, at]
        least = self.level.maximum(1e-3 * self.turn)[at]
        noise = {"level": least, "correlation": float(self.correlation)}
        path = path_beside(beside, seen, shown, exists, tempo=tempo, **noise)
        believed = shown[..., None] & (self.level[at] == 0)[:, None]
        return torch.where(believed, seen, path)

    @torch.no_grad()
    def departure(self, away: Float[Tensor, "N T J C"], mask: Bool[Tensor, "N T J"]) -> Tempo:
        """How clean motion departs from what a model expects, told by noisy clips.

        Args:
            away: what was seen, less what was expected.
            mask: True where a joint was seen.
        """
        size, speed, turn = (self._moved(away, mask, order, self.level) for order in range(3))
        return Tempo(CALM * speed, CALM * turn, size)

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any
    ) -> None:
        """Models of before knew only how joints move in space: that stands in."""
        for name in ("speed", "turn"):
            if prefix + name in state_dict:
                state_dict.setdefault(f"{prefix}own_{name}", state_dict[prefix + name])
        super()._load_from_state_dict(state_dict, prefix, *args)

    def corrupt(
        self,
        clean: Float[Tensor, "B T J C"],
        confidence: Float[Tensor, "B T J"],
        generator: torch.Generator | None = None,
        *,
        sets: int = 1,
    ) -> Float[Tensor, "B T J C"]:
        """What an estimator that sees these joints would show of clean ones; 0 where unseen.

        Gradients pass through. The normal part of the noise is correlated in time, its tails are
        independent from frame to frame. `sets` of clips in a row hold the same clips, see
        `own_rows`.
        """
        normal = own_normal(clean, generator, sets=sets)
        half = float(self.degrees) / 2

        def draw(*shape: int) -> Tensor:
            return torch._standard_gamma(clean.new_full(shape, half), generator=generator)

        gamma = own_rows(draw, *clean.shape, sets=sets)
        return torch.where((confidence > 0)[..., None], clean + self.noise(normal, gamma), 0.0)

    def noise(
        self, normal: Float[Tensor, "B T J C"], gamma: Float[Tensor, "B T J C"]
    ) -> Float[Tensor, "B T J C"]:
        """The noise that random numbers stand for.

        Args:
            normal: standard normal numbers.
            gamma: numbers of a standard gamma distribution whose shape is half of `degrees`: one
                for each coordinate turns the Gaussian into a Student-t.
        """
        return self.level[:, None] * self._unit_noise(normal, gamma)

    def _unit_noise(self, normal: Tensor, gamma: Tensor) -> Tensor:
        """Noise of level 1: an autoregressive series under independent tails."""
        rho = float(self.correlation)
        steps = [normal[:, 0]]
        for frame in range(1, normal.shape[1]):
            steps.append(rho * steps[-1] + math.sqrt(1 - rho**2) * normal[:, frame])
        chi = gamma / (float(self.degrees) / 2)
        return torch.stack(steps, 1) / chi.clamp(min=1e-3).sqrt()
