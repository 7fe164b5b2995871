"""Recognisers by name, with options: "RNN", "RNN:width=128,layers=2", "MiniRocket"."""

import dataclasses
import functools
import inspect
from typing import Any

from motiongen.evaluation.features import ENCODERS
from motiongen.recognition.base import Recogniser
from motiongen.recognition.gru import GRU
from motiongen.recognition.network import Network
from motiongen.recognition.rocket import Rocket

ROCKETS = ("MiniRocket", "MultiRocket")
RECOGNISERS = (*ENCODERS, "GRU", *ROCKETS)
#: what an encoder gets from the classifier, and so not from a user
_GIVEN = {"self", "skeleton", "in_channels", "condition"}


def recogniser(text: str) -> Recogniser:
    """Builds what a name with options describes.

    Args:
        text: a name of `RECOGNISERS`; after a colon its options: those of the encoder and
            `learning_rate`, those of `GRU`, or `kernels` and `copies`.

    Raises:
        ValueError: if the name or an option is unknown, or a library is missing.
    """
    name, _, rest = text.partition(":")
    options = dict(_option(text, part) for part in rest.split(",") if rest)
    if name in ROCKETS:
        _check(text, options, {"kernels", "copies"})
        return Rocket(name, **options)  # pyright: ignore[reportArgumentType]
    if name == "GRU":
        _check(text, options, {field.name for field in dataclasses.fields(GRU)})
        return GRU(**options)
    if name not in ENCODERS:
        raise ValueError(f"recogniser: found {name!r}, allowed {', '.join(RECOGNISERS)}")
    kind = ENCODERS[name]
    allowed = set(inspect.signature(kind).parameters) - _GIVEN
    _check(text, options, allowed | {"learning_rate"})
    own = {key: value for key, value in options.items() if key == "learning_rate"}
    rest_of_them = {key: value for key, value in options.items() if key not in own}
    return Network(functools.partial(kind, **rest_of_them), **own)


def _option(text: str, part: str) -> tuple[str, Any]:
    name, _, value = part.partition("=")
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError as error:
        message = f"recogniser {text!r}: found {part!r}, expected NAME=NUMBER"
        raise ValueError(message) from error


def _check(text: str, options: dict[str, Any], allowed: set[str]) -> None:
    if unknown := sorted(set(options) - allowed):
        raise ValueError(
            f"recogniser {text!r}: unknown option {', '.join(unknown)}; allowed: "
            f"{', '.join(sorted(allowed))}"
        )
    for name, value in options.items():
        whole = name not in ("learning_rate", "dropout")
        if not 0 <= value < float("inf") or (whole and (value != int(value) or value < 1)):
            kind = "a whole number above 0" if whole else "a number from 0 on"
            raise ValueError(f"recogniser {text!r}: {name}={value}, allowed is {kind}")
