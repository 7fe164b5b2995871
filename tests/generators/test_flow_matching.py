"""Flow matching: its units, its solvers, its guidance, and where its samples end."""

import functools
import math

import pytest
import torch

from motiongen.encoders import CNN
from motiongen.generators import FlowMatching, SampleOptions
from motiongen.generators.average import Average
from motiongen.generators.solvers import SOLVERS
from motiongen.motion import NO_LABEL
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.models import train

SPEC = example_spec()


def model(**options):
    torch.manual_seed(0)
    made = FlowMatching(SPEC, functools.partial(CNN, width=16, layers=1), **options)
    made.fit_statistics(example_clips(SPEC))
    return made


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_solvers_have_their_order(solver, order):
    def error(steps):
        times = [step / steps for step in range(steps + 1)]
        start = torch.ones(1, dtype=torch.float64)
        end = SOLVERS[solver](lambda x, t: x + t, start, times)
        return abs(float(end) - (2 * math.e - 2))

    assert math.log2(error(20) / error(40)) == pytest.approx(order, abs=0.3)


def test_an_average_of_equal_weights_is_these_weights():
    network = torch.nn.Linear(3, 2)
    average = Average(torch.nn.Linear(3, 2))
    average.follow(network)
    torch.testing.assert_close(average.network.weight, network.weight)
    for _ in range(50):
        average.follow(network)
    torch.testing.assert_close(average.network.bias, network.bias)


def test_an_average_lags_behind_a_moving_weight():
    network, average = torch.nn.Linear(1, 1), Average(torch.nn.Linear(1, 1), sharpness=7.0)
    for step in range(1, 201):
        with torch.no_grad():
            network.weight.fill_(step / 200)
        average.follow(network)
    # weights of step s count s^7: their mean position is 8/9 of the way
    assert float(average.network.weight) == pytest.approx(8 / 9, abs=0.02)


def test_validation_is_the_same_each_time():
    made, clips = model().eval(), example_clips(SPEC)
    assert torch.equal(made.losses(clips)["total"], made.losses(clips)["total"])
    made.train()
    assert not torch.equal(made.losses(clips)["total"], made.losses(clips)["total"])


def test_guidance_pulls_labelled_clips_only():
    made = model()
    for _ in train(made, example_clips(SPEC), 20):
        pass
    free, pulled = (
        made.sample(4, label=1, seed=0, options=SampleOptions(guidance=g)).joints
        for g in (1.0, 3.0)
    )
    assert not torch.equal(free, pulled)
    label, length = torch.tensor([NO_LABEL, 1]), torch.tensor([10, 10])
    noise = torch.randn(2, SPEC.frames, 20, 3)
    with torch.no_grad():
        first, second = (
            made.draw(noise, label, length, SampleOptions(guidance=g)) for g in (1.0, 3.0)
        )
    torch.testing.assert_close(first[0], second[0])
    assert (first[1] - second[1]).abs().max() > 100 * (first[0] - second[0]).abs().max()


@pytest.mark.parametrize(("rigid", "constant"), [(None, True), (False, False)])
def test_bones_are_constant_where_asked(rigid, constant):
    drawn = model(rigid=rigid).sample(3, length=SPEC.frames, seed=1)
    child, parent = torch.as_tensor(model().skeleton.bones).T
    length = (drawn.joints[:, :, child] - drawn.joints[:, :, parent]).norm(dim=-1)
    assert bool((length.std(1) < 1e-4 * length.mean(1)).all()) is constant


def test_a_path_without_noise_is_what_was_seen():
    made, clips = model(noise_level=0.0), example_clips(SPEC)
    path = made.find_path(clips)
    torch.testing.assert_close(path[clips.mask], clips.joints[clips.mask], atol=1e-5, rtol=0)
    hidden = clips.mask.any(1)[:, None] & clips.frame_mask[..., None] & ~clips.mask
    assert bool(hidden.any()) and bool(path[hidden].any(-1).all())


def test_a_path_that_is_given_is_learned_from():
    made, clips = model().eval(), example_clips(SPEC)
    found = made.losses(clips.replace(path=made.find_path(clips)))["total"]
    torch.testing.assert_close(found, made.losses(clips)["total"])
    moved = made.losses(clips.replace(path=made.find_path(clips) + 1.0))["total"]
    assert not torch.allclose(found, moved)


def test_rigid_bones_need_three_dimensions():
    with pytest.raises(ValueError, match="rigid bones need 3 channels, the spec has 2"):
        FlowMatching(example_spec("coco17", 2), rigid=True)
