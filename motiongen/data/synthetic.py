"""The embedded data set: everyday actions made by kinematics, with known truth.

People differ in proportions, tempo, amplitude, handedness and posture; repetitions differ too.
Bones are rigid and planted feet stay where they are, so that every error is one that noise or a
generator has made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from motiongen import layouts
from motiongen.data.actions import ACTIONS, Action
from motiongen.data.body import Body, Pose, solve
from motiongen.data.cues import Cue
from motiongen.motion import Motion

LAYOUT = "kinect20"
FPS = 20.0
SHORTEST, LONGEST = 36, 64  # frames


@dataclass(frozen=True)
class Subject:
    """One invented person: a body and the way it moves.

    Args:
        name: "1", "2", ...
        body: bone lengths.
        tempo: speed relative to the average.
        amplitude: size of movements relative to the average.
        left_handed: whether one-sided actions are done with the left side.
        stance: distance of each foot from the mid-line when standing, in leg lengths.
        stoop: forward bend of the trunk in degrees.
        arms: how far the arms hang from the body, and how bent they are, in degrees.
        sway: size of the involuntary movement relative to the average.
    """

    name: str
    body: Body
    tempo: float
    amplitude: float
    left_handed: bool
    stance: float
    stoop: float
    arms: tuple[float, float]
    sway: float


def class_names() -> tuple[str, ...]:
    """Names of all actions, in the order of their labels."""
    return tuple(action.name for action in ACTIONS)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def make_subject(number: int, seed: int = 0) -> Subject:
    """Person `number` (from 1): a function of seed and number alone."""
    rng = _generator(seed, number)
    ratio = np.clip(rng.normal(1.0, [0.035, 0.035, 0.06, 0.06]), 0.88, 1.12)
    body = Body(float(rng.uniform(1.50, 1.95)), *(float(value) for value in ratio))
    return Subject(
        name=str(number),
        body=body,
        tempo=float(np.exp(rng.uniform(-0.16, 0.16))),
        amplitude=float(rng.uniform(0.85, 1.15)),
        left_handed=bool(rng.random() < 0.25),
        stance=float(rng.uniform(0.09, 0.15)),
        stoop=float(rng.uniform(-2.0, 7.0)),
        arms=(float(rng.uniform(-2.0, 6.0)), float(rng.uniform(0.0, 16.0))),
        sway=float(rng.uniform(0.5, 1.4)),
    )


def _wander(rng: np.random.Generator, seconds: np.ndarray, count: int) -> np.ndarray:
    """Smooth involuntary movement of about unit size: three slow waves each. Shapes: [T,count]."""
    rate = rng.uniform(0.15, 0.9, (3, 1, count))
    phase = rng.uniform(0.0, 2 * np.pi, (3, 1, count))
    size = rng.normal(0.0, 0.7, (3, 1, count))
    return (size * np.sin(2 * np.pi * rate * seconds[None, :, None] + phase)).sum(axis=0)


def _relaxed(subject: Subject, seconds: np.ndarray, rng: np.random.Generator) -> Pose:
    """How this person stands, with breath and sway."""
    pose = Pose(len(seconds))
    waves = subject.sway * _wander(rng, seconds, 20)
    pose.foot[..., 0] = np.array([1.0, -1.0]) * subject.stance
    pose.root[:, (0, 2)] += 0.006 * waves[:, :2]
    pose.trunk += 1.3 * waves[:, 2:5]
    pose.trunk[:, 0] += subject.stoop
    pose.head += 2.2 * waves[:, 5:8]
    pose.shoulder += 2.2 * waves[:, 8:14].reshape(-1, 2, 3)
    pose.shoulder[..., 1] += subject.arms[0]
    pose.elbow += subject.arms[1] + 2.5 * waves[:, 14:16]
    pose.wrist += 3.0 * waves[:, 16:18]
    pose.pelvis[:, :2] += 0.7 * waves[:, 18:20]
    pose.toes += rng.uniform(-4.0, 6.0) * np.array([1.0, -1.0])
    return pose


def _place(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turns the clip and moves it about the floor."""
    yaw = np.radians(rng.uniform(-12.0, 12.0))
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return joints @ turn.T + np.array([rng.normal(0.0, 0.1), 0.0, rng.normal(0.0, 0.1)])


def perform(action: Action, subject: Subject, rng: np.random.Generator) -> np.ndarray:
    """One person does one action once.

    Shapes: -> [T,20,3].
    Units: metres, at `FPS` frames per second.
    """
    tempo = subject.tempo * float(np.exp(rng.normal(0.0, 0.06)))
    frames = int(np.clip(round(FPS * action.duration / tempo), SHORTEST, LONGEST))
    cue = Cue(
        progress=np.linspace(0.0, 1.0, frames),
        seconds=np.arange(frames) * tempo / FPS,
        amplitude=subject.amplitude * float(np.exp(rng.normal(0.0, 0.05))),
        # a recording begins with the action, and people begin it with their preferred foot
        phase=float(rng.normal(0.0, 0.04)),
        detail=rng.uniform(-1.0, 1.0, 4),
    )
    pose = _relaxed(subject, cue.seconds, rng)
    action.script(cue, pose)
    joints = solve(subject.body, pose)
    if subject.left_handed:
        joints = joints[:, layouts.get(LAYOUT).mirror] * np.array([-1.0, 1.0, 1.0])
    return _place(joints, rng)


def _find(classes: Sequence[str]) -> list[int]:
    names = class_names()
    if unknown := [name for name in classes if name not in names]:
        raise ValueError(f"classes {unknown} are unknown; known classes: {', '.join(names)}")
    return [names.index(name) for name in classes]


def synthesise(
    num_subjects: int = 12,
    repetitions: int = 3,
    seed: int = 0,
    classes: Sequence[str] | None = None,
) -> list[Motion]:
    """Every person does every action several times.

    Each clip is a function of seed, subject, class and repetition alone: it does not depend on
    how many others are made.

    Args:
        num_subjects: people, named "1" to "N".
        repetitions: clips for each person and class.
        seed: of people and clips.
        classes: names of the actions; None for all. A label is the place in this list.

    Raises:
        ValueError: if a class is unknown, or a count below 1.
    """
    if num_subjects < 1 or repetitions < 1:
        raise ValueError(
            f"found {num_subjects} subjects and {repetitions} repetitions; at least 1 is needed"
        )
    numbers = _find(class_names() if classes is None else classes)
    motions = []
    for person in range(1, num_subjects + 1):
        subject = make_subject(person, seed)
        for label, number in enumerate(numbers):
            for turn in range(1, repetitions + 1):
                rng = _generator(seed, person, number, turn)
                joints = perform(ACTIONS[number], subject, rng)
                motions.append(_motion(joints, subject, label, ACTIONS[number].name, turn))
    return motions


def _motion(joints: np.ndarray, subject: Subject, label: int, name: str, turn: int) -> Motion:
    clip = f"{name}-s{int(subject.name):02d}-r{turn:02d}"
    return Motion(
        joints=torch.from_numpy(joints.astype(np.float32)),
        confidence=torch.ones(joints.shape[:2]),
        layout=LAYOUT,
        id=clip,
        label=label,
        subject=subject.name,
        source="synthetic",
        fps=FPS,
    )
