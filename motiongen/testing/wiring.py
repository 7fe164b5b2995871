"""An encoder bare and in each adapter, as functions of clips that can be compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from motiongen import layouts
from motiongen.encoders.base import EncoderFactory, frame_mask
from motiongen.networks import Decoder, PerJoint, Pool, masked_input
from motiongen.standardizer import Standardizer

#: layouts and channels that every encoder is tried on
SETTINGS = (("kinect20", 3), ("coco17", 2))
CONDITION = 6
#: no multiple of a patch or a stride
FRAMES = 11
LENGTHS = (11, 7, 2)


class Clips(NamedTuple):
    """The arguments of an adapter."""

    x: Float[Tensor, "B T J C"]
    confidence: Float[Tensor, "B T J"]
    length: Int[Tensor, "B"]
    condition: Float[Tensor, "B D"]

    @property
    def seen(self) -> Tensor:
        """True where a joint was seen. Shapes: [B,T,J]."""
        return self.confidence > 0

    def under_the_mask(self, value: float) -> "Clips":
        """The same clips with another value wherever nothing was seen, padding included."""
        return self._replace(x=torch.where(self.seen[..., None], self.x, value))

    def padded(self, frames: int) -> "Clips":
        """The same clips with more padding."""
        x, confidence = self.x, self.confidence
        more = (len(x), frames, *x.shape[2:])
        return self._replace(
            x=torch.cat([x, x.new_zeros(more)], 1),
            confidence=torch.cat([confidence, confidence.new_zeros(more[:3])], 1),
        )

    def select(self, rows: slice) -> "Clips":
        """Some of the clips."""
        return Clips(*(values[rows] for values in self))


@dataclass(frozen=True)
class Network:
    """An encoder, bare or in an adapter, as a function of clips.

    Args:
        name: for messages.
        module: everything trainable.
        forward: clips to [B,T,J,F] (zero beyond the length), or to [B,F].
        sees: whether it sees motion; a decoder sees its condition only.
    """

    name: str
    module: nn.Module
    forward: Callable[[Clips], Float[Tensor, "B ..."]]
    sees: bool = True

    def __call__(self, clips: Clips) -> Float[Tensor, "B ..."]:
        """Runs the network."""
        return self.forward(clips)


def example(
    layout: str,
    channels: int,
    frames: int = FRAMES,
    lengths: tuple[int, ...] = LENGTHS,
    *,
    missing: float = 0.3,
) -> Clips:
    """Random clips of which a share `missing` was not seen."""
    joints, count = layouts.get(layout).num_joints, len(lengths)
    length = torch.tensor(lengths)
    confidence = 0.05 + 0.95 * torch.rand(count, frames, joints)
    seen = (torch.rand(confidence.shape) >= missing) & frame_mask(length, frames)[..., None]
    x = torch.randn(count, frames, joints, channels)
    clips = Clips(x, confidence * seen, length, torch.randn(count, CONDITION))
    return clips.under_the_mask(0.0)


def networks(factory: EncoderFactory, layout: str, channels: int) -> list[Network]:
    """The encoder bare and in each adapter, in evaluation mode."""
    skeleton = layouts.get(layout)
    bare = factory(skeleton, channels + 1, CONDITION)
    pool = Pool(factory, skeleton, channels, CONDITION, 5)
    per_joint = PerJoint(factory, skeleton, channels, CONDITION, 4)
    body = Standardizer(skeleton, channels)
    pose = torch.randn(50, skeleton.num_joints, channels)
    body.fit(pose, torch.ones(pose.shape[:2], dtype=torch.bool))
    decoder = Decoder(
        factory, skeleton, body, channels=channels, condition=CONDITION, rigid=channels == 3
    )

    def encode(clips: Clips) -> Tensor:
        x = masked_input(clips.x, clips.confidence)
        return existing(bare(x, clips.seen, clips.length, clips.condition), clips.length)

    def decode(clips: Clips) -> Tensor:
        out = decoder(clips.condition, clips.length, clips.x.shape[1])
        return existing(out, clips.length)

    where = f"on {layout} in {channels}-D"
    found = [
        Network(f"the bare encoder {where}", bare, encode),
        Network(f"Pool {where}", pool, lambda clips: pool(*clips)),
        Network(f"PerJoint {where}", per_joint, lambda clips: per_joint(*clips)),
        Network(f"Decoder {where}", decoder, decode, sees=False),
    ]
    for network in found:
        network.module.eval()
    return found


def existing(out: Float[Tensor, "B T J F"], length: Int[Tensor, "B"]) -> Float[Tensor, "B T J F"]:
    """Zeros what has no meaning: frames beyond the length."""
    return torch.where(frame_mask(length, out.shape[1])[..., None, None], out, 0.0)


def cases(factory: EncoderFactory) -> Iterator[tuple[Network, Clips]]:
    """Every network on every setting, with clips for it."""
    for layout, channels in SETTINGS:
        for network in networks(factory, layout, channels):
            yield network, example(layout, channels)
