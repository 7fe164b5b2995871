"""A jointed human body: proportions, the channels of a pose, and the kinematics between them.

Frame of reference: metres, y up, the ground at y = 0, a person who faces +z and whose left is +x.
Joints come out in the order of the layout "kinect20".
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

LEFT, RIGHT = 0, 1
_OUTWARD = np.array([1.0, -1.0])  # x of "away from the mid-line" for the left and right side
_REACH = 0.998  # a leg or arm is never stretched further than this share of its length
_DOWN = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True)
class Body:
    """Bone lengths of one person.

    Args:
        height: body height in metres.
        legs: length of the legs relative to the average for that height; the others likewise.
        arms: length of the arms.
        shoulders: width of the shoulders.
        hips: width of the hips.

    Source: Drillis and Contini, Body Segment Parameters, 1966: segments as shares of height.
    """

    height: float = 1.75
    legs: float = 1.0
    arms: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0

    @property
    def thigh(self) -> float:
        """Hip to knee."""
        return 0.245 * self.height * self.legs

    @property
    def shank(self) -> float:
        """Knee to ankle."""
        return 0.246 * self.height * self.legs

    @property
    def leg(self) -> float:
        """Hip to ankle: the unit of pose channels that are lengths."""
        return self.thigh + self.shank

    @property
    def upper_arm(self) -> float:
        """Shoulder to elbow."""
        return 0.172 * self.height * self.arms

    @property
    def forearm(self) -> float:
        """Elbow to wrist."""
        return 0.146 * self.height * self.arms

    @property
    def ankle(self) -> float:
        """Height of the ankle above the ground when the foot is flat."""
        return 0.042 * self.height

    @property
    def foot(self) -> Float[np.ndarray, "3"]:
        """Ankle to forefoot with the foot flat on the ground."""
        return self.height * np.array([0.0, -0.030, 0.088])

    @property
    def hip(self) -> Float[np.ndarray, "3"]:
        """Pelvis to hip, x outward."""
        return self.height * np.array([0.053 * self.hips, -0.022, 0.0])

    @property
    def shoulder(self) -> Float[np.ndarray, "3"]:
        """Base of the neck to shoulder, x outward."""
        return self.height * np.array([0.103 * self.shoulders, -0.018, 0.0])

    @property
    def hand(self) -> float:
        """Wrist to the middle of the hand."""
        return 0.052 * self.height * self.arms

    @property
    def standing(self) -> float:
        """Height of the pelvis when standing straight."""
        return self.ankle + self.leg - self.hip[1]


def _channel(*shape: int, value: float | tuple[float, ...] = 0.0) -> Any:
    """A field that `Pose` expands to [T,*shape]; the value is that of relaxed standing."""
    return field(default=None, metadata={"shape": shape, "value": value})


@dataclass
class Pose:
    """Channels of a clip: what a script writes and `solve` turns into joints.

    Angles are in degrees, lengths in leg lengths. Shapes: in brackets. The side axis is (left,
    right), so that one number means the same movement on both sides; x of sided channels points
    outward.

    Args:
        frames: number of frames T. All channels start in relaxed standing.
        root: where the pelvis is: sideways, height relative to standing, forward. [T,3].
        heading: where the person faces, towards their left. [T].
        pelvis: tilt forward, list to the left, turn to the left. [T,3].
        trunk: bend forward, lean to the left, turn to the left. [T,3].
        head: nod forward, lean to the left, turn to the left. [T,3].
        shoulder: flexion, abduction, inward turn of the upper arm. [T,2,3].
        elbow: flexion. [T,2].
        wrist: flexion. [T,2].
        palm: place of the hands relative to the base of the neck, in the trunk's frame (x to the
            left, not outward). [T,2,3].
        guided: 0: the arm follows its angles; 1: the wrist goes to `palm`. [T,2].
        foot: where the foot is put: x to the left, height, forward. [T,2,3].
        sole: pitch of the foot, toes down. A positive pitch lifts the heel. [T,2].
        toes: where the foot points, towards the left. [T,2].
        hip: flexion and abduction of the thigh where the leg is free. [T,2,2].
        knee: flexion where the leg is free. [T,2].
        free: 0: the foot is where `foot` says; 1: the leg follows its angles. [T,2].
    """

    frames: int
    root: np.ndarray = _channel(3)
    heading: np.ndarray = _channel()
    pelvis: np.ndarray = _channel(3)
    trunk: np.ndarray = _channel(3)
    head: np.ndarray = _channel(3)
    shoulder: np.ndarray = _channel(2, 3, value=(4.0, 9.0, 20.0))
    elbow: np.ndarray = _channel(2, value=14.0)
    wrist: np.ndarray = _channel(2, value=5.0)
    palm: np.ndarray = _channel(2, 3)
    guided: np.ndarray = _channel(2)
    foot: np.ndarray = _channel(2, 3)
    sole: np.ndarray = _channel(2)
    toes: np.ndarray = _channel(2, value=(9.0, -9.0))
    hip: np.ndarray = _channel(2, 2)
    knee: np.ndarray = _channel(2, value=10.0)
    free: np.ndarray = _channel(2)

    def __post_init__(self) -> None:
        for name, channel in self.__dataclass_fields__.items():
            if "shape" in channel.metadata:
                shape = (self.frames, *channel.metadata["shape"])
                setattr(self, name, np.zeros(shape) + channel.metadata["value"])


def rotation(vector: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3 3"]:
    """Rotation matrices of rotation vectors (axis times angle in degrees), by Rodrigues."""
    vector = np.radians(vector)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    rows = [zero, -z, y, z, zero, -x, -y, x, zero]
    cross = np.stack(rows, axis=-1).reshape(*vector.shape, 3)
    # np.sinc(a / pi) is sin(a) / a, and finite at 0
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def _about(axis: int, degrees: np.ndarray) -> np.ndarray:
    vector = np.zeros((*np.shape(degrees), 3))
    vector[..., axis] = degrees
    return rotation(vector)


def _apply(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (matrix @ vector[..., None])[..., 0]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def bend_limb(
    start: Float[np.ndarray, "*N 3"],
    end: Float[np.ndarray, "*N 3"],
    hint: Float[np.ndarray, "*N 3"],
    upper: float,
    lower: float,
) -> tuple[Float[np.ndarray, "*N 3"], Float[np.ndarray, "*N 3"]]:
    """Inverse kinematics of two bones: middle joint and end that `start` can really reach.

    Args:
        start: shoulder or hip.
        end: wanted place of wrist or ankle; pulled in if it is out of reach.
        hint: direction that the middle joint points to.
        upper: length of the first bone.
        lower: length of the second bone.
    """
    towards = end - start
    distance = np.linalg.norm(towards, axis=-1, keepdims=True)
    axis = towards / np.maximum(distance, 1e-9)
    low = abs(upper - lower) + 0.05 * (upper + lower)
    distance = np.clip(distance, low, _REACH * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    side = _unit(hint - (hint * axis).sum(-1, keepdims=True) * axis)
    return start + along * axis + aside * side, start + distance * axis


def _lower_root(body: Body, pose: Pose, hips: np.ndarray, ankles: np.ndarray) -> np.ndarray:
    """Pelvis [T,3], lowered smoothly to where both planted feet are in reach."""
    root = pose.root * body.leg
    root[:, 1] += body.standing
    apart = ankles - root[:, None] - hips
    level = np.maximum((_REACH * body.leg) ** 2 - apart[..., 0] ** 2 - apart[..., 2] ** 2, 1e-4)
    limits = ankles[..., 1] - hips[..., 1] + np.sqrt(level) + pose.free
    softness = 0.004
    heights = np.concatenate([root[:, 1:2], limits], axis=1)
    least = heights.min(axis=1, keepdims=True)
    total = np.exp((least - heights) / softness).sum(axis=1)
    root[:, 1] = least[:, 0] - softness * np.log(total)
    return root


def _legs(body: Body, pose: Pose, facing: np.ndarray, tilted: np.ndarray) -> list[np.ndarray]:
    """Pelvis [T,3], then hips, knees, ankles and feet [T,2,3]."""
    outward = np.stack([_OUTWARD, np.ones(2), np.ones(2)], axis=-1)
    yaw = _about(1, pose.toes)
    soles = yaw @ _about(0, pose.sole)
    toe = _apply(soles, body.foot)
    ankles = pose.foot * body.leg
    ankles[..., 1] += body.ankle
    # the heel rises about the ball of the foot, but the toes rise about the ankle
    pivot = _apply(yaw, body.foot) - toe
    ankles = ankles + np.where(pose.sole[..., None] > 0, pivot, 0.0)
    hips = _apply(tilted[:, None], body.hip * outward)
    root = _lower_root(body, pose, hips, ankles)
    hips = hips + root[:, None]

    swing = np.stack([-pose.hip[..., 0], 0 * pose.knee, pose.hip[..., 1] * _OUTWARD], axis=-1)
    thigh = facing[:, None] @ rotation(swing)
    shank = thigh @ _about(0, pose.knee)
    swung = hips + body.thigh * _apply(thigh, _DOWN) + body.shank * _apply(shank, _DOWN)
    ankles = ankles + pose.free[..., None] * (swung - ankles)
    # the knee bends in the plane of the leg, half-way between where pelvis and foot point
    turn = 0.5 * (_about(1, pose.toes) + facing[:, None])
    ahead = np.cross(ankles - hips, _apply(turn, np.array([1.0, 0.0, 0.0])))
    knees, ankles = bend_limb(hips, ankles, ahead, body.thigh, body.shank)
    return [root, hips, knees, ankles, ankles + toe]


def _arms(body: Body, pose: Pose, chest: np.ndarray, neck: np.ndarray) -> list[np.ndarray]:
    """Shoulders, elbows, wrists and hands [T,2,3]."""
    flexion, abduction, turn = np.moveaxis(pose.shoulder, -1, 0)
    raised = np.clip(np.hypot(flexion, abduction) - 50.0, 0.0, None)
    base = _apply(_about(2, 0.22 * raised), body.shoulder)  # the shoulder blade follows the arm
    upper = rotation(np.stack([-flexion, 0 * flexion, abduction], axis=-1)) @ _about(1, -turn)
    lower = upper @ _about(0, -pose.elbow)
    palm = lower @ _about(0, -pose.wrist)
    outward = np.stack([_OUTWARD, np.ones(2), np.ones(2)], axis=-1)

    def place(offset: np.ndarray) -> np.ndarray:
        return _apply(chest[:, None], offset * outward)

    shoulders = neck[:, None] + place(base)
    elbow = place(body.upper_arm * _apply(upper, _DOWN))
    wrists = shoulders + elbow + place(body.forearm * _apply(lower, _DOWN))
    target = neck[:, None] + _apply(chest[:, None], pose.palm * body.leg)
    wrists = wrists + pose.guided[..., None] * (target - wrists)
    elbows, wrists = bend_limb(shoulders, wrists, elbow, body.upper_arm, body.forearm)
    # a guided hand prolongs its forearm, wherever that had to go
    ahead = place(_apply(palm, _DOWN))
    ahead = ahead + pose.guided[..., None] * (_unit(wrists - elbows) - ahead)
    hands = wrists + body.hand * _unit(ahead)
    return [shoulders, elbows, wrists, hands]


def solve(body: Body, pose: Pose) -> Float[np.ndarray, "T 20 3"]:
    """Joints of a pose, in the order of the layout "kinect20"; bones are rigid.

    Shapes: channels of T frames -> [T,20,3].
    Units: metres.
    """
    facing = _about(1, pose.heading + pose.pelvis[:, 2])
    tilted = facing @ _about(0, pose.pelvis[:, 0]) @ _about(2, -pose.pelvis[:, 1])
    root, hips, knees, ankles, feet = _legs(body, pose, facing, tilted)
    bend, lean, turn = pose.trunk.T
    loin = tilted @ rotation(np.stack([0.5 * bend, 0.5 * turn, -0.5 * lean], axis=-1))
    chest = loin @ rotation(np.stack([0.5 * bend, 0.5 * turn, -0.5 * lean], axis=-1))
    spine = root + _apply(loin, body.height * np.array([0.0, 0.060, -0.006]))
    neck = spine + _apply(chest, body.height * np.array([0.0, 0.215, -0.004]))
    nod, tip, look = pose.head.T
    skull = chest @ rotation(np.stack([nod, look, -tip], axis=-1))
    head = neck + _apply(skull, body.height * np.array([0.0, 0.112, 0.018]))
    shoulders, elbows, wrists, hands = _arms(body, pose, chest, neck)
    joints = [head, neck, spine, root]
    for limb in ((shoulders, elbows, wrists, hands), (hips, knees, ankles, feet)):
        for side in (LEFT, RIGHT):
            joints += [part[:, side] for part in limb]
    return np.stack(joints, axis=1)
