"""What every generator promises, whatever its family."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from motiongen.generators.base import MICRO_BATCH, Generator
from motiongen.generators.drawing import begin, draw_batch
from motiongen.generators.energy import energy_score, foretell
from motiongen.generators.keys import SampleOptions
from motiongen.motion import NO_LABEL, MotionBatch, MotionSpec
from motiongen.testing.contract import (
    Check,
    check,
    require,
    require_equal,
    require_finite,
    run_all,
)
from motiongen.testing.examples import SETTINGS, example_clips, example_spec
from motiongen.testing.models import (
    loss_and_gradient,
    require_same_clips,
    sample_in_a_fresh_process,
    save,
    train,
)

GeneratorFactory = Callable[[MotionSpec], Generator]
#: the loss of 8 clips must fall in so many steps by this share of its start
OVERFIT_STEPS, OVERFIT_SHARE = 60, 0.5


def check_generator(factory: GeneratorFactory) -> None:
    """Runs every check of `generator_checks` on a generator.

    Args:
        factory: a generator class, or a partial of one with its own options set.

    Raises:
        ContractError: with one line for each promise that is not kept.
    """
    run_all(generator_checks(), factory)


def generator_checks() -> list[Check]:
    """The checks; each takes a generator class or a partial of one."""
    return [
        losses_are_finite,
        losses_ignore_what_was_not_seen,
        losses_ignore_the_truth,
        gradient_reaches_every_parameter,
        overfits_a_few_clips,
        samples_are_motions,
        joints_without_support_are_not_invented,
        sample_is_a_function_of_its_number,
        samples_do_not_see_each_other,
        label_and_length_leave_the_latent_alone,
        sampling_leaves_no_trace,
        temperature_zero_gives_one_sample,
        works_without_labels,
        wrong_requests_are_refused,
        loads_in_a_fresh_process,
    ]


def fitted(factory: GeneratorFactory, spec: MotionSpec, clips: MotionBatch) -> Generator:
    """A generator that knows units, labels and lengths of the clips, not yet trained."""
    model = factory(spec)
    require(isinstance(model, Generator), f"{type(model).__name__} is no Generator")
    model.fit_statistics(clips)
    return model


def cases(factory: GeneratorFactory) -> Iterator[tuple[str, Generator, MotionBatch]]:
    """A generator with clips for it, on every setting."""
    for layout, channels in SETTINGS:
        spec = example_spec(layout, channels)
        clips = example_clips(spec)
        yield f"on {layout} in {channels}-D", fitted(factory, spec, clips), clips


def case(factory: GeneratorFactory) -> tuple[Generator, MotionBatch]:
    """A generator with clips for it, on the first setting."""
    _, model, clips = next(cases(factory))
    return model, clips


@check
def losses_are_finite(factory: GeneratorFactory) -> None:
    """Every named term is one finite number, in training and in evaluation; "total" is there."""
    for where, model, clips in cases(factory):
        for mode in (True, False):
            losses = model.train(mode).losses(clips)
            require("total" in losses, f"{where}: no 'total' among the terms {sorted(losses)}")
            for name, value in losses.items():
                shape = tuple(value.shape)
                require(shape == (), f"{where}: {name!r} has shape {shape}, expected one number")
                require_finite(value, f"{where}: {name!r}, training={mode}")


@check
def losses_ignore_what_was_not_seen(factory: GeneratorFactory) -> None:
    """Values under confidence 0 change neither statistics nor loss nor gradient, not even NaN."""
    for where, model, clips in cases(factory):
        expected = loss_and_gradient(model, clips)
        for value in (1e3, float("nan")):
            joints = torch.where(clips.mask[..., None], clips.joints, value)
            other = clips.replace(joints=joints)
            model.fit_statistics(other)
            found = loss_and_gradient(model, other)
            require_equal(found[0], expected[0], f"{where}, {value} where not seen: total")
            require_equal(found[1], expected[1], f"{where}, {value} where not seen: gradient")


@check
def losses_ignore_the_truth(factory: GeneratorFactory) -> None:
    """Clean joints are for judging: with or without them a model learns the same."""
    for where, model, clips in cases(factory):
        expected, _ = loss_and_gradient(model, clips)
        found, _ = loss_and_gradient(model, clips.replace(target=None))
        require_equal(found, expected, f"{where}: total without target")


@check
def gradient_reaches_every_parameter(factory: GeneratorFactory) -> None:
    """Within three steps (a zero initialisation needs some) every parameter has a gradient."""
    for where, model, clips in cases(factory):
        waiting = {name for name, p in model.named_parameters() if p.requires_grad}
        for _ in train(model, clips, 3):
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    require_finite(parameter.grad, f"{where}: gradient of {name}")
                    if parameter.grad.any():
                        waiting.discard(name)
        require(not waiting, f"{where}: no gradient at {', '.join(sorted(waiting))}")


@check
def overfits_a_few_clips(factory: GeneratorFactory) -> None:
    """On 8 clips alone the loss falls, in few steps and by a clear margin.

    Where the loss is a game, which has no reason to fall, the energy score of samples must; as
    two players learn from each other, it gets three times the steps.
    """
    model, clips = case(factory)
    clips = clips.select(slice(0, 8))
    start = score_of(model, clips)
    steps = OVERFIT_STEPS * (3 if model.loss_is_a_game else 1)
    losses = list(train(model, clips, steps))
    before, after = float(losses[0]), float(torch.stack(losses[-5:]).mean())
    if model.loss_is_a_game:
        before, after = start, score_of(model, clips)
    require(
        after < before - OVERFIT_SHARE * abs(before),
        f"the {'score' if model.loss_is_a_game else 'loss'} of 8 clips went from {before:.3f} to "
        f"{after:.3f} in {steps} steps; it must fall by {OVERFIT_SHARE:.0%}",
    )


def score_of(model: Generator, clips: MotionBatch) -> float:
    """Energy score of samples with the labels and lengths of the clips, in the clips' unit."""
    return float(energy_score(foretell(clips, model.sample)))


@check
def samples_are_motions(factory: GeneratorFactory) -> None:
    """[n,frames,J,C], finite, 0 with confidence 0 beyond the length, centred at the start."""
    for where, model, _ in cases(factory):
        spec, drawn = model.spec, model.sample(5, length=[2, 5, 14, 14, 3])
        expected = (5, spec.frames, model.skeleton.num_joints, spec.channels)
        shape = tuple(drawn.joints.shape)
        require(shape == expected, f"{where}: shape {shape}, expected {expected}")
        require_finite(drawn.joints, f"{where}: joints")
        beyond = ~drawn.frame_mask
        require(not drawn.joints[beyond].any(), f"{where}: joints beyond the length are not 0")
        require(not drawn.confidence[beyond].any(), f"{where}: confidence beyond the length")
        known = drawn.confidence[drawn.frame_mask]
        require(bool(((known == 0) | (known == 1)).all()), f"{where}: confidence is not 0 or 1")
        require(bool((known.amax(1) == 1).all()), f"{where}: frames without any joint")
        centre = begin(drawn.joints, drawn.length, model.skeleton.anchor)
        require_equal(centre, torch.zeros_like(centre), f"{where}: centre of the body", 1e-5)


@check
def joints_without_support_are_not_invented(factory: GeneratorFactory) -> None:
    """A joint that no clip shows has confidence 0 and position 0 in every sample."""
    model, clips = case(factory)
    hidden = model.skeleton.roles["head"]
    confidence = clips.confidence.clone()
    confidence[:, :, hidden] = 0
    model.fit_statistics(clips.replace(confidence=confidence))
    drawn = model.sample(3)
    require(not drawn.confidence[:, :, hidden].any(), "a joint never seen has confidence above 0")
    require(not drawn.joints[:, :, hidden].any(), "a joint never seen has a position")
    others = drawn.confidence[drawn.frame_mask].sum(1)
    require(bool((others == len(confidence[0, 0]) - 1).all()), "other joints are missing too")


@check
def sample_is_a_function_of_its_number(factory: GeneratorFactory) -> None:
    """Sample i is the same in every bit, drawn alone, or with 6, 32 or 99 others."""
    model, _ = case(factory)
    whole = model.sample(100, seed=5)
    for size, starts in ((1, (0, 1, 40, 99)), (7, (3, 35, 91)), (33, (0, 33, 66))):
        for start in starts:
            part = model.sample(size, seed=5, start=start)
            rows = slice(start, start + size)
            require_same_clips(part, whole.select(rows), f"{size} samples from {start} on")
    other = model.sample(7, seed=6)
    same = (other.joints == whole.joints[:7]).flatten(1).all(1)
    require(not same.any(), "another seed gives the same sample")


@check
def samples_do_not_see_each_other(factory: GeneratorFactory) -> None:
    """A sample is the same whatever the other samples of its batch start from."""
    model, _ = case(factory)
    model.eval()
    numbers, labels = list(range(MICRO_BATCH)), [1] * MICRO_BATCH
    lengths = [model.spec.frames] * MICRO_BATCH
    options = SampleOptions()
    with torch.no_grad():
        first = draw_batch(model, [*numbers], [*labels], [*lengths], 5, options)
        strange = [0, *(1000 + number for number in numbers[1:])]
        second = draw_batch(model, strange, [*labels], [*lengths], 5, options)
    require_same_clips(second.select(slice(0, 1)), first.select(slice(0, 1)), "beside others")


@check
def label_and_length_leave_the_latent_alone(factory: GeneratorFactory) -> None:
    """Asking for the label and length that would have been drawn gives the same samples."""
    model, _ = case(factory)
    drawn = model.sample(9, seed=2)
    labels, lengths = drawn.label.tolist(), drawn.length.tolist()
    require(len(set(labels)) > 1, f"9 samples without a label all have label {labels[0]}")
    require_same_clips(model.sample(9, seed=2, label=labels), drawn, "with labels")
    require_same_clips(model.sample(9, seed=2, length=lengths), drawn, "with lengths")
    fixed = model.sample(9, seed=2, label=1)
    require(fixed.label.tolist() == [1] * 9, f"asked for label 1, got {fixed.label.tolist()}")
    rows = [row for row, label in enumerate(labels) if label == 1]
    same_length = [row for row in rows if fixed.length[row] == drawn.length[row]]
    index = torch.tensor(same_length, dtype=torch.long)
    require_same_clips(fixed.select(index), drawn.select(index), "label 1")


@check
def sampling_leaves_no_trace(factory: GeneratorFactory) -> None:
    """Training mode, weights and the global random state are as before."""
    model, _ = case(factory)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    for mode in (True, False):
        state = torch.get_rng_state()
        model.train(mode).sample(2)
        require(model.training is mode, f"training was {mode} before sampling, not after")
        require(torch.equal(torch.get_rng_state(), state), "the global random state moved")
    for name, value in model.state_dict().items():
        require_equal(value, weights[name], f"{name} after sampling")


@check
def temperature_zero_gives_one_sample(factory: GeneratorFactory) -> None:
    """Without latent noise all samples of one label and length are alike; with it they differ."""
    model, _ = case(factory)
    for temperature, alike in ((0.0, True), (1.0, False)):
        options = SampleOptions(temperature=temperature)
        joints = model.sample(3, label=0, length=9, options=options).joints
        same = torch.allclose(joints[0], joints[1], atol=1e-6)
        require(same is alike, f"temperature {temperature}: samples alike: {same}")


@check
def works_without_labels(factory: GeneratorFactory) -> None:
    """Clips without a label, some or all, with or without classes: samples say so."""
    spec = example_spec()
    clips = example_clips(spec)
    nobody = torch.full_like(clips.label, NO_LABEL)
    bare = MotionSpec(spec.layout, spec.channels, spec.frames, spec.fps)
    for classes, known in ((spec, "classes"), (bare, "no classes")):
        model = fitted(factory, classes, clips.replace(label=nobody))
        total = model.losses(clips.replace(label=nobody))["total"]
        require_finite(total, f"total of clips without labels, {known} in the spec")
        labels = model.sample(3).label.tolist()
        require(labels == [NO_LABEL] * 3, f"labels of samples are {labels}, {known} in the spec")
    some = torch.where(torch.arange(len(clips)) % 2 == 0, clips.label, NO_LABEL)
    model = fitted(factory, spec, clips.replace(label=some))
    require_finite(model.losses(clips.replace(label=some))["total"], "total of half the labels")
    require(model.sample(1, label=0).label.tolist() == [0], "a known label cannot be asked for")


@check
def wrong_requests_are_refused(factory: GeneratorFactory) -> None:
    """A wrong label, length or count is a ValueError that names it."""
    model, _ = case(factory)
    requests: list[tuple[str, int, dict[str, Any]]] = [
        ("label", 1, {"label": 3}),
        ("label", 1, {"label": -1}),
        ("label", 3, {"label": [0, 1]}),
        ("length", 1, {"length": 15}),
        ("length", 1, {"length": 1}),
        ("n", 0, {}),
    ]
    for name, n, options in requests:
        try:
            model.sample(n, **options)
        except ValueError as error:
            require(str(error).startswith(f"{name}:"), f"{options}: the message is {error}")
        else:
            require(False, f"sample({n}, {options}) was not refused")


@check
def loads_in_a_fresh_process(factory: GeneratorFactory) -> None:
    """Saved, and loaded where nothing is known but the file, it gives the same samples.

    The class must be importable there.
    """
    model, clips = case(factory)
    for _ in train(model, clips, 2):
        pass
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ckpt"
        drawn = save(model, path)
        (found,) = sample_in_a_fresh_process([path])
    require_same_clips(found, drawn, "after loading")
