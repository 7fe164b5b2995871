"""The blended layers against their definition, what the gate sees, and every family over them."""

import functools
import inspect

import pytest
import torch

from motiongen import generators, layouts
from motiongen.encoders import MixtureOfExperts
from motiongen.encoders.experts import BlendedLinear
from motiongen.generators import VAE, Generator
from motiongen.networks import Decoder
from motiongen.standardizer import Standardizer
from motiongen.testing import generator_checks
from motiongen.testing.generators import gradient_reaches_every_parameter

SKELETON = layouts.get("kinect20")
TINY = functools.partial(MixtureOfExperts, width=16, layers=2, experts=3)
OTHERS = [
    kind
    for kind in (getattr(generators, name) for name in generators.__all__)
    if inspect.isclass(kind) and issubclass(kind, Generator) and kind not in (Generator, VAE)
]


def test_weights_are_blended():
    torch.manual_seed(0)
    layer = BlendedLinear(5, 2, experts=3).double()
    h = torch.randn(2, 4, 5, dtype=torch.double)
    condition = torch.randn(2, 2, dtype=torch.double)
    share = torch.rand(2, 4, 3, dtype=torch.double).softmax(-1)
    weight = torch.cat([layer.of_input.weight, layer.of_condition.weight], 1).unflatten(0, (3, 5))
    bias = layer.of_condition.bias.unflatten(0, (3, 5))
    both = torch.cat([h, condition[:, None].expand(-1, 4, -1)], -1)
    found = layer(h, condition, share)
    for clip in range(2):
        for step in range(4):
            own = share[clip, step]
            blended = torch.tensordot(own, weight, 1) @ both[clip, step] + own @ bias
            torch.testing.assert_close(found[clip, step], blended)


def test_one_expert_alone_is_a_plain_layer():
    torch.manual_seed(0)
    layer = BlendedLinear(5, 2, experts=3)
    h, condition = torch.randn(1, 4, 5), torch.randn(1, 2)
    found = layer(h, condition, torch.tensor([0.0, 1.0, 0.0]).expand(1, 4, 3))
    expected = h @ layer.of_input.weight[5:10].T
    expected = expected + layer.of_condition(condition)[:, None, 5:10]
    torch.testing.assert_close(found, expected)


def shares_of(decoder, condition, length, frames):
    """What the gate of a decoder says. Shapes: [B,D], [B] -> [B,S,experts]."""
    found = []
    gate = decoder.per_joint.encoder.gate
    with torch.no_grad(), gate.register_forward_hook(lambda *passed: found.append(passed[2])):
        decoder(condition, length, frames)
    return found[0]


def test_the_gate_of_a_decoder_follows_the_latent_and_the_time():
    torch.manual_seed(0)
    body = Standardizer(SKELETON, 3)
    options = {"channels": 3, "condition": 6, "rigid": False}
    decoder = Decoder(functools.partial(TINY, patch=1), SKELETON, body, **options).eval()
    share = shares_of(decoder, torch.randn(2, 6), torch.tensor([9, 9]), 9)
    assert share.shape == (2, 9, 3)
    torch.testing.assert_close(share.sum(-1), torch.ones(2, 9))
    assert float((share[0] - share[1]).abs().max()) > 1e-3
    assert float(share.std(1).min()) > 1e-3


def test_one_expert_is_refused():
    with pytest.raises(ValueError, match="encoder.experts: found 1, at least 2 can be blended"):
        MixtureOfExperts(SKELETON, 4, 2, experts=1)


@pytest.mark.parametrize("frames", [2, 3, 4, 9])
@pytest.mark.parametrize("patch", [1, 2, 3])
def test_patches_of_any_rest(patch, frames):
    encoder = TINY(SKELETON, 4, 2, patch=patch)
    mask = torch.ones(1, frames, 20, dtype=torch.bool)
    out = encoder(torch.randn(1, frames, 20, 4), mask, torch.tensor([frames]), torch.zeros(1, 2))
    assert out.shape == (1, frames, 20, 16)


@pytest.mark.parametrize("check", generator_checks(), ids=lambda check: check.__name__)
def test_a_vae_over_it_keeps_the_contract(check):
    check(functools.partial(VAE, encoder=TINY))


@pytest.mark.parametrize("generator", OTHERS, ids=lambda kind: kind.__name__)
def test_every_other_family_takes_it(generator):
    gradient_reaches_every_parameter(functools.partial(generator, encoder=TINY))
