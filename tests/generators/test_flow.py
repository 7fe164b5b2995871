"""The flow: its inverse, its log-determinant, its density, and numbers that stay finite."""

import functools

import pytest
import torch

from motiongen.encoders import CNN, GCN
from motiongen.generators import Flow
from motiongen.generators.flow import SURE
from motiongen.generators.flow_couplings import evidence, interleave
from motiongen.generators.flow_layers import Context, MeanPath, Whitening
from motiongen.generators.flow_network import FlowNetwork, joint_groups, normal_log_density
from motiongen.generators.protocols import HasDensity
from motiongen.motion import MotionSpec
from motiongen.skeleton import Skeleton
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.models import train

SPEC = example_spec()
SMALL = functools.partial(CNN, width=32, layers=2)
TINY = Skeleton("tiny", ("root", "left", "right"), (-1, 0, 0), (0, 2, 1))
ENCODERS = pytest.mark.parametrize(
    "encoder",
    [functools.partial(CNN, width=8, layers=1), functools.partial(GCN, width=8, layers=1)],
    ids=["CNN", "GCN"],
)


@pytest.fixture
def double():
    """Also for what encoders make themselves, such as Fourier features."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def shaken(network):
    """Weights away from zero, where a flow would be nearly linear."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in network.parameters():
            value += 0.3 * torch.randn(value.shape, generator=rng)
    return network


def tiny(encoder, frames=11):
    """A flow of few coordinates in double precision, with two clips and a mask."""
    torch.manual_seed(0)
    network = FlowNetwork(
        encoder, TINY, frames=frames, channels=2, classes=2, condition=3, couplings=4
    )
    context = Context(
        torch.randn(2, 3).double(), torch.tensor([1, -1]), torch.tensor([frames, 6]), frames
    )
    exists = (torch.arange(frames) < context.length[:, None])[..., None].expand(2, frames, 3)
    clips = torch.randn(2, frames, 3, 2).double()
    return shaken(network.double()), context, exists, clips


def masked(exists, gaps):
    return exists & (torch.rand(exists.shape) > 0.3) if gaps else exists


@ENCODERS
@pytest.mark.parametrize("gaps", [False, True])
def test_log_determinant_is_that_of_the_full_jacobian(double, encoder, gaps):
    network, context, exists, clips = tiny(encoder)
    seen = masked(exists, gaps)
    assert seen.all(-1).any() and (not gaps or not seen.all(-1)[exists[..., 0]].all())
    found = network(clips, seen, context).log_det
    for row in range(2):
        own = Context(*(part[row : row + 1] for part in context[:3]), context.frames)

        def flat(x, row=row, own=own):
            return network(x.view(1, *clips.shape[1:]), seen[row : row + 1], own).out.flatten()

        jacobian = torch.autograd.functional.jacobian(flat, clips[row].flatten())
        expected = torch.linalg.slogdet(jacobian).logabsdet
        assert abs(float(expected)) > 0.1
        torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)
        hidden = ~seen[row].repeat_interleave(2, -1).flatten()
        eye = torch.eye(len(jacobian)).double()
        assert torch.equal(jacobian[hidden], eye[hidden])
        assert torch.equal(jacobian[:, hidden], eye[:, hidden])


@ENCODERS
@pytest.mark.parametrize("gaps", [False, True])
def test_the_inverse_is_exact(double, encoder, gaps):
    network, context, exists, clips = tiny(encoder)
    seen = masked(exists, gaps)
    clips = torch.where(seen[..., None], clips, 0.0)
    noise = network(clips, seen, context).out
    assert (noise - clips).abs().max() > 0.1
    torch.testing.assert_close(network.inverse(noise, seen, context), clips, atol=1e-9, rtol=0)


def trained(encoder, learning_rate, steps):
    torch.manual_seed(0)
    model = Flow(SPEC, encoder, learning_rate=learning_rate)
    clips = example_clips(SPEC)
    model.fit_statistics(clips)
    for _ in train(model, clips, steps):
        pass
    return model.eval(), clips


def parts(model, clips):
    """What the flow of a model gets of clips."""
    x, seen, _ = model._clean(clips)
    embedding, network = model.average.network
    context = model._context(clips.label, clips.length, embedding, x.shape[1])
    return network, x, seen, context


@pytest.mark.parametrize("kind", [CNN, GCN])
@pytest.mark.parametrize(("learning_rate", "steps"), [(2e-3, 0), (1e-2, 25)])
def test_it_stays_invertible_and_finite(kind, learning_rate, steps):
    model, clips = trained(functools.partial(kind, width=16, layers=2), learning_rate, steps)
    network, x, seen, context = parts(model, clips)
    x = torch.where(seen[..., None], x + 0.05 * torch.randn(x.shape), 0.0)
    with torch.no_grad():
        noise = network(x, seen, context).out
        back = network.inverse(noise, seen, context)
    assert (back - x).abs().max() <= 1e-4
    rng = torch.Generator().manual_seed(0)
    exists = clips.frame_mask[..., None].expand_as(seen)
    for sigma in (1.0, 6.0):
        for base in (sigma * torch.randn(x.shape, generator=rng), torch.full_like(x, sigma)):
            with torch.no_grad():
                drawn = network.inverse(base, exists, context)
            assert torch.isfinite(drawn).all()
            assert torch.isfinite(model._denoised(drawn, exists, context)).all()


def test_the_density_integrates_to_one(double):
    """Two frames of one joint; the other joint is missing and must have no part in it."""
    line = Skeleton("line", ("root", "end"), (-1, 0), (0, 1))
    torch.manual_seed(0)
    network = FlowNetwork(
        functools.partial(CNN, width=4, layers=1), line,
        frames=2, channels=1, classes=1, condition=2, couplings=2,
    )  # fmt: skip
    network = shaken(network.double())
    grid = torch.linspace(-24, 24, 481).double()
    context = Context(
        torch.zeros(len(grid) ** 2, 2).double(),
        torch.zeros(len(grid) ** 2, dtype=torch.long),
        torch.full((len(grid) ** 2,), 2),
        2,
    )
    x = torch.zeros(len(grid) ** 2, 2, 2, 1).double()
    x[:, 0, 0, 0], x[:, 1, 0, 0] = torch.cartesian_prod(grid, grid).T
    seen = torch.tensor([True, False]).expand(len(x), 2, 2)
    with torch.no_grad():
        z, log_det, _ = network(x, seen, context)
    mass = (normal_log_density(z, seen) + log_det).exp().sum() * (grid[1] - grid[0]) ** 2
    assert abs(float(mass) - 1) < 2e-3


def test_whitening_gives_the_marginal_of_what_was_seen():
    torch.manual_seed(0)
    whitening = Whitening(3, 2)
    mixed = torch.randn(400, 1, 3, 2) @ torch.tensor([[1.0, 0.8], [0.0, 0.5]])
    mixed[:, :, 1] += mixed[:, :, 0]
    whitening.fit(mixed, torch.ones(400, 1, 3, dtype=torch.bool))
    covariance = (whitening.factor() @ whitening.factor().mT).detach()
    seen = torch.tensor([True, False, True])
    known = seen.repeat_interleave(2)
    z, log_det = whitening(mixed[:5], seen.expand(5, 1, 3))
    normal = torch.distributions.MultivariateNormal(torch.zeros(4), covariance[known][:, known])
    expected = normal.log_prob(mixed[:5].flatten(1)[:, known])
    inside = z.flatten(1)[:, known]
    base = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(base.log_prob(inside).sum(1) + log_det, expected)
    assert torch.equal(z[:, :, 1], mixed[:5, :, 1])


@pytest.mark.parametrize(
    "kind", ["every pose its own", "clips alike", "one pose", "mixed", "none"]
)
def test_poses_of_any_patterns_are_whitened_one_by_one(kind):
    torch.manual_seed(0)
    whitening = Whitening(5, 3).double()
    whitening.fit(torch.randn(50, 4, 5, 3).double().cumsum(2), torch.ones(50, 4, 5).bool())
    seen = torch.ones(6, 4, 5, dtype=torch.bool)
    if kind == "every pose its own":
        seen = torch.rand(6, 4, 5) < 0.5
    elif kind == "clips alike":
        seen = (torch.rand(6, 1, 5) < 0.6).expand(6, 4, 5)
    elif kind == "one pose":
        seen[2, 1, 3] = False
    elif kind == "mixed":
        seen[:5, :, 2] = False
        seen[4:] &= torch.rand(2, 4, 5) < 0.5
    x = torch.where(seen[..., None], torch.randn(6, 4, 5, 3).double(), 0.0).requires_grad_()

    def gradients(z, growth):
        loss = z.square().sum() + growth.sum()
        return torch.autograd.grad(loss, [x, whitening.below, whitening.diagonal])

    z, growth = whitening(x, seen)
    single = [
        [whitening(x[b : b + 1, s : s + 1], seen[b : b + 1, s : s + 1]) for s in range(4)]
        for b in range(6)
    ]
    alone = torch.cat([torch.cat([pose for pose, _ in clip], 1) for clip in single])
    grown = torch.cat([sum(own for _, own in clip) for clip in single])
    torch.testing.assert_close(z, alone)
    torch.testing.assert_close(growth, grown)
    for ours, theirs in zip(gradients(z, growth), gradients(alone, grown), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(whitening.inverse(z, seen), x)


def test_mean_path_follows_each_class():
    path = MeanPath(2, 1, 1, knots=5)
    at = torch.linspace(0, 1, 21)
    x = torch.stack([at, 1 - at]).repeat(20, 1)[..., None, None]
    label, length = torch.tensor([0, 1]).repeat(20), torch.full((40,), 21)
    path.fit(x, torch.ones(40, 21, 1, dtype=torch.bool), label, length)
    context = Context(torch.zeros(3, 0), torch.tensor([0, 1, -1]), torch.full((3,), 21), 21)
    found = path(context)[..., 0, 0].detach()
    torch.testing.assert_close(found[:2], x[:2, :, 0, 0], atol=0.05, rtol=0)
    torch.testing.assert_close(found[2], torch.full((21,), 0.5), atol=0.02, rtol=0)


def test_evidence_and_interleaving():
    x = torch.arange(7.0).view(1, 7, 1, 1) ** 2
    seen = torch.ones(1, 7, 1, dtype=torch.bool)
    terms, count = evidence(x[:, ::2], seen)
    assert terms[0, :, 0, 0, 0].tolist() == [2.0, 10.0, 26.0]
    assert terms[0, 1, 0, 0, 1] == (4 - 0) + (16 - 36)
    assert count[0, :, 0].tolist() == [2, 2, 2]
    seen[0, 6] = False
    terms, count = evidence(x[:, ::2], seen)
    assert terms[0, 2, 0, 0].tolist() == [0.0, 0.0, 16.0, 12.0]
    assert count[0, :, 0].tolist() == [2, 2, 1]
    for frames in (6, 7):
        assert torch.equal(interleave(x[:, :frames:2], x[:, 1:frames:2]), x[:, :frames])


def test_groups_are_halves():
    model = Flow(SPEC, SMALL)
    first, second, side, other = joint_groups(model.skeleton)
    assert torch.equal(first, ~second) and torch.equal(side, ~other)
    for joint, mirror in enumerate(model.skeleton.mirror):
        assert joint == mirror or side[joint] != side[mirror]


def test_strange_clips_are_less_likely():
    model, clips = trained(SMALL, 2e-3, 60)
    assert isinstance(model, HasDensity)
    usual = model.log_prob(clips)
    assert usual.shape == (len(clips),)
    alone = torch.cat([model.log_prob(clips.select(slice(i, i + 1))) for i in range(3)])
    torch.testing.assert_close(alone, usual[:3], atol=1e-4, rtol=1e-4)
    other = clips.label[:, None] != clips.label
    swapped = clips.replace(label=clips.label[other.long().argmax(1)])
    assert float((model.log_prob(swapped) < usual).float().mean()) > 0.9
    still = clips.replace(joints=clips.joints.flip(2))
    assert bool((model.log_prob(still) < usual).all())


def test_wrong_options_are_refused():
    flat = MotionSpec("coco17", 2, 16, 10.0)
    with pytest.raises(ValueError, match="rigid bones need 3 channels, the spec has 2"):
        Flow(flat, SMALL, rigid=True)
    with pytest.raises(ValueError, match="dequantisation: found 0.0, must be finite and above 0"):
        Flow(flat, SMALL, dequantisation=0.0)
    with pytest.raises(ValueError, match="hidden: found 2.0, allowed 0 to 1"):
        Flow(flat, SMALL, hidden=2.0)
    with pytest.raises(ValueError, match="coarse_temperature: found -1.0, must be finite and not"):
        Flow(flat, SMALL, coarse_temperature=-1.0)


def test_what_a_sample_does_as_a_whole_is_drawn_nearer_to_the_typical(monkeypatch):
    model, given = Flow(SPEC, SMALL), []
    model.fit_statistics(example_clips(SPEC))
    network = model.average.network[1]
    inverse = network.inverse
    monkeypatch.setattr(network, "inverse", lambda z, *rest: given.append(z) or inverse(z, *rest))
    model.eval()
    for coarse in (1.0, 0.5):
        model.coarse_temperature = coarse
        model.sample(2, seed=1)
    usual, calm = given
    share = calm / usual
    whole = torch.arange(SPEC.frames) % 8 == 0
    torch.testing.assert_close(share[:, whole], torch.full_like(share[:, whole], 0.5))
    torch.testing.assert_close(share[:, ~whole], torch.ones_like(share[:, ~whole]))
    assert Flow(SPEC, SMALL).coarse_temperature == 0.7


def test_nothing_is_learned_from_what_is_deep_in_a_gap():
    """There a path is a guess, and calmer than people move; near what was seen it is none."""
    torch.manual_seed(0)
    made, clips = Flow(SPEC, functools.partial(CNN, width=16, layers=1)), example_clips(SPEC)
    made.fit_statistics(clips)
    seen = clips.mask.clone()
    seen[:, 1:13, 5] = False
    seen[:, 0, 5] = True
    gap = clips.replace(confidence=torch.where(seen, 1.0, 0.0))
    path = made.find_path(gap)

    def loss(frame):
        other = path.clone()
        other[:, frame, 5] += 1.0
        torch.manual_seed(1)
        return made.train().losses(gap.replace(path=other))["total"].item()

    torch.manual_seed(1)
    usual = made.losses(gap.replace(path=path))["total"].item()
    assert loss(SURE + 2) == usual
    assert loss(SURE) != usual
