"""Every exported generator keeps the contract; one that breaks it is found and named."""

import functools
import inspect

import pytest
import torch

from motiongen import generators
from motiongen.encoders import CNN
from motiongen.generators import VAE, Flow, FlowMatching, Generator
from motiongen.observation import SURE
from motiongen.testing import generator_checks
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.generators import loads_in_a_fresh_process

GENERATORS = [
    kind
    for kind in (getattr(generators, name) for name in generators.__all__)
    if inspect.isclass(kind) and issubclass(kind, Generator) and kind is not Generator
]


def test_there_is_something_to_check():
    assert "VAE" in {kind.__name__ for kind in GENERATORS}


@pytest.mark.parametrize("check", generator_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("generator", GENERATORS, ids=lambda kind: kind.__name__)
def test_contract(generator, check):
    if check is loads_in_a_fresh_process and generator is not VAE:
        pytest.skip("tests/test_matrix.py loads every cell in one fresh process")
    check(functools.partial(generator, encoder=functools.partial(CNN, width=32, layers=2)))


@pytest.mark.parametrize("family", [Flow, FlowMatching])
def test_nothing_is_learned_from_what_is_deep_in_a_gap(family):
    """There a path is a guess, and calmer than people move; near what was seen it is none."""
    torch.manual_seed(0)
    spec = example_spec()
    made, clips = family(spec, functools.partial(CNN, width=16, layers=1)), example_clips(spec)
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
