"""The contract checks pass on what the package exports and name what breaks a promise."""

import inspect

import pytest
import torch

from motiongen import formats, noise
from motiongen.formats.base import Clip, Reader
from motiongen.motion import Motion
from motiongen.testing import (
    ContractError,
    check_noise,
    check_reader,
    noise_checks,
    reader_checks,
)

from .formats.files import (
    titles,
    write_alphapose,
    write_coco,
    write_hrc,
    write_mediapipe,
    write_msr,
    write_npz,
    write_openpose,
    write_openpose5,
    write_openpose_csv,
    write_prmd,
    write_utd,
)
from .formats.mocap_files import (
    write_bandai,
    write_bvh,
    write_c3d,
    write_humanact12,
    write_keraal,
    write_ntu,
    write_smpl,
    write_utkinect,
)

#: strong enough to change a short clip
NOISES = {
    "Compose": lambda: noise.estimator(4),
    "Drift": noise.Drift,
    "Dropout": noise.Dropout,
    "Estimator": lambda: noise.Estimator(3),
    "FrameLoss": lambda: noise.FrameLoss(0.3),
    "Jitter": noise.Jitter,
    "Occlusion": lambda: noise.Occlusion(0.3),
    "Outliers": lambda: noise.Outliers(0.1),
    "Swap": lambda: noise.Swap(0.5),
}


def written(name):
    """Two clips of a format that is written, too, in the folder it is given."""

    def write(folder):
        motions = [
            Motion(torch.rand(6, 25, 3), torch.ones(6, 25), "kinect25", id=f"clip{i}", label=i)
            for i in range(2)
        ]
        suffix = formats.get_writer(name).holds.suffix
        formats.writer(name, ("walk", "run"), 6).write(motions, folder / f"clips{suffix}")

    return write


READERS = {
    "aeon": written("aeon"),
    "alphapose": lambda folder: write_alphapose(folder / "walk.json"),
    "arrays": lambda folder: write_npz(folder / "clips.npz"),
    "bandai_bvh": write_bandai,
    "bvh": write_bvh,
    "c3d": write_c3d,
    "coco": lambda folder: write_coco(folder / "walk.json"),
    "csv": written("csv"),
    "hrc_oasa": write_hrc,
    "humanact12": write_humanact12,
    "keraal": write_keraal,
    "mediapipe": lambda folder: write_mediapipe(folder / "wave" / "one"),
    "msr_action3d": write_msr,
    "ntu": write_ntu,
    "openpose": lambda folder: write_openpose(folder / "walk"),
    "openpose5": write_openpose5,
    "openpose_csv": lambda folder: write_openpose_csv(
        folder / "walk.csv", header=["frame", *titles()], before=[range(6)]
    ),
    "parquet": written("parquet"),
    "pyskl": written("pyskl"),
    "smpl_joints": write_smpl,
    "ui_prmd": write_prmd,
    "utd_mhad": write_utd,
    "utkinect": write_utkinect,
}


def test_every_noise_is_checked():
    exported = {name for name in noise.__all__ if inspect.isclass(getattr(noise, name))}
    assert exported - {"Noise"} == set(NOISES)


@pytest.mark.parametrize("check", noise_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NOISES)
def test_noise(name, check):
    check(NOISES[name]())


def test_every_reader_is_checked():
    assert set(READERS) == set(formats.READERS)


@pytest.mark.parametrize("check", reader_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", READERS)
def test_reader(tmp_path, name, check):
    READERS[name](tmp_path)
    check(formats.get(name)(tmp_path))


def in_place(motion, rng):
    motion.joints.add_(torch.rand(1, generator=rng))
    return motion.replace(target=motion.joints)


def forgets_the_truth(motion, rng):
    return motion.replace(joints=motion.joints + torch.rand(1, generator=rng))


def uses_global_randomness(motion, rng):
    return motion.replace(joints=motion.joints + torch.rand(1), target=motion.joints)


def ignores_its_generator(motion, rng):
    truth = motion.joints if motion.target is None else motion.target
    return motion.replace(joints=motion.joints + 1, target=truth)


def invents(motion, rng):
    return motion.replace(confidence=torch.ones_like(motion.confidence), target=motion.joints)


def forgets_the_label(motion, rng):
    return motion.replace(label=None, target=motion.joints)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (in_place, "input_is_left_alone: joints of the input"),
        (forgets_the_truth, "clean_joints_become_the_target: .* not kept as target"),
        (uses_global_randomness, "randomness_comes_from_the_generator: the global random state"),
        (ignores_its_generator, "randomness_comes_from_the_generator: two seeds"),
        (invents, "confidence_stays_in_range: a joint that was not seen is seen now"),
        (forgets_the_label, "input_is_left_alone: label is None, was 0"),
    ],
)
def test_broken_noise_is_found(broken, complaint):
    with pytest.raises(ContractError, match=complaint):
        check_noise(broken)


class Memory(Reader):
    """Two clips that need no file; keeps the contract."""

    classes = ("walk",)

    def index(self):
        return [Clip("a.txt", "a", "walk", "1"), Clip("b.txt", "b", None, "2")]

    def load(self, clip):
        label = self.label_number(clip)
        joints, confidence = torch.ones(3, 20, 3), torch.ones(3, 20)
        return Motion(
            joints, confidence, "kinect20", id=clip.id, label=label, subject=clip.subject
        )


class Shuffling(Memory):
    turn = 0

    def index(self):
        self.turn += 1
        return super().index()[:: (-1) ** self.turn]


class Doubled(Memory):
    def index(self):
        return super().index()[:1] * 2


class UnknownClass(Memory):
    classes = ("run",)

    def load(self, clip):
        return super().load(Clip(clip.path, clip.id))


class Mislabelled(Memory):
    def load(self, clip):
        return super().load(clip).replace(label=0)


class TooManyLabels(Memory):
    def load(self, clip):
        return super().load(clip).replace(label=1)


class OtherLayout(Memory):
    def load(self, clip):
        return super().load(clip).replace(layout="coco17")


class Drifting(Memory):
    calls = 0

    def load(self, clip):
        self.calls += 1
        motion = super().load(clip)
        return motion.replace(joints=motion.joints + self.calls)


class Absolute(Memory):
    def index(self):
        return [Clip("/data/a.txt", "a")]


def test_a_sound_reader_passes(tmp_path):
    check_reader(Memory(tmp_path))


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (Shuffling, "index_is_fixed: a second index differs"),
        (Doubled, r"index_is_fixed: ids \['a'\] belong to several"),
        (UnknownClass, r"labels_are_among_the_classes: labels \['walk'\] are not among"),
        (TooManyLabels, "labels_are_among_the_classes: clip 'a': label 1, 1 classes"),
        (Mislabelled, r"clip_is_what_the_index_says: clip 'b': \('2', 'walk'\), the index has"),
        (OtherLayout, "layout_matches: clip 'a': 20 joints, layout coco17 has 17"),
        (Drifting, "reading_is_repeatable: clip 'a' read again: joints: differs by 2"),
        (Absolute, "index_is_fixed: .* are not relative"),
    ],
)
def test_a_broken_reader_is_found(tmp_path, broken, complaint):
    name = complaint.partition(":")[0]
    (check,) = [check for check in reader_checks() if check.__name__ == name]
    with pytest.raises(ContractError, match=complaint):
        check(broken(tmp_path))
