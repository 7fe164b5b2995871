"""The adapters' parts: units, interpolation weights, and bones that do not stretch."""

import numpy as np
import pytest
import torch

from motiongen import layouts
from motiongen.encoders import CNN
from motiongen.kinematics import ConstantBones, FreeHead, KinematicHead
from motiongen.networks import Decoder, Queries, hats, masked_input, without_shaking
from motiongen.standardizer import Standardizer

SKELETON = layouts.get("kinect20")


def poses(frames=200, channels=3, seed=0):
    """Positions around a fixed pose, and a mask of about 80 %."""
    draws = torch.Generator().manual_seed(seed)
    rest = torch.randn(1, 20, channels, generator=draws)
    joints = 5 + rest + 0.1 * torch.randn(frames, 20, channels, generator=draws)
    return joints, torch.rand(frames, 20, generator=draws) < 0.8


def fitted(channels=3):
    body = Standardizer(SKELETON, channels)
    body.fit(*poses(channels=channels))
    return body


@pytest.mark.parametrize("channels", [2, 3])
def test_standardizer_round_trip(channels):
    body, (joints, _) = fitted(channels), poses(channels=channels)
    torch.testing.assert_close(body.inverse(body(joints)), joints, atol=1e-5, rtol=0)


def test_standardised_positions_have_mean_zero_and_spread_one():
    body, (joints, mask) = fitted(), poses()
    seen = body(joints)[mask]
    assert float(seen.square().mean()) == pytest.approx(1, abs=1e-4)
    for joint in range(20):
        mean = body(joints)[mask[:, joint], joint].mean(0)
        torch.testing.assert_close(mean, torch.zeros(3), atol=1e-4, rtol=0)


def test_one_scale_keeps_proportions():
    body, (joints, _) = fitted(), poses()
    ratio = (body(joints[1:]) - body(joints[:-1])) / (joints[1:] - joints[:-1])
    torch.testing.assert_close(ratio, torch.ones_like(ratio) / body.scale, atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("value", [1e3, float("nan"), float("inf")])
def test_fit_ignores_what_was_not_seen(value):
    joints, mask = poses()
    body = Standardizer(SKELETON, 3)
    body.fit(torch.where(mask[..., None], joints, value), mask)
    for name, expected in fitted().state_dict().items():
        assert torch.equal(body.state_dict()[name], expected), name


def test_support_is_the_share_of_frames():
    joints, mask = poses()
    mask[:, 3], mask[:, 4] = False, True
    body = Standardizer(SKELETON, 3)
    body.fit(joints, mask)
    torch.testing.assert_close(body.support, mask.float().mean(0))
    assert body.support[3] == 0 and body.support[4] == 1
    # a joint that is never seen stands somewhere near the others
    assert float((body.mean[3] - body.mean.mean(0)).abs().max()) < 1


def test_bone_lengths_are_medians_over_frames_that_show_both_ends():
    joints, mask = poses()
    joints[7] *= 100
    body = Standardizer(SKELETON, 3)
    body.fit(joints, mask)
    for child, parent in SKELETON.bones:
        both = (mask[:, child] & mask[:, parent]).numpy()
        length = np.linalg.norm((joints[:, child] - joints[:, parent]).numpy()[both], axis=-1)
        assert float(body.bone_length[child]) == pytest.approx(np.median(length), rel=0.02)
    assert body.bone_length[SKELETON.root] == 0


def test_a_bone_that_is_never_seen_has_a_usual_length():
    joints, mask = poses()
    hand = SKELETON.index("left_hand")
    mask[:, hand] = False
    body = Standardizer(SKELETON, 3)
    body.fit(joints, mask)
    lengths = body.bone_length[body.bone_length > 0]
    assert len(lengths) == 19 and lengths.min() <= body.bone_length[hand] <= lengths.max()


@pytest.mark.parametrize(
    ("joints", "mask", "words"),
    [
        (torch.randn(5, 20, 3), torch.zeros(5, 20, dtype=torch.bool), "no joint is seen"),
        (torch.ones(5, 20, 3), torch.ones(5, 20, dtype=torch.bool), "are the same"),
    ],
)
def test_what_cannot_be_fitted_is_refused(joints, mask, words):
    with pytest.raises(ValueError, match=words):
        Standardizer(SKELETON, 3).fit(joints, mask)


def test_masked_input_zeroes_and_appends_the_confidence():
    x = torch.full((1, 2, 3, 2), float("nan"))
    x[0, 0, 1] = torch.tensor([4.0, 5.0])
    confidence = torch.zeros(1, 2, 3)
    confidence[0, 0, 1] = 0.25
    found = masked_input(x, confidence)
    assert found[0, 0, 1].tolist() == [4.0, 5.0, 0.25]
    assert int(found.count_nonzero()) == 3


@pytest.mark.parametrize("knots", [2, 4, 8])
def test_hats_sum_to_one_on_existing_frames(knots):
    length = torch.tensor([2, 3, 9, 16])
    weights = hats(length, 16, knots)
    exists = torch.arange(16) < length[:, None]
    torch.testing.assert_close(weights.sum(-1), exists.float(), atol=1e-5, rtol=0)
    assert bool((weights >= 0).all())


def test_hats_are_linear_interpolation_over_each_clip():
    length = torch.tensor([2, 5, 12])
    values = torch.randn(8, dtype=torch.float64)
    found = hats(length, 12, 8).double() @ values
    for row, frames in enumerate(length.tolist()):
        at = np.linspace(0, 7, frames)
        expected = np.interp(at, np.arange(8), values.numpy())
        np.testing.assert_allclose(found[row, :frames], expected, atol=1e-5)


def head_and_input(seed=0):
    torch.manual_seed(seed)
    body = fitted()
    head = KinematicHead(SKELETON, body, 6)
    torch.nn.init.normal_(head.stretch.weight)
    return body, head, torch.randn(3, 9, 20, 3), torch.randn(3, 6)


def test_bones_keep_their_length_over_time():
    body, head, out, condition = head_and_input()
    joints = body.inverse(head(out, condition)).detach()
    child, parent = SKELETON.bones.T
    length = (joints[:, :, child] - joints[:, :, parent]).norm(dim=-1)
    assert float((length / length[:, :1] - 1).abs().max()) < 1e-5
    # people differ, by a third at most
    share = (length[:, 0] / body.bone_length[child]).log()
    assert float(share.abs().max()) <= 0.33 + 1e-4
    assert float(share.std(0).min()) > 0.01


def test_kinematics_equal_a_walk_along_the_tree():
    body, head, out, condition = head_and_input()
    found = body.inverse(head(out, condition)).detach().double()
    mean, scale = body.mean.double(), body.scale.double()
    share = (0.33 * head.stretch(condition).tanh()).exp().detach().double()
    expected = torch.zeros_like(found)
    expected[:, :, SKELETON.root] = out[:, :, SKELETON.root] * scale + mean[SKELETON.root]
    done = {SKELETON.root}
    while len(done) < SKELETON.num_joints:
        for child, parent in SKELETON.bones.tolist():
            if parent in done and child not in done:
                rest = mean[child] - mean[parent]
                turned = rest / rest.norm() + out[:, :, child]
                length = body.bone_length[child] * share[:, child]
                bone = turned / turned.norm(dim=-1, keepdim=True) * length[:, None, None]
                expected[:, :, child] = expected[:, :, parent] + bone
                done.add(child)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_kinematics_stay_finite_where_a_bone_has_no_direction():
    body, head, out, condition = head_and_input()
    with torch.no_grad():
        rest = body.mean - body.mean[head.parents]
        out[:] = -torch.nn.functional.normalize(rest, dim=-1)
    out.requires_grad_()
    joints = head(out, condition)
    joints.square().sum().backward()
    assert bool(torch.isfinite(joints).all()) and bool(torch.isfinite(out.grad).all())


def test_a_bone_turns_about_where_it_may_stretch_at_first():
    body, head, out, condition = head_and_input()
    hand = SKELETON.joints.index("left_hand")
    rest = torch.nn.functional.normalize(body.mean - body.mean[head.parents], dim=-1)
    turned = out.zero_().clone()
    turned[:, :, hand] = -2 * rest[hand]
    wanted = head(turned, condition).detach()
    pulls = []
    for stiffness in (1.0, 0.5, 0.0):
        head.stiffness = stiffness
        own = out.clone().requires_grad_()
        (head(own, condition) - wanted).square().sum().backward()
        pulls.append(float(own.grad[:, :, hand].norm()))
    # opposite its aim a rigid bone feels nothing
    assert pulls[0] < 1e-3 * pulls[1] and pulls[1] < pulls[2]
    head.eval()
    rigid = head(out + 1, condition)
    head.stiffness = 1.0
    assert torch.equal(rigid, head(out + 1, condition))


def test_kinematics_follow_a_body_that_is_fitted_later():
    body = Standardizer(SKELETON, 3)
    head = KinematicHead(SKELETON, body, 6)
    assert not any(name.startswith("shared") for name in head.state_dict())
    body.fit(*poses())
    with torch.no_grad():
        joints = body.inverse(head(torch.zeros(1, 2, 20, 3), torch.zeros(1, 6)))[0, 0]
    child, parent = SKELETON.bones.T
    length = (joints[child] - joints[parent]).norm(dim=-1)
    torch.testing.assert_close(length, body.bone_length[child], atol=1e-5, rtol=0)


def test_a_free_head_takes_the_output_as_it_is():
    out = torch.randn(1, 2, 3, 2)
    assert FreeHead()(out, torch.zeros(1, 4)) is out


def test_a_decoder_knows_the_time_within_the_clip():
    torch.manual_seed(0)
    decoder = Decoder(CNN, SKELETON, fitted(), channels=3, condition=6, rigid=False).eval()
    with torch.no_grad():
        out = decoder(torch.randn(1, 6).expand(2, -1), torch.tensor([12, 6]), 12)
    change = out[0].diff(dim=0).abs().amax((1, 2))
    assert float(change.min()) > 1e-4
    assert not torch.allclose(out[0, :6], out[1, :6], atol=1e-3)


def test_constant_bones_is_a_projection():
    body = fitted()
    project = ConstantBones(SKELETON, body)
    clip = torch.randn(3, 12, 20, 3, generator=torch.Generator().manual_seed(0))
    exists = torch.arange(12) < torch.tensor([12, 7, 1])[:, None]
    once = project(clip, exists)
    torch.testing.assert_close(project(once, exists), once, atol=1e-5, rtol=1e-5)
    position = once * body.scale + body.mean
    for child, parent in SKELETON.bones:
        length = (position[:, :, child] - position[:, :, parent]).norm(dim=-1)
        torch.testing.assert_close(length, length[:, :1].expand_as(length), atol=1e-4, rtol=1e-4)
    # values of frames that do not exist say nothing about the others
    clip[1, 7:] = 100.0
    torch.testing.assert_close(project(clip, exists)[1, :7], once[1, :7])


def test_constant_bones_move_joints_no_more_than_needed():
    body = fitted()
    project = ConstantBones(SKELETON, body)
    rng = torch.Generator().manual_seed(0)
    exists = torch.ones(4, 12, dtype=torch.bool)
    rigid = project(torch.randn(4, 12, 20, 3, generator=rng), exists)
    near = rigid + 0.02 * torch.randn(rigid.shape, generator=rng)
    found = project(near, exists)
    moved = float((found - near).square().sum())
    # any other pose with the same bones is farther away, such as those that lie beside it
    for size in (1e-3, 1e-2):
        beside = project(found + size * torch.randn(found.shape, generator=rng), exists)
        assert float((beside - near).square().sum()) > moved
    # directions kept and chained from the root, hands and feet would move several times as far
    position, bones = near * body.scale + body.mean, []
    for joint, parent in enumerate(project.parents):
        bones.append(position[:, :, joint] - position[:, :, parent])
    bones = torch.stack(bones, 2)
    length = bones.norm(dim=-1, keepdim=True)
    chained = torch.nn.functional.normalize(bones, dim=-1) * length.mean(1, keepdim=True)
    chained = position[:, :, SKELETON.root, None] + project.ancestors @ chained
    change = (chained - position).norm(dim=-1) / body.scale
    own = (found - near).norm(dim=-1)
    hands = [SKELETON.roles["left_wrist"], SKELETON.roles["right_wrist"]]
    assert float(own[:, :, hands].mean()) < 0.6 * float(change[:, :, hands].mean())


def swinging(frames, period):
    """Two clips of joints that swing once in so many frames."""
    x = torch.sin(2 * torch.pi * (torch.arange(frames) + 0.5) / period)
    return x[None, :, None, None].expand(2, -1, 3, 2), torch.tensor([frames] * 2)


@pytest.mark.parametrize(("period", "passes"), [(8, 0.9786), (4, 0.75), (2, 0.0)])
def test_filter_passes_motion_and_stops_shaking(period, passes):
    x, length = swinging(40, period)
    inner = without_shaking(x, length)[:, 2:-2]
    torch.testing.assert_close(inner, passes * x[:, 2:-2], atol=1e-4, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 9])
def test_filter_keeps_poses_and_ends_with_the_clip(length):
    x = torch.randn(2, 1, 3, 2, generator=torch.Generator().manual_seed(0)).repeat(1, 9, 1, 1)
    x[:, length:] = float("nan")
    x.requires_grad_()
    out = without_shaking(x, torch.tensor([length] * 2))
    torch.testing.assert_close(out[:, :length], x[:, :length])
    assert (out[:, length:] == 0).all()
    out.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_filter_ends_where_each_clip_does():
    """Every frame is the mean of those around it that exist, weighted -1, 4, 10, 4, -1."""
    length = [1, 2, 3, 4, 7, 9]
    x = torch.randn(6, 9, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(6, 9, 2, 3, dtype=torch.float64)
    for clip, end in enumerate(length):
        for frame in range(end):
            near = [(k, (10, 4, -1)[abs(k - frame)]) for k in range(end) if abs(k - frame) < 3]
            total = sum(weight * x[clip, k].double() for k, weight in near)
            expected[clip, frame] = total / sum(weight for _, weight in near)
    found = without_shaking(x, torch.tensor(length))
    torch.testing.assert_close(found, expected.float())


def test_filter_works_in_single_precision_where_its_input_is_half():
    x = torch.randn(2, 9, 2, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = without_shaking(x, torch.tensor([9, 6]))
    assert torch.equal(found, without_shaking(x.float(), torch.tensor([9, 6])).bfloat16())


@pytest.mark.parametrize("channels", [2, 3])
def test_decoder_does_not_shake(channels):
    """Whatever its encoder says in a frame goes through the filter before it is a position."""
    rigid, length = channels == 3, torch.tensor([48, 30])
    decoder = Decoder(CNN, SKELETON, fitted(channels), channels=channels, condition=8, rigid=rigid)
    wild = torch.randn(2, 48, 20, channels, generator=torch.Generator().manual_seed(0))
    decoder.per_joint.forward = lambda *_: wild
    condition = torch.zeros(2, 8)
    expected = decoder.head(without_shaking(wild, length), condition)
    torch.testing.assert_close(decoder(condition, length, 48), expected)
    assert not torch.allclose(expected, decoder.head(wild, condition), atol=0.1)


@pytest.mark.parametrize("every", [1, 2, 5, 8, 40])
def test_queries_of_some_frames_are_those_of_all(every):
    torch.manual_seed(0)
    queries, length = Queries(SKELETON, 3, query=4, knots=5), torch.tensor([37, 20, 1])
    condition = torch.randn(3, 3)
    some, every_one = queries(condition, length, 37, every), queries(condition, length, 37)
    torch.testing.assert_close(some, every_one[:, ::every])
