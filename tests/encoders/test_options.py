"""What the encoders are told: options that cannot work, and how far they see."""

import pytest
import torch

from motiongen import layouts
from motiongen.encoders import CNN, RNN, Film, Transformer
from motiongen.encoders.base import fourier, frame_mask

SKELETON = layouts.get("kinect20")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CNN(SKELETON, 4, 2, kernel=2), "encoder.kernel: found 2, must be odd"),
        (lambda: Transformer(SKELETON, 4, 2, width=10), "4 does not divide encoder.width 10"),
    ],
)
def test_impossible_options_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def reach(encoder, frames=64):
    """Frames whose input changes the output of the frame in the middle."""
    torch.manual_seed(0)
    x = torch.randn(1, frames, 20, 4, requires_grad=True)
    mask = torch.ones(1, frames, 20, dtype=torch.bool)
    out = encoder.eval()(x, mask, torch.tensor([frames]), torch.zeros(1, 2))
    out[0, frames // 2].sum().backward()
    return x.grad.abs().sum((0, 2, 3)).nonzero()[:, 0].tolist()


def test_a_convolution_sees_as_far_as_its_dilations_say():
    # kernel 5: two frames on each side, times dilations 1, 2, 4, 1
    assert reach(CNN(SKELETON, 4, 2, width=8)) == list(range(32 - 16, 32 + 17))


@pytest.mark.parametrize("kind", [RNN, Transformer])
def test_recurrence_and_attention_see_the_whole_clip(kind):
    assert reach(kind(SKELETON, 4, 2, width=8)) == list(range(64))


def test_a_transformer_knows_the_order_of_frames():
    torch.manual_seed(0)
    encoder = Transformer(SKELETON, 4, 2, width=8).eval()
    mask, length = torch.ones(1, 9, 20, dtype=torch.bool), torch.tensor([9])
    x = torch.randn(1, 9, 20, 4)
    with torch.no_grad():
        out = encoder(x, mask, length, torch.zeros(1, 2))
        back = encoder(x.flip(1), mask, length, torch.zeros(1, 2)).flip(1)
    assert not torch.allclose(out, back, atol=1e-3)


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 8, 9, 16])
def test_few_frames_are_convolved_alike(monkeypatch, frames):
    torch.manual_seed(0)
    encoder = CNN(SKELETON, 4, 2, width=8).double()
    x = torch.randn(3, frames, 20, 4, dtype=torch.double)
    seen = torch.ones(3, frames, 20, dtype=torch.bool)
    length = torch.tensor([frames, 1 + frames // 2, 1])

    def run():
        out = encoder(x, seen, length, torch.ones(3, 2, dtype=torch.double))
        return [out, *torch.autograd.grad(out.square().sum(), encoder.parameters())]

    few = run()
    monkeypatch.setattr("motiongen.encoders.cnn.FEW_FRAMES", 0)
    for ours, theirs in zip(few, run(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_film_starts_near_the_identity():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5)
    film = Film(6, 5)
    assert torch.equal(film(x, torch.zeros(2, 6)), x)
    moved = film(x, torch.randn(2, 6)).detach()
    assert float((moved - x).abs().max()) < 0.6


def test_frame_mask():
    assert frame_mask(torch.tensor([0, 2]), 3).tolist() == [[False] * 3, [True, True, False]]


def test_fourier_features_are_sines_of_doubling_frequency():
    found = fourier(torch.tensor([0.25]), 2, lowest=1.0)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0, 0.0, -1.0]]), atol=1e-6, rtol=0)
