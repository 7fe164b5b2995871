"""A loss that is no number stops a training, and names its clips."""

import functools

import pytest
import torch

from motiongen.encoders import CNN
from motiongen.generators import VAE
from motiongen.generators.guard import require_finite
from motiongen.testing.examples import example_clips, example_spec

SPEC = example_spec()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_clips_and_terms_are_named(value):
    clips = example_clips(SPEC).replace(index=torch.arange(20, 32))
    losses = {"total": torch.tensor(value), "kl": torch.tensor(2.0)}
    words = rf"the loss of step 3 is {value}; clips \[20, 21, .*31\]; terms .*'kl': 2.0"
    with pytest.raises(FloatingPointError, match=words):
        require_finite(losses, clips, "loss of step 3")
    require_finite({"total": torch.tensor(1.0)}, clips, "loss")


def test_a_validation_loss_is_guarded_too():
    clips = example_clips(SPEC)
    model = VAE(SPEC, functools.partial(CNN, width=8, layers=1))
    model.fit_statistics(clips)
    with torch.no_grad():
        model.likelihood.log_scale.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"validation loss after step 0 is nan; clips"):
        model.eval().validation_step(clips, 0)
