"""The motion-space flow's network: from a clip to noise of the same shape, and back."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from motiongen.encoders import EncoderFactory
from motiongen.generators.flow_couplings import JointCoupling, Lifting, Step, interleave
from motiongen.generators.flow_layers import Context, MeanPath, Whitening
from motiongen.motion import NO_LABEL
from motiongen.skeleton import Skeleton

#: every so many frames, joints are coupled with each other
SPACING = 8
KNOTS = 10


class FlowNetwork(nn.Module):
    """An invertible map of clips to independent normal numbers.

    From the clip: the typical path of its class is taken off. Then time is halved again and
    again: every second frame is foretold from the frames beside it and leaves noise, until one
    frame remains. The noise of every eighth frame, which says what the motion does as a whole,
    passes through couplings between groups of joints.

    Shapes: x [B,T,J,C], seen [B,T,J] -> z [B,T,J,C], log-determinant [B].
    """

    # a ModuleList does not say what it holds
    liftings: Any
    couplings: Any

    def __init__(
        self,
        encoder: EncoderFactory,
        skeleton: Skeleton,
        *,
        frames: int,
        channels: int,
        classes: int,
        condition: int,
        couplings: int,
    ) -> None:
        super().__init__()
        joints = skeleton.num_joints
        self.mean = MeanPath(classes, joints, channels, KNOTS)
        spacings = [2**level for level in range((frames - 1).bit_length())]
        self.liftings = nn.ModuleList(
            Lifting(encoder, skeleton, channels, condition, frames, spacing)
            for spacing in spacings
        )
        self.start = Whitening(joints, channels)
        groups = joint_groups(skeleton)
        #: liftings of frames that are nearer than those whose joints are coupled
        self.fine = min(len(spacings), SPACING.bit_length() - 1)
        #: every so many frames say what the motion does as a whole
        self.spacing = 2**self.fine
        self.couplings = nn.ModuleList(
            JointCoupling(
                encoder,
                skeleton,
                channels,
                condition,
                frames,
                self.spacing,
                groups[i % len(groups)],
            )
            for i in range(couplings)
        )

    def forward(
        self, x: Float[Tensor, "B T J C"], seen: Bool[Tensor, "B T J"], context: Context
    ) -> Step:
        """From a clip to noise."""
        x = torch.where(seen[..., None], x - self.mean(context), x)
        noises, log_det, extreme = [], x.new_zeros(len(x)), x.new_zeros(())
        grids = self._grids(seen)
        for lifting, grid in zip(self.liftings, grids, strict=False):
            noise, growth, most = lifting(x, grid, context)
            x, log_det, extreme = x[:, ::2], log_det + growth, torch.maximum(extreme, most)
            noises.append(noise)
        x, growth = self.start(x, grids[-1])
        log_det = log_det + growth
        for noise in noises[: self.fine - 1 if self.fine else None : -1]:
            x = interleave(x, noise)
        for coupling in self.couplings:
            x, growth, most = coupling(x, grids[self.fine], context)
            log_det, extreme = log_det + growth, torch.maximum(extreme, most)
        for noise in noises[: self.fine][::-1]:
            x = interleave(x, noise)
        return Step(x, log_det, extreme)

    def inverse(
        self, z: Float[Tensor, "B T J C"], seen: Bool[Tensor, "B T J"], context: Context
    ) -> Float[Tensor, "B T J C"]:
        """From noise to a clip."""
        grids, noises = self._grids(seen), []
        for level in range(len(self.liftings)):
            if level == self.fine:
                z = self._uncouple(z, grids[level], context)
            noises.append(z[:, 1::2])
            z = z[:, ::2]
        if self.fine == len(self.liftings):
            z = self._uncouple(z, grids[-1], context)
        x = self.start.inverse(z, grids[-1])
        for level in reversed(range(len(self.liftings))):
            x = self.liftings[level].inverse(x, noises[level], grids[level], context)
        return torch.where(seen[..., None], x + self.mean(context), x)

    def _uncouple(self, z: Tensor, seen: Tensor, context: Context) -> Tensor:
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z, seen, context)
        return z

    def _grids(self, seen: Tensor) -> list[Tensor]:
        """What was seen of every frame, of every second, of every fourth, ..."""
        return [seen[:, :: 2**level] for level in range(len(self.liftings) + 1)]

    @torch.no_grad()
    def fit(
        self,
        x: Float[Tensor, "B T J C"],
        seen: Bool[Tensor, "B T J"],
        label: Int[Tensor, "B"],
        length: Int[Tensor, "B"],
        hidden: Bool[Tensor, "B"],
    ) -> None:
        """Makes it the best flow without its networks: Gaussian, given the class.

        Around its mean path lie the clips of a class, and those whose label is hidden lie around
        that of all: the covariances have to cover both.
        """
        self.mean.fit(x, seen, label, length)
        nothing = x.new_zeros(len(x), 0)
        label = torch.where(hidden, NO_LABEL, label)
        context = Context(nothing, label, length, x.shape[1])
        x = torch.where(seen[..., None], x - self.mean(context), 0.0)
        for lifting, grid in zip(self.liftings, self._grids(seen), strict=False):
            lifting.fit(x, grid)
            x = x[:, ::2]
        self.start.fit(x, self._grids(seen)[-1])


def joint_groups(skeleton: Skeleton) -> list[Tensor]:
    """Halves of a skeleton that take turns: near and far in the tree, one side and the other.

    By the parity of the distance from the root, so that bones join the halves, and by side, the
    middle by parity.

    Shapes: -> four of [J].
    """
    depth = torch.as_tensor(skeleton.hops[skeleton.root])
    parity = depth % 2 == 0
    mirror = torch.as_tensor(skeleton.mirror)
    own = torch.arange(skeleton.num_joints)
    side = torch.where(mirror == own, parity, own < mirror)
    return [parity, ~parity, side, ~side]


def normal_log_density(z: Tensor, seen: Tensor) -> Tensor:
    """Summed over the coordinates that were seen. Shapes: [B,T,J,C], [B,T,J] -> [B]."""
    density = -0.5 * (z**2 + math.log(2 * math.pi))
    return torch.where(seen[..., None], density, 0.0).flatten(1).sum(1)
