"""`motiongen.evaluate`: scores for plain arrays, from any framework."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped

from motiongen import layouts
from motiongen.evaluation.features import FeatureSpace, fit_extractor
from motiongen.evaluation.study import EvaluationSettings
from motiongen.evaluation.study import evaluate as evaluate_batches
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec, Unit
from motiongen.report import Report

Labels = Sequence[int | str] | Shaped[np.ndarray, "_N"]
#: names of the real sets among labels
REAL, TEST = "real", "test"


def evaluate(
    real: Any,
    generated: Mapping[str, Any],
    *,
    labels: Labels | Mapping[str, Labels],
    layout: str,
    fps: float,
    unit: Unit = "m",
    test: Any = None,
    extractor: FeatureSpace | Mapping[str, FeatureSpace] | None = None,
    settings: EvaluationSettings | None = None,
) -> Report:
    """Scores generated clips beside real ones: three lines from arrays to a report.

        report = motiongen.evaluate(real, {"mine": fake}, labels=y, layout="kinect20", fps=30)
        report.to_html("report.html")

    Joints that are NaN were not seen; a clip ends with its last frame that shows a joint.

    Args:
        real: clips that the generators learned from, y up. Shapes: [N,T,J,C], C is 2 or 3.
        generated: sets of generated clips by name. Shapes: [N,T,J,C] each, N and T of their own.
        labels: the class of each clip, as numbers or names: of the real clips and of every set
            that has as many clips; or by name of the set, with "real" and "test" among them.
        layout: name of the skeleton, see `motiongen.layouts`.
        fps: frames per second of all sets.
        unit: of the coordinates: "m", "px" or "normalised".
        test: real clips of people that no generator has seen, with labels under "test".
        extractor: gives features and predicted classes; several by name are compared. None: one
            is trained on the real clips.
        settings: seeds and counts.

    Raises:
        ValueError: if a set is no such array, a label is missing or unknown, or a set is too
            small; names the set.
    """
    if not isinstance(generated, Mapping) or not generated:
        raise ValueError("generated: give at least one set of clips, as {name: array}")
    if taken := {REAL, TEST} & set(generated):
        raise ValueError(f"generated: the names {sorted(taken)} are those of real clips")
    arrays = {REAL: real, **({} if test is None else {TEST: test}), **generated}
    shape = (layouts.get(layout).num_joints, np.shape(real)[-1] if np.ndim(real) == 4 else 3)
    clips = {name: _array(name, value, shape) for name, value in arrays.items()}
    found = {name: _labels_of(name, len(clips[name]), len(real), labels) for name in clips}
    classes = _classes(found[REAL])
    frames = max(value.shape[1] for value in clips.values())
    spec = MotionSpec(layout, shape[1], frames, float(fps), classes, unit)
    sets = {name: _batch(name, value, found[name], spec) for name, value in clips.items()}
    settings = settings or EvaluationSettings()
    return evaluate_batches(
        {name: sets[name] for name in generated},
        train=sets[REAL],
        test=sets.get(TEST),
        spec=spec,
        extractor=extractor or fit_extractor(sets[REAL], spec, settings.seed),
        settings=settings,
    )


def _array(name: str, value: Any, shape: tuple[int, int]) -> np.ndarray:
    """A set as numbers, checked. Shapes: -> [N,T,J,C]."""
    value = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if value.dtype.kind not in "fiu" or value.ndim != 4 or value.shape[2:] != shape:
        raise ValueError(
            f"{name}: found an array {value.shape} of {value.dtype}, allowed are numbers "
            f"[clips,frames,{shape[0]},{shape[1]}]"
        )
    if not len(value):
        raise ValueError(f"{name}: found no clip")
    return value.astype(np.float32)


def _labels_of(
    name: str, count: int, real: int, labels: Labels | Mapping[str, Labels]
) -> list[int | str]:
    if isinstance(labels, Mapping):
        if name not in labels:
            raise ValueError(f"labels: none for {name!r}; given are those of {sorted(labels)}")
        own = labels[name]
    elif count != real:
        raise ValueError(
            f"labels: {name} has {count} clips and the real set {real}; give labels as "
            f"{{'{REAL}': …, '{name}': …}}"
        )
    else:
        own = labels
    own = own.tolist() if hasattr(own, "tolist") else list(own)  # pyright: ignore[reportAttributeAccessIssue]
    if len(own) != count:
        raise ValueError(f"labels: {name} has {count} clips and {len(own)} labels")
    return own


def _classes(labels: list[int | str]) -> tuple[str, ...]:
    known = {label for label in labels if label != NO_LABEL}
    numbers = {label for label in known if not isinstance(label, str)}
    # numbers in their order: 10 after 9
    ordered = sorted(numbers) if numbers == known else sorted(map(str, known))
    return tuple(map(str, ordered))


def _batch(
    name: str, joints: np.ndarray, labels: list[int | str], spec: MotionSpec
) -> MotionBatch:
    """A set as padded clips; what is NaN was not seen."""
    unknown = sorted({str(label) for label in labels} - set(spec.classes) - {str(NO_LABEL)})
    if unknown:
        raise ValueError(
            f"{name}: labels {', '.join(unknown)} are not among those of the real clips: "
            f"{', '.join(spec.classes)}"
        )
    infinite = np.argwhere(np.isinf(joints))
    if len(infinite):
        clip, frame, joint, _ = infinite[0]
        raise ValueError(
            f"{name}: clip {clip}, frame {frame}, joint {joint} is at "
            f"{joints[clip, frame, joint].tolist()}; what was not seen has to be NaN"
        )
    seen: np.ndarray = ~np.isnan(joints.sum(-1))
    shown: np.ndarray = seen.sum(-1) > 0
    length = np.where(shown.any(1), shown.shape[1] - shown[:, ::-1].argmax(1), 0)
    if (length < 2).any():
        clip = int((length < 2).argmax())
        raise ValueError(f"{name}: clip {clip} shows joints in fewer than 2 frames")
    padding = ((0, 0), (0, spec.frames - joints.shape[1]), (0, 0))
    joints = np.pad(np.where(seen[..., None], joints, 0.0), (*padding, (0, 0)))
    numbers = [spec.classes.index(str(label)) if str(label) in spec.classes else NO_LABEL
               for label in labels]  # fmt: skip
    return MotionBatch(
        joints=torch.from_numpy(joints).float(),
        confidence=torch.from_numpy(np.pad(seen, padding)).float(),
        length=torch.from_numpy(length).long(),
        label=torch.tensor(numbers),
    )
