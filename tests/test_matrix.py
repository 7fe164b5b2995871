"""Every generator with every encoder: one step, gradients, samples, and the same after loading."""

import functools
import inspect

import pytest
import torch

from motiongen import generators
from motiongen.encoders import CNN, GCN, RNN, Transformer
from motiongen.generators import Generator
from motiongen.testing.examples import example_clips, example_spec
from motiongen.testing.generators import (
    gradient_reaches_every_parameter,
    losses_are_finite,
    losses_ignore_what_was_not_seen,
    samples_are_motions,
)
from motiongen.testing.models import (
    require_same_clips,
    sample_in_a_fresh_process,
    save,
    train,
)

pytestmark = pytest.mark.usefixtures("paths_found_once")

GENERATORS = [
    kind
    for kind in (getattr(generators, name) for name in generators.__all__)
    if inspect.isclass(kind) and issubclass(kind, Generator) and kind is not Generator
]
#: those of the measured tables; what else is exported is tried in tests/encoders/
ENCODERS = (CNN, GCN, RNN, Transformer)
CELLS = [
    pytest.param(generator, encoder, id=f"{generator.__name__}-{encoder.__name__}")
    for generator in GENERATORS
    for encoder in ENCODERS
]


def cell(generator, encoder):
    return functools.partial(generator, encoder=functools.partial(encoder, width=8, layers=2))


def test_there_are_cells():
    assert len(CELLS) == 20


@pytest.mark.parametrize(
    "check",
    [
        losses_are_finite,
        losses_ignore_what_was_not_seen,
        gradient_reaches_every_parameter,
        samples_are_motions,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(("generator", "encoder"), CELLS)
def test_cell(generator, encoder, check):
    check(cell(generator, encoder))


def test_every_cell_samples_the_same_after_loading(tmp_path):
    spec = example_spec()
    clips = example_clips(spec)
    expected = {}
    for number, parameters in enumerate(CELLS):
        torch.manual_seed(number)
        model = cell(*parameters.values)(spec)
        model.fit_statistics(clips)
        for _ in train(model, clips, 1):
            pass
        path = tmp_path / f"{parameters.id}.ckpt"
        expected[path] = save(model, path)
    found = sample_in_a_fresh_process(list(expected))
    for (path, drawn), loaded in zip(expected.items(), found, strict=True):
        require_same_clips(loaded, drawn, path.stem)
