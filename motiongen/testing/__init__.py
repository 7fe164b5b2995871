"""Contract checks: run them on an own encoder, generator, noise or reader.

    >>> from motiongen.testing import check_encoder
    >>> check_encoder(MyEncoder)  # raises ContractError and names what is wrong

Under pytest each check may be a test of its own:

    >>> @pytest.mark.parametrize("check", encoder_checks())
    ... def test_my_encoder(check):
    ...     check(MyEncoder)
"""

from motiongen.testing.contract import ContractError
from motiongen.testing.encoders import check_encoder, encoder_checks
from motiongen.testing.generators import check_generator, generator_checks
from motiongen.testing.noises import check_noise, noise_checks
from motiongen.testing.readers import check_reader, reader_checks

__all__ = [
    "ContractError",
    "check_encoder",
    "check_generator",
    "check_noise",
    "check_reader",
    "encoder_checks",
    "generator_checks",
    "noise_checks",
    "reader_checks",
]
