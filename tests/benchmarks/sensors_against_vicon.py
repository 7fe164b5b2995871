"""How far depth cameras and pose estimators are from optical motion capture of the same movement.

    python tests/benchmarks/sensors_against_vicon.py RECORDINGS

RECORDINGS is a folder that holds ui_prmd and keraal_paired. Both sensors of a pair are brought to
the same joints and stretched to `FRAMES` frames (their rates and the moments at which they begin
and end differ), then aligned rigidly: one rotation and translation a clip, no scale. "warped" also
lets time run unevenly, along the best warping path; since the path is chosen to fit, it is the
lower of two bounds. Figures are cm, over all frames and clips.

UI-PRMD: the Kinect against joint centres made of markers, both in the layout uiprmd22; places
that coincide there count once. KERAAL: bodies of markers in the middle of segments against the
nearest thing that each sensor has (`POINTS`), so part of every figure is that distance; "centred"
takes out the mean offset of each point of each clip. BlazePose's depth has no unit: its clips are
scaled, too, and once more with depth times the one of `DEPTHS` that suits all clips best, by the
truth. OpenPose and AlphaPose are flat: the truth is projected by an affine camera that is fitted
to the same clip, so theirs is the error in the picture alone, in cm at the person, and a lower
bound. The other sensors are also scored that way, to compare. The picture is 960 x 544, as
published.

The figures go to checkpoints/results/sensors_against_vicon.json.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matrix_on_msr import commit

from motiongen.formats import get
from motiongen.layouts import get as layout
from motiongen.layouts import places
from motiongen.metrics.warping import warping_path
from motiongen.motion import Motion
from motiongen.transforms import relayout, resample_frames

RESULTS = Path("checkpoints/results/sensors_against_vicon.json")
FRAMES = 100
#: times that alignment and warping are repeated
ROUNDS = 3
DEPTHS = np.linspace(0, 1, 21)
PICTURE = np.array([960.0, 544.0])
_COCO = {"head": ("nose",), "hand": ("wrist",), "foot": ("ankle",), "pelvis": ("hip",)}
#: sensor -> point -> the joints whose mean it is; sides are filled in, the pelvis has both
POINTS: dict[str, dict[str, tuple[str, ...]]] = {
    "vicon": {"head": ("head",), "hand": ("hand",), "foot": ("foot",), "pelvis": ("pelvis",)},
    "kinect": {
        **{"head": ("head",), "hand": ("hand",)},
        **{"foot": ("ankle", "foot"), "pelvis": ("pelvis",)},
    },
    "blazepose": {
        **{"head": ("left_ear", "right_ear"), "hand": ("wrist", "index_knuckle")},
        **{"foot": ("ankle", "big_toe"), "pelvis": ("hip",)},
    },
    "openpose": _COCO,
    "alphapose": _COCO,
}
NAMES = ("head", "left_hand", "right_hand", "left_foot", "right_foot", "pelvis")


Change = Callable[[np.ndarray], np.ndarray]


def rigid(
    points: np.ndarray, truth: np.ndarray, seen: np.ndarray, *, scaled: bool = False
) -> tuple[Change, Change]:
    """What turns and moves (and scales) the points as a whole, and what leaves the truth alone.

    Shapes: points, truth [T,J,3], seen [T,J].
    """
    p, q = points[seen], truth[seen]
    a, b = p - p.mean(0), q - q.mean(0)
    u, sizes, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    scale = (sizes * sign).sum() / (a**2).sum() if scaled else 1.0
    return lambda each: scale * (each - p.mean(0)) @ turn + q.mean(0), lambda each: each


def projection(points: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> tuple[Change, Change]:
    """What brings points of a picture, and the truth by the affine camera that fits, to metres.

    Shapes: points [T,J,C], of which x and y count, truth [T,J,3], seen [T,J].
    """
    rows = homogeneous(truth)
    camera, *_ = np.linalg.lstsq(rows[seen], points[seen][:, :2], rcond=None)
    # pixels a metre: the geometric mean over the two directions of the picture
    scale = np.sqrt(np.prod(np.linalg.svd(camera[:3], compute_uv=False)))
    return lambda each: each[..., :2] / scale, lambda each: homogeneous(each) @ camera / scale


def homogeneous(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1)


def errors(
    points: np.ndarray, truth: np.ndarray, seen: np.ndarray, kind: str
) -> dict[str, np.ndarray]:
    """Distances in metres, NaN where not seen. Shapes: [T,J,C], [T,J,3], [T,J] -> each [T,J]."""

    def fitted(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pair = points[rows], truth[others], seen[rows]
        changes = projection(*pair) if kind == "picture" else rigid(*pair, scaled=kind == "scaled")
        return changes[0](points), changes[1](truth)

    rows = others = np.arange(len(points))
    found, target = fitted(rows, others)
    result = {"stretched": distances(found, target, seen)}
    for _ in range(ROUNDS):
        # what was not seen costs nothing
        path = warping_path(np.where(seen[..., None], found, target), target)
        rows, others = path[:, 0], path[:, 1]
        found, target = fitted(rows, others)
    found, target, shown = found[rows], target[others], seen[rows]
    result["warped"] = distances(found, target, shown)
    offset = np.where(shown[..., None], found - target, np.nan)
    result["centred"] = distances(offset - np.nanmean(offset, 0), np.zeros_like(offset), shown)
    return result


def distances(points: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return np.where(seen, np.linalg.norm(points - truth, axis=-1), np.nan)


def stretched(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Joints and which are seen at `FRAMES` even times. Shapes: -> [T,J,C], [T,J]."""
    motion = resample_frames(motion, FRAMES)
    return motion.joints.double().numpy(), motion.mask.numpy()


def summary(clips: Iterable[Mapping[str, np.ndarray]], names: tuple[str, ...]) -> dict[str, Any]:
    """Median and 90th percentile in cm, of all points and of each."""
    clips = list(clips)
    result: dict[str, Any] = {"clips": len(clips)}
    for kind in clips[0]:
        rows = np.concatenate([100 * clip[kind] for clip in clips])
        result[kind] = {
            "all": _two(rows),
            **{name: _two(rows[:, j]) for j, name in enumerate(names)},
        }
    return result


def _two(values: np.ndarray) -> list[float]:
    return [round(float(v), 1) for v in np.nanpercentile(values, [50, 90])]


def ui_prmd(recordings: Path) -> dict:
    """The Kinect against Vicon, on the joints that both give."""
    reader = get("ui_prmd")(recordings / "ui_prmd")
    clips = {clip.id: clip for clip in reader.index()}
    names, where = layout("uiprmd22").joints, places("uiprmd22")
    first = [j for j, place in enumerate(where) if where.index(place) == j]
    found, common = [], None
    for name in clips:
        if name.startswith("vicon-"):
            kinect, _ = stretched(reader.load(clips[name.replace("vicon", "kinect")]))
            truth, seen = stretched(relayout(reader.load(clips[name]), "uiprmd22"))
            common = common or [j for j in first if seen[:, j].any()]
            found.append(errors(kinect[:, common], truth[:, common], seen[:, common], "rigid"))
    return {"kinect": summary(found, tuple(names[j] for j in common or []))}


def picked(motion: Motion, sensor: str) -> tuple[np.ndarray, np.ndarray]:
    """The `NAMES` of one clip of KERAAL. Shapes: -> [T,6,C], [T,6]."""
    joints, seen = stretched(motion)
    if motion.unit == "normalised":
        joints[..., :2] *= PICTURE
        joints[..., 2:] *= PICTURE[0]
    names = layout(motion.layout).joints
    points, shown = [], []
    for name in NAMES:
        side, _, part = name.partition("_")
        sides = (f"{side}_",) if part else ("", "left_", "right_")
        wanted = [s + joint for joint in POINTS[sensor][part or name] for s in sides]
        at = [names.index(joint) for joint in wanted if joint in names]
        points.append(joints[:, at].mean(1))
        shown.append(seen[:, at].all(1))
    return np.stack(points, 1), np.stack(shown, 1)


def keraal(recordings: Path) -> dict:
    """Every sensor against the bodies of markers, in space and in the picture."""
    reader = get("keraal")(recordings / "keraal_paired")
    clips = {(clip.path.split("-")[1].lower(), clip.label): clip for clip in reader.index()}
    short = {"kinect": "kinect", "bp": "blazepose", "op": "openpose", "ap": "alphapose"}
    found: dict[str, list] = {}
    depths: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for (key, exercise), clip in clips.items():
        if key == "vicon":
            continue
        sensor = short[key]
        truth, _ = picked(reader.load(clips["vicon", exercise]), "vicon")
        points, seen = picked(reader.load(clip), sensor)
        if sensor == "kinect":
            found.setdefault("kinect", []).append(errors(points, truth, seen, "rigid"))
        elif sensor == "blazepose":
            depths.append((points, truth, seen))
        flat = errors(points, truth, seen, "picture")
        found.setdefault(f"{sensor}, picture", []).append(flat)
    found["blazepose, scaled"] = [errors(p, truth, seen, "scaled") for p, truth, seen in depths]
    best = min(
        DEPTHS, key=lambda depth: np.nanmedian([flattened(*clip, depth=depth) for clip in depths])
    )
    found[f"blazepose, scaled, depth x {best:.2f}"] = [
        errors(points * [1, 1, best], truth, seen, "scaled") for points, truth, seen in depths
    ]
    return {name: summary(rows, NAMES) for name, rows in sorted(found.items())}


def flattened(
    points: np.ndarray, truth: np.ndarray, seen: np.ndarray, *, depth: float
) -> np.ndarray:
    """Errors with the depth times a factor, stretched in time. Shapes: -> [T,J]."""
    points = points * [1, 1, depth]
    change, _ = rigid(points, truth, seen, scaled=True)
    return distances(change(points), truth, seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path)
    args = parser.parse_args()
    result = {
        "command": "python tests/benchmarks/sensors_against_vicon.py RECORDINGS",
        "commit": commit(),
        "unit": "cm, [median, 90th percentile]",
        "ui_prmd": ui_prmd(args.recordings),
        "keraal": keraal(args.recordings),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    # two numbers need no four lines
    text = re.sub(r"\[\s+([\d.]+),\s+([\d.]+)\s+\]", r"[\1, \2]", json.dumps(result, indent=1))
    RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
