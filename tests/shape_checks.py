"""Shape checks at the price of a look-up: what passed once is not gone through again.

Whether a call passes depends only on the types of its arguments and of what it returns, and on the
shapes and dtypes of arrays. beartype and jaxtyping take about 0.1 ms to find that out, which was
most of the time of tests that call small functions often. Calls that the key does not describe
(lists, mappings, subclasses of arrays) and functions whose annotations ask for values are checked
every time.
"""

import dataclasses
import functools
import inspect
import threading
import types
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from jaxtyping import config

EXACT = {torch.Tensor, torch.nn.Parameter, np.ndarray}
#: kinds of values whose type says all that an annotation asks
PLAIN = {int, float, bool, complex, str, bytes, type(None), torch.Generator, torch.device, slice}
#: kinds whose items decide as well, or whose shape may be one of symbols
OF_ITEMS = (torch.Tensor, np.ndarray, Sequence, Mapping, Set, deque)
#: in annotations that ask for values, not only for types and shapes
OF_VALUES = ("Literal", "Annotated", "{")


class NotDescribed(Exception):
    """The types and shapes of a value do not tell whether it passes."""


def key_of(value: Any) -> Any:
    """What decides whether a value passes.

    Raises:
        NotDescribed: if more does.
    """
    kind = type(value)
    if kind in PLAIN:
        return kind
    if kind in EXACT:
        return kind, value.dtype, tuple(value.shape)
    if issubclass(kind, tuple):
        return kind, *map(key_of, value)
    if issubclass(kind, type):
        return value
    if issubclass(kind, OF_ITEMS):
        raise NotDescribed
    return kind


def remembering(jaxtyped: Callable) -> Callable:
    """`jaxtyping.jaxtyped`, whose functions remember which calls have passed."""

    def decorate(thing: Any = None, *, typechecker: Any) -> Any:
        if thing is None:
            return functools.partial(decorate, typechecker=typechecker)
        if inspect.isfunction(thing):
            return remembered(thing, functools.partial(jaxtyped, typechecker=typechecker))
        if inspect.isclass(thing) and dataclasses.is_dataclass(thing):
            # an inherited one is wrapped already
            if "__init__" in vars(thing) and not hasattr(thing.__init__, "__wrapped__"):
                thing.__init__ = decorate(thing.__init__, typechecker=typechecker)
            return thing
        return jaxtyped(thing, typechecker=typechecker)

    return decorate


def replayed(function: Callable) -> tuple[Callable, threading.local]:
    """The function, which gives back `value` of the second without a call, once that is set."""
    returned = threading.local()

    def called(*args, **kwargs):
        if hasattr(returned, "value"):
            return returned.value
        return function(*args, **kwargs)

    # annotations in quotes are looked up among the globals of the function itself
    called = types.FunctionType(
        called.__code__, function.__globals__, function.__name__, None, called.__closure__
    )
    return functools.wraps(function)(called), returned


def key_of_call(args: tuple, kwargs: dict[str, Any]) -> tuple | None:
    """What decides whether arguments pass; None if more does than types and shapes."""
    try:
        return *map(key_of, args), *((name, key_of(value)) for name, value in kwargs.items())
    except NotDescribed:
        return None


def remembered(function: Callable, check: Callable[[Callable], Callable]) -> Callable:
    """The checked function, which checks a call again only if its like has not passed."""
    called, returned = replayed(function)
    checked = check(called)
    signature = str(inspect.signature(function))
    if any(word in signature for word in OF_VALUES):
        return checked
    #: the results that passed with each kind of arguments
    passed: dict[tuple, set[tuple]] = {}

    @functools.wraps(function)
    def quick(*args, **kwargs):
        __tracebackhide__ = True
        if config.jaxtyping_disable:
            return function(*args, **kwargs)
        given = key_of_call(args, kwargs)
        if given not in passed:
            value = checked(*args, **kwargs)
            if given is not None:
                passed[given] = set()
            return value
        value = function(*args, **kwargs)
        found = key_of_call((value,), {})
        if found not in passed[given]:
            returned.value = value
            try:
                checked(*args, **kwargs)
            finally:
                del returned.value
            if found is not None:
                passed[given].add(found)
        return value

    return quick
