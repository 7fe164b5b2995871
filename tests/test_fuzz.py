"""Few damaged files for each reader; `make fuzz` tries many."""

import pytest

from motiongen import formats

from .fuzz_readers import fuzz

#: with all readers together about ten CPU seconds
COUNT = 500


@pytest.mark.parametrize("name", formats.READERS)
def test_damage_is_refused_or_harmless(name):
    found = fuzz(name, COUNT, seed=1)
    assert not found["faults"]
    assert found["refused"] > 0
