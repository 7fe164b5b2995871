"""Every exported generator keeps the contract; one that breaks it is found and named."""

import functools
import inspect

import pytest

from motiongen import generators
from motiongen.encoders import CNN
from motiongen.generators import VAE, Generator
from motiongen.testing import generator_checks
from motiongen.testing.generators import (
    gradient_reaches_every_parameter,
    loads_in_a_fresh_process,
    losses_are_finite,
    losses_ignore_what_was_not_seen,
    samples_are_motions,
)

pytestmark = pytest.mark.usefixtures("paths_found_once")

GENERATORS = [
    kind
    for kind in (getattr(generators, name) for name in generators.__all__)
    if inspect.isclass(kind) and issubclass(kind, Generator) and kind is not Generator
]
#: made by tests/test_matrix.py of every generator over every encoder
OF_CELLS = (
    gradient_reaches_every_parameter,
    losses_are_finite,
    losses_ignore_what_was_not_seen,
    samples_are_motions,
)


def test_there_is_something_to_check():
    assert "VAE" in {kind.__name__ for kind in GENERATORS}


@pytest.mark.parametrize("check", generator_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("generator", GENERATORS, ids=lambda kind: kind.__name__)
def test_contract(generator, check):
    if check is loads_in_a_fresh_process and generator is not VAE:
        pytest.skip("tests/test_matrix.py loads every cell in one fresh process")
    if check in OF_CELLS and generator is not VAE:
        pytest.skip("tests/test_matrix.py checks this of every cell")
    check(functools.partial(generator, encoder=functools.partial(CNN, width=32, layers=2)))
