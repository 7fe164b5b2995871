"""The arguments of a model as plain values for its checkpoint, and the model back from them."""

import functools
import importlib
from typing import Any

from torch import nn

from motiongen.motion import MotionSpec


def class_path(kind: type) -> str:
    """The dotted path under which a class is imported."""
    return f"{kind.__module__}.{kind.__qualname__}"


def plain(value: Any) -> Any:
    """An argument as YAML values: specs as dicts, classes and partials as class_path blocks.

    Raises:
        TypeError: if the value cannot be written that way.
    """
    if isinstance(value, MotionSpec):
        return value.as_dict()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, type):
        return {"class_path": class_path(value), "init_args": {}}
    if isinstance(value, functools.partial):
        # the command line wraps the class once more: it is the last positional argument
        kind = value.func if isinstance(value.func, type) else value.args[-1]
        return {"class_path": class_path(kind), "init_args": plain(value.keywords)}
    raise TypeError(f"{value!r} cannot be written into a checkpoint; allowed are plain values")


def build(recipe: dict[str, Any], base: type, *, trust_code: bool = False) -> Any:
    """Builds what `plain` described.

    Importing a module runs it, so a recipe from elsewhere may name motiongen's classes only.

    Args:
        recipe: a class_path block.
        base: what its class must be; the classes inside it must be modules.
        trust_code: allow classes from outside motiongen.

    Raises:
        ValueError: if the recipe names another kind of class, one that is not allowed, or
            arguments that the class does not take.
    """
    kind = _class_of(recipe, base, trust_code)
    try:
        return kind(**_parts(recipe["init_args"], trust_code))
    except TypeError as error:
        raise ValueError(f"class_path {recipe['class_path']!r}: {error}") from error


def _parts(arguments: dict[str, Any], trust_code: bool) -> dict[str, Any]:
    """The arguments, with each class_path block among them turned into a partial of its class."""
    built = {}
    for argument, value in arguments.items():
        if isinstance(value, dict) and "class_path" in value:
            part = _class_of(value, nn.Module, trust_code)
            value = functools.partial(part, **_parts(value["init_args"], trust_code))
        built[argument] = value
    return built


def _class_of(recipe: dict[str, Any], base: type, trust_code: bool) -> type:
    """The class that a recipe names; nothing else of a module may be called."""
    path = str(recipe["class_path"])
    if not path.startswith("motiongen.") and not trust_code:
        raise ValueError(
            f"class_path {path!r} is not part of motiongen; importing it would run its code. "
            f"If you trust its author, allow it with trust_code=True (--trust-code)"
        )
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"class_path {path!r} cannot be imported: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ValueError(f"class_path {path!r} is no {base.__name__}")
    return kind
