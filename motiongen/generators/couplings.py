"""Flows over vectors, built from zuko's transforms; called with a condition, each is one."""

from functools import partial
from typing import Any

import torch
from torch import nn


def affine_couplings(features: int, layers: int) -> nn.Module:
    """Affine coupling layers without a condition, near the identity.

    Source: Dinh, Sohl-Dickstein and Bengio, Density Estimation using Real NVP, ICLR 2017.
    """
    # zuko takes a while to import: only who builds a flow pays
    from zuko.flows import GeneralCouplingTransform
    from zuko.lazy import LazyComposedTransform

    return LazyComposedTransform(
        *(
            GeneralCouplingTransform(features, mask=mask, hidden_features=(2 * features,))
            for mask in _halves(features, layers)
        )
    )


def spline_flow(features: int, context: int, layers: int, hidden: int, bins: int) -> nn.Module:
    """Rational-quadratic spline couplings, with fixed halves, from data to a normal.

    Source: Durkan et al., Neural Spline Flows, NeurIPS 2019.
    """
    from zuko.flows import GeneralCouplingTransform
    from zuko.lazy import LazyComposedTransform
    from zuko.transforms import MonotonicRQSTransform

    return LazyComposedTransform(
        *(
            GeneralCouplingTransform(
                features,
                context,
                mask=mask,
                univariate=partial(MonotonicRQSTransform, bound=SPLINE_BOUND),
                shapes=[torch.Size([count]) for count in (bins, bins, bins - 1)],
                hidden_features=(hidden, hidden),
            )
            for mask in _halves(features, layers)
        )
    )


#: values beyond this pass through a spline unchanged
SPLINE_BOUND = 5.0


def _halves(features: int, layers: int) -> list[Any]:
    """Which half each layer keeps: even and odd places, then blocks, in turn."""
    place = torch.arange(features)
    splits = [place % 2 == 0, place % 2 == 1, place % 4 < 2, place % 4 >= 2]
    return [splits[layer % len(splits)] for layer in range(layers)]
