"""Every exported encoder keeps the contract; one that breaks it is found and named."""

import functools
import inspect

import pytest
import torch
from torch import nn

from motiongen import encoders
from motiongen.encoders import Encoder, Film
from motiongen.testing import ContractError, check_encoder, encoder_checks

ENCODERS = [
    kind
    for kind in (getattr(encoders, name) for name in encoders.__all__)
    if inspect.isclass(kind) and issubclass(kind, Encoder) and kind is not Encoder
]


def test_there_is_something_to_check():
    assert {"CNN", "RNN", "GCN", "Transformer", "MixtureOfExperts"} <= {
        kind.__name__ for kind in ENCODERS
    }


@pytest.mark.parametrize("check", encoder_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda kind: kind.__name__)
def test_contract(encoder, check):
    check(functools.partial(encoder, width=16))


class Pointwise(Encoder):
    """Keeps the contract; the broken ones below differ from it in one point each."""

    def __init__(self, skeleton, in_channels, condition):
        super().__init__(skeleton, in_channels, condition)
        self.features = 7
        self.enter = nn.Linear(in_channels, 7)
        self.film = Film(condition, 7)

    def forward(self, x, mask, length, condition):
        return self.film(self.enter(x), condition)


class WrongFeatures(Pointwise):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.features = 6


class InPlace(Pointwise):
    def forward(self, x, mask, length, condition):
        return super().forward(x.mul_(2), mask, length, condition)


class Unconditioned(Pointwise):
    def forward(self, x, mask, length, condition):
        return super().forward(x, mask, length, 0 * condition)


class BatchStatistics(Pointwise):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.norm = nn.BatchNorm1d(7)

    def forward(self, x, mask, length, condition):
        h = super().forward(x, mask, length, condition)
        return self.norm(h.flatten(0, 2)).view(h.shape)


class BatchMean(Pointwise):
    def forward(self, x, mask, length, condition):
        return super().forward(x - x.mean(0), mask, length, condition)


class MeanOverPadding(Pointwise):
    def forward(self, x, mask, length, condition):
        return super().forward(x + x.mean(1, keepdim=True), mask, length, condition)


class UnpackedRecurrence(Pointwise):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.recurrent = nn.GRU(7, 4, bidirectional=True, batch_first=True)
        self.features = 8

    def forward(self, x, mask, length, condition):
        h = super().forward(x, mask, length, condition)
        out, _ = self.recurrent(h.transpose(1, 2).flatten(0, 1))
        return out.unflatten(0, h.transpose(1, 2).shape[:2]).transpose(1, 2)


class Unused(Pointwise):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.spare = nn.Linear(2, 2)


class BlindToOneFrame(Pointwise):
    def forward(self, x, mask, length, condition):
        keep = torch.ones(x.shape[1])
        keep[6] = 0
        return super().forward(x * keep[:, None, None], mask, length, condition)


class Normalising(Pointwise):
    def forward(self, x, mask, length, condition):
        h = super().forward(x, mask, length, condition)
        return h / mask.sum((1, 2), keepdim=True)[..., None]


class MeansForSums(Pointwise):
    def pooled(self, x, mask, length, condition, weight):
        return super().pooled(x, mask, length, condition, weight / weight.sum(1, keepdim=True))


class AlwaysDropping(Pointwise):
    def forward(self, x, mask, length, condition):
        h = super().forward(x, mask, length, condition)
        return nn.functional.dropout(h, 0.1)


def test_a_sound_encoder_passes():
    check_encoder(Pointwise)


@pytest.mark.parametrize(
    ("encoder", "complaint"),
    [
        (WrongFeatures, r"features_at_every_joint: on kinect20: shape .* 7\), expected .* 6\)"),
        (MeansForSums, "pooled_is_a_weighted_sum: on kinect20: sums over time"),
        (InPlace, "features_at_every_joint: .* changed in place"),
        (Unconditioned, "condition_matters: the bare encoder .* the condition changes nothing"),
        (BatchStatistics, "clips_do_not_mix_in_training: the bare encoder"),
        (BatchMean, "clips_do_not_mix: the bare encoder .* clip 0 with other clips"),
        (MeanOverPadding, "padding_does_not_matter: the bare encoder .* 7 more frames"),
        (UnpackedRecurrence, "frames_beyond_the_length_do_not_matter: on kinect20"),
        (Unused, "gradient_reaches_every_parameter: .* no gradient at spare.weight, spare.bias"),
        (BlindToOneFrame, r"every_seen_joint_matters: .* frame, joint \[\[0, 6, "),
        (Normalising, "shortest_and_unseen_clips_work: .* 100% missing: output: .* not finite"),
        (AlwaysDropping, "evaluation_is_deterministic: the bare encoder"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_encoder_is_found(encoder, complaint):
    name = complaint.partition(":")[0]
    (check,) = [check for check in encoder_checks() if check.__name__ == name]
    with pytest.raises(ContractError, match=complaint):
        check(encoder)


def test_all_complaints_come_at_once():
    class Broken(Unused, Unconditioned):
        pass

    with pytest.raises(ContractError, match=r"(?s)condition_matters: .*\ngradient_reaches_every"):
        check_encoder(Broken)


def test_checks_leave_the_random_state_alone():
    state = torch.get_rng_state()
    encoder_checks()[0](Pointwise)
    assert torch.equal(torch.get_rng_state(), state)
