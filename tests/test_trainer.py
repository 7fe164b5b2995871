"""The trainer of `motiongen fit`."""

import inspect
import types
import typing

import pytest
import pytorch_lightning as pl

from motiongen.fitting import prepared
from motiongen.trainer import MotionTrainer


def mixed() -> list[str]:
    """Parameters of Lightning's trainer that take whole numbers and others."""
    types_of = typing.get_type_hints(pl.Trainer.__init__)
    return [name for name, found in types_of.items() if {int, float} <= {*typing.get_args(found)}]


# a norm is the same number either way; all others are counts or shares
@pytest.mark.parametrize("name", sorted({*mixed()} - {"gradient_clip_val"}))
def test_the_order_of_types_is_no_other_modules(name):
    found = inspect.signature(MotionTrainer.__init__).parameters[name].annotation
    assert isinstance(found, types.UnionType)
    assert typing.get_args(found)[:2] == (int, float)
    assert {*typing.get_args(found)} == {
        *typing.get_args(typing.get_type_hints(pl.Trainer.__init__)[name])
    } | ({float} if name == "overfit_batches" else set())


@pytest.mark.parametrize("name", sorted({*mixed()} - {"gradient_clip_val"}))
@pytest.mark.parametrize(("word", "kind"), [("1", int), ("1.0", float)])
def test_counts_are_no_shares(tmp_path, name, word, kind):
    words = ["--out", str(tmp_path / "run"), f"--trainer.{name}", word]
    assert type(prepared(words).config["trainer"][name]) is kind


def test_defaults_are_lightnings():
    ours, theirs = (
        inspect.signature(one.__init__).parameters for one in (MotionTrainer, pl.Trainer)
    )
    for name, parameter in ours.items():
        if name in theirs:
            assert parameter.default == theirs[name].default, name
