"""Every name that code asks its module for is there.

Linters cannot be asked: the shapes of jaxtyping's annotations look like names to them.
"""

import builtins
import dis
import importlib
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import motiongen

PACKAGE = Path(motiongen.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")


def asked(code: types.CodeType) -> Iterator[str]:
    """Names that functions and classes of some code look up outside of themselves."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "STORE_GLOBAL"):
            yield str(step.argval)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from asked(inner)


def missing(source: str, known: dict[str, object]) -> set[str]:
    return {*asked(compile(source, "source", "exec"))} - {*known, *vars(builtins)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_exist(path):
    words = path.relative_to(PACKAGE.parent).with_suffix("").parts
    name = ".".join(words[:-1] if words[-1] == "__init__" else words)
    assert missing(path.read_text(), vars(importlib.import_module(name))) == set()


def test_a_forgotten_import_is_found():
    source = "class A:\n    def f(self):\n        return [math.pi for _ in range(2)]\n"
    assert missing(source, {"A": None}) == {"math"}
