"""The skeleton's checks and the graphs derived from its tree."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from motiongen import layouts
from motiongen.skeleton import Skeleton

# 0 pelvis - 1 spine - 2 head; 3 left and 4 right hand on the spine.
GOOD: dict[str, Any] = {
    "name": "toy",
    "joints": ("pelvis", "spine", "head", "left_hand", "right_hand"),
    "parents": (-1, 0, 1, 1, 1),
    "mirror": (0, 1, 2, 4, 3),
    "roles": {"root": 0, "left_hand": 3},
}


@pytest.fixture
def toy() -> Skeleton:
    return Skeleton(**GOOD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": ("a", "b", "b", "c", "d")}, "not unique"),
        ({"parents": (-1, 0, 1)}, "3 parents"),
        ({"mirror": (0, 1, 2, 3)}, "4 mirror"),
        ({"parents": (-1, -1, 1, 1, 1)}, "exactly one root"),
        ({"parents": (1, 0, 1, 1, 1)}, "exactly one root"),
        ({"parents": (-1, 2, 1, 1, 1)}, "'spine' does not reach the root"),
        ({"parents": (-1, 0, 1, 9, 1)}, "'left_hand' does not reach the root"),
        ({"mirror": (0, 1, 3, 4, 2)}, "not its own inverse"),
        ({"roles": {"head": 5}}, "outside 0..4"),
    ],
)
def test_refuses_what_is_no_skeleton(change, message):
    with pytest.raises(ValueError, match=message):
        Skeleton(**{**GOOD, **change})


def test_bones_are_child_and_parent(toy):
    assert toy.num_joints == 5
    assert toy.root == 0
    assert toy.bones.tolist() == [[1, 0], [2, 1], [3, 1], [4, 1]]
    forward, backward = toy.edge_index[:, :4], toy.edge_index[:, 4:]
    assert forward.tolist() == backward[::-1].tolist()


def test_hops_count_bones(toy):
    assert toy.hops[0].tolist() == [0, 1, 2, 2, 2]
    assert toy.hops[3, 4] == 2
    assert (toy.hops == toy.hops.T).all()


@pytest.mark.parametrize("name", layouts.names())
def test_children_are_a_generation_after_their_parent(name):
    skeleton = layouts.get(name)
    at = {joint: g for g, joints in enumerate(skeleton.generations) for joint in joints}
    assert sorted(at) == list(range(skeleton.num_joints))
    assert skeleton.generations[0] == (skeleton.root,)
    assert all(at[joint] == at[parent] + 1 for joint, parent in skeleton.bones.tolist())


def test_ancestors_do_forward_kinematics(toy):
    positions = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    vectors = np.zeros_like(positions)
    child, parent = toy.bones.T
    vectors[child] = positions[child] - positions[parent]
    np.testing.assert_allclose(positions[0] + toy.ancestors @ vectors, positions, atol=1e-6)


@pytest.mark.parametrize(
    ("roles", "anchor"),
    [
        ({"pelvis": 1, "left_hip": 3, "right_hip": 4}, (1,)),
        ({"left_hip": 3, "right_hip": 4}, (3, 4)),
        ({"left_hip": 3}, (0,)),
    ],
)
def test_anchor_prefers_pelvis_then_hips_then_root(roles, anchor):
    assert Skeleton(**{**GOOD, "roles": roles}).anchor == anchor


def test_index_and_roles(toy):
    assert toy.index("head") == 2
    assert toy.has_roles("root", "left_hand")
    assert not toy.has_roles("root", "left_foot")
    with pytest.raises(ValueError, match="no joint 'tail'; its joints: pelvis, spine"):
        toy.index("tail")


def test_is_immutable_and_hashable(toy):
    with pytest.raises(TypeError):
        toy.roles["head"] = 2
    with pytest.raises(AttributeError):
        toy.name = "other"
    assert hash(toy) == hash(Skeleton(**GOOD))
    assert toy == Skeleton(**GOOD)


@pytest.mark.parametrize(
    "way", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_are_the_same(way):
    skeleton = layouts.get("kinect20")
    found = way(skeleton)
    assert found == skeleton
    assert found.roles == skeleton.roles
    with pytest.raises(TypeError):
        found.roles["root"] = 1
