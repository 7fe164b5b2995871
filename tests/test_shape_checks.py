"""Checks that remember what has passed still refuse what has not."""

from dataclasses import dataclass
from typing import Literal

import beartype
import jaxtyping
import numpy as np
import pytest
import torch
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from motiongen import layouts, skeleton

checked = jaxtyping.jaxtyped(typechecker=beartype.beartype)
A, B = torch.zeros(2, 3), torch.zeros(3, 4)


@checked
def product(first: Float[Tensor, "N K"], second: Float[Tensor, "K M"]) -> Float[Tensor, "N M"]:
    return first @ second


@checked
def returned(value: object, names: list[str] | None = None) -> Float[np.ndarray, "N"] | int:
    return given.pop()


@checked
def moved(way: Literal["left", "right"], steps: int = 1) -> int:
    return -steps if way == "left" else steps


@checked
@dataclass
class Pair:
    one: Float[Tensor, "N"]
    other: Float[Tensor, "N"]


given = []


def returns(value, *arguments):
    given.append(value)
    try:
        return returned(*arguments)
    finally:
        given.clear()


def test_the_package_is_checked_by_it():
    for function in (skeleton.Skeleton.__init__, layouts.get, product, Pair.__init__):
        assert function.__code__.co_filename.endswith("shape_checks.py")


@pytest.mark.parametrize(
    "arguments",
    [
        (A, B.T),
        (A.double().int(), B),
        (A, B.numpy()),
        (A[0], B),
        (A, None),
        (A[None], B),
    ],
    ids=["axes", "dtype", "array", "fewer axes", "nothing", "more axes"],
)
def test_after_calls_that_passed_others_are_refused(arguments):
    for _ in range(2):
        assert product(A, B).shape == (2, 4)
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="parameters of"):
            product(*arguments)
        with pytest.raises(TypeCheckError, match="parameters of"):
            product(second=arguments[1], first=arguments[0])
    assert product(A, B).shape == (2, 4)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros(2, dtype=int), "two", [1], None])
def test_after_results_that_passed_others_are_refused(wrong):
    for right in (np.zeros(3), 1, np.zeros(3)):
        assert returns(right, "value") is right
    for _ in range(2):
        with pytest.raises(TypeCheckError, match="return value"):
            returns(wrong, "value")
    assert returns(1, "value") == 1


def test_items_and_values_are_looked_at_every_time():
    assert returns(1, 0, ["name"]) == 1
    with pytest.raises(TypeCheckError):
        returns(1, 0, [2])
    assert moved("left") == -1
    with pytest.raises(TypeCheckError):
        moved("up")
    with pytest.raises(TypeCheckError):
        moved("left", 1.5)


def test_fields_of_dataclasses_are_checked():
    for _ in range(2):
        Pair(torch.zeros(2), torch.zeros(2))
    with pytest.raises(TypeCheckError):
        Pair(torch.zeros(2), torch.zeros(3))


def test_a_function_is_called_once():
    calls = []

    @checked
    def double(value: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
        calls.append(value)
        return value.repeat(len(value)) if len(calls) == 3 else value.clone()

    double(A[0])
    double(A[0])
    assert len(calls) == 2
    with pytest.raises(TypeCheckError, match="return value"):
        double(A[0])
    assert len(calls) == 3


def test_a_wrong_number_of_arguments_is_python_s_own_error():
    with pytest.raises(TypeError, match="missing"):
        product(A)
    assert moved.__name__ == "moved"


def test_nothing_is_checked_when_checks_are_off(unchecked):
    with pytest.raises(RuntimeError):
        product(A, B.T)
    assert moved("up") == 1
