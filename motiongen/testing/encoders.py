"""What every encoder promises, bare and in each adapter."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from motiongen import layouts
from motiongen.encoders.base import Encoder, EncoderFactory, frame_mask
from motiongen.networks import masked_input
from motiongen.testing.contract import (
    Check,
    check,
    dead_parameters,
    require,
    require_equal,
    require_finite,
    run_all,
    shake,
)
from motiongen.testing.wiring import (
    CONDITION,
    FRAMES,
    SETTINGS,
    Clips,
    Network,
    cases,
    example,
    existing,
    networks,
)


def check_encoder(factory: EncoderFactory) -> None:
    """Runs every check of `encoder_checks` on an encoder.

    Args:
        factory: an encoder class, or a partial of one with its own options set.

    Raises:
        ContractError: with one line for each promise that is not kept.
    """
    run_all(encoder_checks(), factory)


def encoder_checks() -> list[Check]:
    """The checks; each takes an encoder class or a partial of one."""
    return [
        features_at_every_joint,
        pooled_is_a_weighted_sum,
        mask_is_a_wall,
        every_seen_joint_matters,
        condition_matters,
        clips_do_not_mix,
        clips_do_not_mix_in_training,
        padding_does_not_matter,
        frames_beyond_the_length_do_not_matter,
        gradient_reaches_every_parameter,
        shortest_and_unseen_clips_work,
        evaluation_is_deterministic,
    ]


@check
def features_at_every_joint(factory: EncoderFactory) -> None:
    """[B,T,J,features], finite at every existing frame and joint, input left as it was."""
    for layout, channels in SETTINGS:
        encoder = factory(layouts.get(layout), channels + 1, CONDITION).eval()
        require(isinstance(encoder, Encoder), f"{type(encoder).__name__} is no Encoder")
        clips = example(layout, channels)
        x = masked_input(clips.x, clips.confidence)
        before = x.clone()
        out = encoder(x, clips.seen, clips.length, clips.condition)
        expected = (*x.shape[:3], encoder.features)
        shape = tuple(out.shape)
        require(shape == expected, f"on {layout}: shape {shape}, expected {expected}")
        require_finite(existing(out, clips.length), f"output on {layout}")
        require(torch.equal(x, before), f"on {layout}: the input was changed in place")


@check
@torch.no_grad()
def pooled_is_a_weighted_sum(factory: EncoderFactory) -> None:
    """`pooled` gives the sums of the features over time that `Encoder.pooled` gives."""
    for layout, channels in SETTINGS:
        encoder = factory(layouts.get(layout), channels + 1, CONDITION).eval()
        shake(encoder)
        clips = example(layout, channels)
        weight = torch.rand(*clips.x.shape[:2], 3) * frame_mask(clips.length, FRAMES)[..., None]
        x = masked_input(clips.x, clips.confidence)
        inputs = (x, clips.seen, clips.length, clips.condition, weight)
        expected = Encoder.pooled(encoder, *inputs)
        require_equal(encoder.pooled(*inputs), expected, f"on {layout}: sums over time", 1e-5)


def gradients(
    network: Network, clips: Clips
) -> tuple[Float[Tensor, "B ..."], Float[Tensor, "B T J C"], Float[Tensor, "P"]]:
    """Output, gradient of the input, and of all parameters in one vector."""
    clips = clips._replace(x=clips.x.clone().requires_grad_())
    network.module.zero_grad()
    out = network(clips)
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    (out * weights).sum().backward()
    grads = [p.grad.flatten() for p in network.module.parameters() if p.grad is not None]
    into = torch.zeros_like(clips.x) if clips.x.grad is None else clips.x.grad
    return out.detach(), into, torch.cat(grads)


@check
def mask_is_a_wall(factory: EncoderFactory) -> None:
    """Values under confidence 0 change no output and no gradient, not even NaN."""
    for network, clips in cases(factory):
        expected = gradients(network, clips)
        for value in (1e3, float("nan")):
            found = gradients(network, clips.under_the_mask(value))
            what = f"{network.name}, {value} where nothing was seen"
            require_equal(found[0], expected[0], f"{what}: output")
            require_equal(found[1], expected[1], f"{what}: gradient of the input")
            require_equal(found[2], expected[2], f"{what}: gradient of the parameters")


@check
def every_seen_joint_matters(factory: EncoderFactory) -> None:
    """The output depends on every joint of every frame that was seen."""
    for network, clips in cases(factory):
        if not network.sees:
            continue
        shake(network.module)
        ignored = clips.seen & (gradients(network, clips)[1] == 0).all(-1)
        where = ignored.nonzero().tolist()
        require(not where, f"{network.name}: clip, frame, joint {where[:3]} change nothing")


@check
def condition_matters(factory: EncoderFactory) -> None:
    """Another condition gives another output, for every clip."""
    for network, clips in cases(factory):
        shake(network.module)
        other = clips._replace(condition=clips.condition + torch.randn_like(clips.condition))
        with torch.no_grad():
            change = (network(other) - network(clips)).abs().flatten(1).amax(1)
        require(bool((change > 1e-6).all()), f"{network.name}: the condition changes nothing")


@torch.no_grad()
def require_apart(network: Network, clips: Clips, others: Clips) -> None:
    """Each clip's output stays when every other clip of the batch is replaced."""
    expected = network(clips)
    for row in range(len(clips.x)):
        pairs = zip(clips, others, strict=True)
        mixed = Clips(*(torch.cat([b[:row], a[row : row + 1], b[row + 1 :]]) for a, b in pairs))
        what = f"{network.name}: clip {row} with other clips in its batch"
        require_equal(network(mixed)[row], expected[row], what, 1e-6)


@check
def clips_do_not_mix(factory: EncoderFactory) -> None:
    """A clip's output does not depend on the rest of its batch."""
    for network, clips in cases(factory):
        shake(network.module)
        others = clips._replace(x=3 + clips.x.flip(0), length=clips.length.flip(0))
        confidence = frame_mask(others.length, FRAMES)[..., None] * torch.ones_like(clips.seen)
        others = others._replace(confidence=confidence.float(), condition=-clips.condition)
        require_apart(network, clips, others)
        with torch.no_grad():
            expected = network(clips)
            alone = torch.cat([network(clips.select(slice(row, row + 1))) for row in range(3)])
        require_equal(alone, expected, f"{network.name}: a clip alone", 1e-5)


@check
def clips_do_not_mix_in_training(factory: EncoderFactory) -> None:
    """The same while training, with dropout set to 0: no statistics of the batch are used."""
    for network, clips in cases(factory):
        for module in network.module.train().modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
            if isinstance(module, nn.RNNBase):
                module.dropout = 0.0
        with torch.no_grad():
            repeatable = torch.equal(network(clips), network(clips))
        # other randomness cannot be switched off from outside
        if repeatable:
            others = clips._replace(x=3 + clips.x.flip(0)).under_the_mask(0.0)
            require_apart(network, clips, others)


@check
def padding_does_not_matter(factory: EncoderFactory) -> None:
    """More padding, and whatever stands in it, changes nothing at existing frames."""
    for network, clips in cases(factory):
        longer = clips.padded(7)
        with torch.no_grad():
            expected, found = network(clips), network(longer)
            found = found[:, :FRAMES] if found.ndim > 2 else found
            require_equal(found, expected, f"{network.name}: 7 more frames of padding", 1e-5)
            for value in (1e3, float("nan")):
                filled = network(longer.under_the_mask(value))
                filled = filled[:, :FRAMES] if filled.ndim > 2 else filled
                require_equal(filled, found, f"{network.name}: padding of {value}")


@check
def frames_beyond_the_length_do_not_matter(factory: EncoderFactory) -> None:
    """The bare encoder obeys the length, also where the input beyond it is not zero."""
    for layout, channels in SETTINGS:
        encoder = factory(layouts.get(layout), channels, CONDITION).eval()
        x, confidence, length, condition = example(layout, channels)
        exists = frame_mask(length, FRAMES)[..., None].expand(confidence.shape)
        other = torch.where(exists[..., None], x, 1e3)
        with torch.no_grad():
            expected = existing(encoder(x, exists, length, condition), length)
            found = existing(encoder(other, exists, length, condition), length)
        require_equal(found, expected, f"on {layout}: values beyond the length", 1e-6)


@check
def gradient_reaches_every_parameter(factory: EncoderFactory) -> None:
    """No parameter is left without a gradient."""
    for network, clips in cases(factory):
        shake(network.module)
        gradients(network, clips)
        dead = dead_parameters(network.module)
        require(not dead, f"{network.name}: no gradient at {', '.join(dead)}")


@check
def shortest_and_unseen_clips_work(factory: EncoderFactory) -> None:
    """Two frames, one clip, and clips in which nothing was seen give finite results."""
    for layout, channels in SETTINGS:
        for network in networks(factory, layout, channels):
            for frames, lengths, missing in ((2, (2,), 0.0), (9, (2,), 0.0), (5, (5, 3), 1.0)):
                clips = example(layout, channels, frames, lengths, missing=missing)
                what = f"{network.name}, lengths {lengths}, {missing:.0%} missing"
                for name, values in zip(
                    ("output", "gradient of the input", "gradient of the parameters"),
                    gradients(network, clips),
                    strict=True,
                ):
                    require_finite(values, f"{what}: {name}")


@check
@torch.no_grad()
def evaluation_is_deterministic(factory: EncoderFactory) -> None:
    """In evaluation mode the same input gives the same output, bit by bit."""
    for network, clips in cases(factory):
        require_equal(network(clips), network(clips), f"{network.name}: called again")
