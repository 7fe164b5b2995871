"""Arms: what each learns from, which synthetic clips that takes, and who is repeated."""

import pytest
import torch

from motiongen.augmentation import arms
from motiongen.augmentation.arms import ARMS, Treatment, training_clips, treatments, wanted_counts
from motiongen.motion import MotionBatch


def batch(labels, value):
    """One frame of one joint a clip, which tells where it came from."""
    count = len(labels)
    return MotionBatch(
        joints=torch.full((count, 2, 1, 3), float(value)),
        confidence=torch.ones(count, 2, 1),
        length=torch.full((count,), 2),
        label=torch.tensor(labels),
    )


REAL, POOL = batch([0, 0, 0, 1, 2, 2], 1), batch([0] * 6 + [1] * 6 + [2] * 6, 2)


def learned(name, ratio=None, **options):
    clips, synthetic = training_clips(Treatment(ARMS[name], ratio), REAL, POOL, **options)
    kinds = clips.joints[:, 0, 0, 0]
    assert int((kinds == 2).sum()) == synthetic
    counts = [clips.label[kinds == kind].bincount(minlength=3).tolist() for kind in (1, 2)]
    return tuple(counts)


@pytest.mark.parametrize(
    ("name", "ratio", "real", "synthetic"),
    [
        ("real", None, [3, 1, 2], [0, 0, 0]),
        ("classical", None, [3, 1, 2], [0, 0, 0]),
        ("synthetic", 1.0, [3, 1, 2], [3, 1, 2]),
        ("synthetic", 0.1, [3, 1, 2], [1, 1, 1]),
        ("both", 2.0, [3, 1, 2], [6, 2, 4]),
        ("balanced", None, [3, 1, 2], [0, 2, 1]),
        ("tstr", 1.0, [0, 0, 0], [3, 1, 2]),
        ("trts", None, [3, 1, 2], [0, 0, 0]),
    ],
)
def test_what_an_arm_learns_from(name, ratio, real, synthetic):
    assert learned(name, ratio) == (real, synthetic)


def test_smaller_ratios_take_the_first_of_the_same_clips():
    pool = POOL.replace(joints=torch.arange(18.0).view(18, 1, 1, 1).expand(18, 2, 1, 3))
    few, many = (
        training_clips(Treatment(ARMS["tstr"], r), REAL, pool)[0].joints[:, 0, 0, 0].tolist()
        for r in (1.0, 2.0)
    )
    assert set(few) < set(many)


def test_real_clips_are_repeated_to_make_up_their_share():
    assert learned("synthetic", 2.0, real_share=0.5) == ([6, 2, 4], [6, 2, 4])
    assert learned("synthetic", 1.0, real_share=0.5) == ([3, 1, 2], [3, 1, 2])
    assert learned("tstr", 2.0, real_share=0.5) == ([0, 0, 0], [6, 2, 4])
    assert learned("real", real_share=0.5) == ([3, 1, 2], [0, 0, 0])
    assert arms.repeats(10, 30, 0.5) == 3 and arms.repeats(10, 31, 0.5) == 4


def test_a_class_that_lost_all_its_clips_is_left_out_and_an_empty_arm_is_refused():
    clips, synthetic = training_clips(Treatment(ARMS["tstr"], 1.0), REAL, POOL.select(slice(0, 6)))
    assert synthetic == 3 and set(clips.label.tolist()) == {0}
    with pytest.raises(ValueError, match="synthetic only ×1: no synthetic clip passed"):
        training_clips(Treatment(ARMS["tstr"], 1.0), REAL, POOL.select(slice(0, 0)))


def test_arms_to_compare_with_are_added_and_only_ratios_multiply():
    names = [t.name for t in treatments(["both", "trts"], [2.0, 0.5])]
    assert names == ["real", "classical", "both-x0.5", "both-x2", "trts"]
    assert [t.name for t in treatments(["tstr"], [1.0])] == ["real", "tstr-x1"]
    assert len(treatments(list(ARMS), [1.0])) == len(ARMS) == 7
    assert treatments(["synthetic"], [1.0])[1].title == "real + synthetic ×1"


def test_only_some_arms_need_a_generator():
    needy = {name for name, arm in ARMS.items() if arm.needs_generator}
    assert needy == {"synthetic", "both", "balanced", "tstr", "trts"}


def test_classes_without_real_clips_get_no_synthetic_ones():
    real = torch.tensor([4, 0, 2])
    assert wanted_counts(Treatment(ARMS["synthetic"], 1.0), real).tolist() == [4, 0, 2]
    assert wanted_counts(Treatment(ARMS["balanced"]), real).tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("names", "ratios", "message"),
    [
        (["reel"], [1.0], "arms: found 'reel', allowed real, classical, synthetic"),
        (["tstr"], [1.0, 0.0], "ratio: found 0.0"),
        (["tstr"], [float("inf")], "ratio: found inf"),
    ],
)
def test_refuses(names, ratios, message):
    with pytest.raises(ValueError, match=message):
        treatments(names, ratios)


def test_refuses_a_share_of_everything():
    with pytest.raises(ValueError, match="real share: found 1.0"):
        arms.repeats(1, 1, 1.0)
