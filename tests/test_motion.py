"""The nouns: what they refuse, what they mask, and that batching loses nothing."""

import pytest
import torch

from motiongen.motion import NO_LABEL, Motion, MotionBatch, MotionSpec, collate

SPEC = MotionSpec("kinect20", 3, 8, 30.0, ("wave", "clap"))


def clip(frames: int = 6, joints: int = 20, **fields) -> Motion:
    generator = torch.Generator().manual_seed(frames)
    positions = torch.randn(frames, joints, 3, generator=generator)
    confidence = torch.rand(frames, joints, generator=generator)
    return Motion(positions, confidence.where(confidence > 0.2, 0.0), "kinect20", **fields)


class TestMotionSpec:
    def test_goes_to_plain_values_and_back(self):
        assert MotionSpec.from_dict(SPEC.as_dict()) == SPEC
        assert type(SPEC.as_dict()["classes"]) is list

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"channels": 4}, "spec.channels: found 4"),
            ({"frames": 1}, "spec.frames: found 1"),
            ({"fps": 0.0}, "spec.fps: found 0.0"),
            ({"fps": float("nan")}, "spec.fps: found nan"),
            ({"unit": "cm"}, "spec.unit: found 'cm'"),
            ({"classes": ["a", "a"]}, "not unique"),
            ({"layouts": "x"}, r"unknown key \['layouts'\]"),
        ],
    )
    @pytest.mark.usefixtures("unchecked")
    def test_refuses(self, change, message):
        with pytest.raises(ValueError, match=message):
            MotionSpec.from_dict({**SPEC.as_dict(), **change})

    def test_names_the_missing_key(self):
        values = SPEC.as_dict()
        del values["fps"]
        with pytest.raises(ValueError, match=r"missing key \['fps'\]"):
            MotionSpec.from_dict(values)


class TestMotion:
    def test_positions_that_were_not_seen_are_zero(self):
        positions = torch.full((2, 3, 2), float("nan"))
        positions[0, 1] = 5.0
        confidence = torch.zeros(2, 3)
        confidence[0, 1] = 0.5
        motion = Motion(positions, confidence, "toy")
        assert motion.joints.sum() == 10
        assert motion.mask.sum() == 1
        assert positions.isnan().any(), "the caller's tensor was changed"

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
    def test_names_the_place_of_a_bad_confidence(self, value):
        confidence = torch.ones(4, 3)
        confidence[2, 1] = value
        with pytest.raises(ValueError, match=r"clip a\.csv, frame 2, joint 1: confidence"):
            Motion(torch.zeros(4, 3, 3), confidence, "toy", source="a.csv", id="ignored")

    @pytest.mark.parametrize("value", [float("inf"), float("nan")])
    def test_names_the_place_of_a_bad_position(self, value):
        positions = torch.zeros(4, 3, 3)
        positions[3, 2, 1] = value
        with pytest.raises(ValueError, match=r"clip walk, frame 3, joint 2: position"):
            Motion(positions, torch.ones(4, 3), "toy", id="walk")

    @pytest.mark.usefixtures("unchecked")
    def test_refuses_shapes_that_disagree(self):
        with pytest.raises(ValueError, match=r"confidence \(4, 2\)"):
            Motion(torch.zeros(4, 3, 3), torch.ones(4, 2), "toy")
        with pytest.raises(ValueError, match=r"target \(4, 3, 2\) differs"):
            Motion(torch.zeros(4, 3, 3), torch.ones(4, 3), "toy", target=torch.zeros(4, 3, 2))

    def test_shapes_are_checked_by_annotation(self):
        """The hook of conftest.py is at work: integers pass every check of our own."""
        with pytest.raises(TypeError, match="joints"):
            Motion(torch.zeros(4, 3, 3, dtype=torch.int64), torch.ones(4, 3), "toy")

    def test_may_have_no_frames(self):
        assert Motion(torch.zeros(0, 3, 3), torch.zeros(0, 3), "toy").num_frames == 0


class TestMotionBatch:
    def test_collate_pads_with_confidence_zero(self):
        batch = collate([clip(6, label=1), clip(8)], 8, indices=[4, 9])
        assert batch.joints.shape == (2, 8, 20, 3)
        assert batch.length.tolist() == [6, 8]
        assert batch.label.tolist() == [1, NO_LABEL]
        assert batch.frame_mask.sum(1).tolist() == [6, 8]
        assert not batch.mask[0, 6:].any()
        assert (batch.joints[0, 6:] == 0).all()
        assert batch.index is not None
        assert batch.index.tolist() == [4, 9]

    def test_unbind_undoes_collate(self):
        motions = [clip(6, label=1), clip(8)]
        back = collate(motions, 8, indices=[4, 9]).unbind(SPEC, "sample")
        for motion, copy in zip(motions, back, strict=True):
            assert torch.equal(motion.joints, copy.joints)
            assert torch.equal(motion.confidence, copy.confidence)
            assert motion.label == copy.label
        assert [motion.id for motion in back] == ["sample-000004", "sample-000009"]
        assert back[0].fps == SPEC.fps

    def test_clips_without_target_are_their_own(self):
        noisy, clean = clip(6, target=torch.ones(6, 20, 3)), clip(5)
        batch = collate([noisy, clean], 6)
        assert batch.target is not None
        assert torch.equal(batch.target[0], torch.ones(6, 20, 3))
        assert torch.equal(batch.target[1, :5], clean.joints)
        assert collate([clean], 6).target is None

    @pytest.mark.parametrize("motions", [[], [clip(9)], [clip(6), clip(6, joints=19)]])
    def test_collate_refuses(self, motions):
        with pytest.raises(ValueError, match="collate"):
            collate(motions, 8)

    def test_select_takes_rows_of_everything(self):
        batch = collate([clip(5), clip(6), clip(7)], 7)
        chosen = batch.select(torch.tensor([2, 0]))
        assert len(chosen) == 2
        assert chosen.length.tolist() == [7, 5]
        assert torch.equal(chosen.joints, batch.joints[[2, 0]])
        assert chosen.target is None

    def test_moves_every_tensor(self):
        batch = collate([clip(6, target=torch.ones(6, 20, 3))], 6)
        moved = batch.replace(path=batch.joints).to("meta", non_blocking=True)
        assert isinstance(moved, MotionBatch)
        for name in moved.__dataclass_fields__:
            assert getattr(moved, name).device.type == "meta", name
