"""Options of models that cannot work are refused, by name."""

import math

import pytest

from motiongen import encoders, generators
from motiongen.motion import MotionSpec
from motiongen.ranges import require_sizes, require_within

SPEC = MotionSpec("kinect20", 3, 16, 30.0, ("walk", "wave"))
SIZES = {
    "VAE": ("latent", "condition"),
    "GAN": ("latent", "condition", "critic_features"),
    "LatentFlow": ("latent", "condition", "transforms", "hidden", "bins"),
    "FlowMatching": ("steps",),
}
#: what may be 0 and not less
AMOUNTS = {
    "VAE": ("kl_weight", "free_bits", "posterior_flow"),
    "GAN": ("penalty", "energy_weight"),
    "Flow": ("couplings", "hidden", "coarse_temperature"),
    "LatentFlow": ("kl_weight", "free_bits", "smoothing"),
    "FlowMatching": ("guidance",),
}
COUNTS = ("posterior_flow", "couplings")
LAYERS = ("width", "layers", "features")


def refused(make, name, found):
    with pytest.raises(ValueError, match=rf"^{name}: found {found}, (must be|allowed) "):
        make()


@pytest.mark.parametrize("family", SIZES)
def test_sizes_of_nothing(family):
    for name in SIZES[family]:
        for found in (0, -1):
            refused(lambda: getattr(generators, family)(SPEC, **{name: found}), name, found)  # noqa: B023


@pytest.mark.parametrize("family", AMOUNTS)
def test_negative_amounts(family):
    for name in (*AMOUNTS[family], "weight_decay", "label_dropout"):
        found = -1 if name in COUNTS else -1.0
        refused(lambda: getattr(generators, family)(SPEC, **{name: found}), name, found)  # noqa: B023


@pytest.mark.parametrize("family", AMOUNTS)
@pytest.mark.parametrize("found", [-1.0, math.inf, math.nan])
def test_learning_rates(family, found):
    make = getattr(generators, family)
    refused(lambda: make(SPEC, learning_rate=found), "learning_rate", found)


@pytest.mark.parametrize("kind", ["CNN", "RNN", "GCN", "Transformer", "MixtureOfExperts"])
@pytest.mark.parametrize("name", LAYERS)
def test_sizes_of_encoders(kind, name):
    skeleton = generators.VAE(SPEC).skeleton
    make = getattr(encoders, kind)
    refused(lambda: make(skeleton, 4, 2, **{name: 0}), f"encoder.{name}", 0)


def test_what_lies_inside_passes():
    require_within(0, 1, half=0.5, none=0, all=1)
    require_within(0, much=1e9)
    require_sizes(one=1)


@pytest.mark.parametrize("found", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_what_lies_outside_is_named(found):
    with pytest.raises(ValueError, match=f"^model.share: found {found}, allowed 0 to 1$"):
        require_within(0, 1, prefix="model.", share=found)
