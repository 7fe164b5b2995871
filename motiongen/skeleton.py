"""The skeleton: which joints there are, how bones connect them, and which joint mirrors which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class Skeleton:
    """A tree of named joints.

    Args:
        name: the layout's name, as in `motiongen.layouts`.
        joints: one name a joint, in the order of the arrays.
        parents: the parent of each joint; -1 for the one root.
        mirror: for each joint the index of its left/right counterpart (itself on the mid-line).
        roles: what a joint is for, e.g. ``{"left_foot": 15, "root": 0}``: code asks for roles and
            never for numbers.

    Raises:
        ValueError: if the joints are no tree, a name is doubled, `mirror` is not its own inverse,
            or a role points outside.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    mirror: tuple[int, ...]
    roles: Mapping[str, int] = field(default_factory=dict, hash=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        count = len(self.joints)
        if len(set(self.joints)) != count:
            raise ValueError(f"skeleton {self.name!r}: joint names are not unique: {self.joints}")
        if len(self.parents) != count or len(self.mirror) != count:
            raise ValueError(
                f"skeleton {self.name!r}: {count} joints, but {len(self.parents)} parents and "
                f"{len(self.mirror)} mirror entries"
            )
        self._check_tree()
        if any(self.mirror[self.mirror[j]] != j for j in range(count)):
            raise ValueError(f"skeleton {self.name!r}: mirror is not its own inverse")
        outside = {role: j for role, j in self.roles.items() if not 0 <= j < count}
        if outside:
            raise ValueError(f"skeleton {self.name!r}: roles outside 0..{count - 1}: {outside}")

    def __reduce__(self) -> tuple[type["Skeleton"], tuple[object, ...]]:
        """How it is copied and sent to other processes, and models with it."""
        own = (self.name, self.joints, self.parents, self.mirror, dict(self.roles))
        return type(self), own

    def _check_tree(self) -> None:
        roots = [j for j, parent in enumerate(self.parents) if parent == -1]
        if len(roots) != 1:
            raise ValueError(f"skeleton {self.name!r}: exactly one root allowed, found {roots}")
        for joint in range(self.num_joints):
            seen, at = set(), joint
            while at != -1:
                if at in seen or not -1 <= self.parents[at] < self.num_joints:
                    raise ValueError(
                        f"skeleton {self.name!r}: joint {self.joints[joint]!r} does not reach "
                        "the root"
                    )
                seen.add(at)
                at = self.parents[at]

    @property
    def num_joints(self) -> int:
        """Number of joints J."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the one joint without a parent."""
        return self.parents.index(-1)

    @cached_property
    def generations(self) -> tuple[tuple[int, ...], ...]:
        """The root, its children, theirs, and so on. Shapes: -> J indices in all."""
        from_root = self.hops[self.root]
        return tuple(
            tuple(int(joint) for joint in np.flatnonzero(from_root == away))
            for away in range(int(from_root.max()) + 1)
        )

    @cached_property
    def bones(self) -> np.ndarray:
        """Bones as (child, parent) pairs in the order of the children. Shapes: -> [E,2]."""
        return np.array([(j, p) for j, p in enumerate(self.parents) if p >= 0], dtype=np.int64)

    @cached_property
    def edge_index(self) -> np.ndarray:
        """Both directions of every bone, as torch-geometric wants it. Shapes: -> [2,2E]."""
        pairs = self.bones.T
        return np.concatenate([pairs, pairs[::-1]], axis=1)

    @cached_property
    def hops(self) -> np.ndarray:
        """Number of bones between each pair of joints. Shapes: -> [J,J]."""
        count = self.num_joints
        distance = np.full((count, count), count, dtype=np.int64)
        np.fill_diagonal(distance, 0)
        distance[self.edge_index[0], self.edge_index[1]] = 1
        for via in range(count):
            distance = np.minimum(distance, distance[:, via, None] + distance[None, via])
        return distance

    @cached_property
    def ancestors(self) -> np.ndarray:
        """1 where joint k lies on the path from joint j up to, not including, the root.

        So positions = root + ancestors @ bone vectors: forward kinematics as one product.
        Shapes: -> [J,J].
        """
        matrix = np.zeros((self.num_joints, self.num_joints), dtype=np.float32)
        for joint in range(self.num_joints):
            at = joint
            while self.parents[at] != -1:
                matrix[joint, at] = 1
                at = self.parents[at]
        return matrix

    @cached_property
    def anchor(self) -> tuple[int, ...]:
        """Joints whose mean is the body's centre.

        The pelvis, else both hips, else both shoulders, else the root.
        """
        choices = (("pelvis",), ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
        for roles in choices:
            if self.has_roles(*roles):
                return tuple(self.roles[role] for role in roles)
        return (self.root,)

    def index(self, name: str) -> int:
        """Index of a joint by its name.

        Raises:
            ValueError: if the skeleton has no such joint.
        """
        if name not in self.joints:
            raise ValueError(
                f"skeleton {self.name!r} has no joint {name!r}; "
                f"its joints: {', '.join(self.joints)}"
            )
        return self.joints.index(name)

    def has_roles(self, *roles: str) -> bool:
        """Whether every one of the roles is defined."""
        return all(role in self.roles for role in roles)
