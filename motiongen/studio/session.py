"""What the studio can do, without its page: sample, vary, go between, fill, export."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from motiongen import layouts
from motiongen.formats.arrays import ArraysWriter
from motiongen.generators import Generator, SampleOptions
from motiongen.generators.protocols import Fills, Guided, Interpolates, Varies
from motiongen.motion import Motion, MotionBatch, collate

#: what a clip can be exported as: end of the file's name
KINDS = ("npz", "html", "gif", "mp4")
#: of a walk between two clips
STEPS = 9
#: limbs that can be hidden, by what the names of their joints begin with
LIMBS = {
    "whole body": ("",),
    "left arm": ("left_elbow", "left_wrist", "left_hand", "left_thumb"),
    "right arm": ("right_elbow", "right_wrist", "right_hand", "right_thumb"),
    "left leg": ("left_knee", "left_ankle", "left_foot", "left_toe", "left_heel"),
    "right leg": ("right_knee", "right_ankle", "right_foot", "right_toe", "right_heel"),
}


@dataclass(frozen=True)
class Wishes:
    """What a sample is to be.

    Args:
        label: name of its class; None: the model draws one.
        length: its frames; None: the model draws them.
        seed: of the sample.
        temperature: below 1 more typical, above 1 less.
        guidance: how strongly the label pulls, where a model can be guided; None: its own.
        observed: how much of the estimator's noise is put on it, 0 to 1.
    """

    label: str | None = None
    length: int | None = None
    seed: int = 0
    temperature: float = 1.0
    guidance: float | None = None
    observed: float = 0.0


class Session:
    """Trained models, and the real clips that they may start from.

    Args:
        models: by name; all of one skeleton.
        real: clips in the models' layout.

    Raises:
        ValueError: if there is no model, or they differ in skeleton or unit.
    """

    def __init__(self, models: Mapping[str, Generator], real: Sequence[Motion] = ()) -> None:
        if not models:
            raise ValueError("the studio needs at least one model")
        kinds = {(m.spec.layout, m.spec.channels, m.spec.unit) for m in models.values()}
        if len(kinds) != 1:
            raise ValueError(f"models of different skeletons cannot be compared: {sorted(kinds)}")
        self.models = dict(models)
        self.real = list(real)
        self.spec = next(iter(models.values())).spec

    @property
    def classes(self) -> list[str]:
        """Classes that every model knows, in the order of the first one."""
        known = [set(model.spec.classes) for model in self.models.values()]
        return [name for name in self.spec.classes if all(name in classes for classes in known)]

    @property
    def most_frames(self) -> int:
        """The longest clip that every model can make."""
        return min(model.spec.frames for model in self.models.values())

    def able(self, ability: type) -> list[str]:
        """Names of the models that can do something, such as `Interpolates`."""
        return [name for name, model in self.models.items() if isinstance(model, ability)]

    def sample(self, name: str, wishes: Wishes) -> Motion:
        """One clip of a model: the same for the same wishes."""
        model = self.models[name]
        label = None if wishes.label is None else model.spec.classes.index(wishes.label)
        options = SampleOptions(
            temperature=wishes.temperature,
            guidance=wishes.guidance if isinstance(model, Guided) else None,
            observed=wishes.observed,
        )
        batch = model.sample(
            1, label=label, length=wishes.length, seed=wishes.seed, options=options
        )
        return self._clip(name, batch, f"seed{wishes.seed}")

    def like(self, name: str, clip: Motion, strength: float, seed: int) -> Motion:
        """A variation of a clip: strength 0 is the clip, 1 any clip of its class.

        Raises:
            ValueError: if the model cannot vary clips, or the clip does not fit to it.
        """
        model = self._able(name, Varies)
        made = model.like(self._batch(name, clip), 1, strength=strength, seed=seed)  # type: ignore[attr-defined]
        return self._clip(name, made, f"like-{clip.id}-seed{seed}")

    def between(self, name: str, first: Motion, second: Motion) -> list[Motion]:
        """The way from one clip to another in `STEPS` clips, both ends included.

        Raises:
            ValueError: if the model cannot go between clips, or a clip does not fit to it.
        """
        model = self._able(name, Interpolates)
        made = model.interpolate(self._batch(name, first), self._batch(name, second), STEPS)  # type: ignore[attr-defined]
        return [
            self._clip(name, made.select(slice(row, row + 1)), f"between-{row}")
            for row in range(STEPS)
        ]

    def fill(self, name: str, clip: Motion, limb: str, start: int, stop: int, seed: int) -> Motion:
        """A clip whose limb was hidden in frames `start` to `stop` and filled in again.

        Raises:
            ValueError: if the model cannot fill, the span is empty, or the clip does not fit.
        """
        model = self._able(name, Fills)
        hidden = hide(clip, limb, start, stop)
        made = model.fill(self._batch(name, hidden), seed=seed)  # type: ignore[attr-defined]
        return self._clip(name, made, f"filled-{clip.id}")

    def _able(self, name: str, ability: type) -> Generator:
        if not isinstance(self.models[name], ability):
            raise ValueError(
                f"{name} cannot do this; those that can: {', '.join(self.able(ability)) or 'none'}"
            )
        return self.models[name]

    def _batch(self, name: str, clip: Motion) -> MotionBatch:
        spec = self.models[name].spec
        return collate([clip.replace(target=None)], spec.frames)

    def _clip(self, name: str, batch: MotionBatch, suffix: str) -> Motion:
        (motion,) = batch.unbind(self.models[name].spec)
        return motion.replace(id=f"{name}-{suffix}", source=f"{name}-{suffix}")


def hide(clip: Motion, limb: str, start: int, stop: int) -> Motion:
    """The clip without a limb in some frames.

    Raises:
        ValueError: if the limb is unknown, or no frame lies in the span.
    """
    if limb not in LIMBS:
        raise ValueError(f"limb {limb!r} is unknown; known: {', '.join(LIMBS)}")
    if not 0 <= start < stop <= clip.num_frames:
        raise ValueError(f"frames {start} to {stop}: allowed 0 to {clip.num_frames}, not empty")
    names = layouts.get(clip.layout).joints
    rows = torch.tensor([joint.startswith(LIMBS[limb]) for joint in names])
    confidence = clip.confidence.clone()
    confidence[start:stop, rows] = 0
    return clip.replace(confidence=confidence)


def export(clip: Motion, kind: str, classes: Sequence[str]) -> tuple[str, bytes]:
    """A clip as a file: its name and its content.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"export as {kind!r}: allowed are {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{clip.id or 'clip'}.{kind}"
        if kind == "npz":
            ArraysWriter(classes).write([clip], path)
        else:
            clip.save(path)
        return path.name, path.read_bytes()
