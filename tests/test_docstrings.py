"""Every public class and function says what it does, its shapes and its errors.

Read from the source alone: nothing is imported, and what the words are worth is not judged.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "motiongen").rglob("*.py"))
ARRAYS = {"Tensor", "ndarray", "NDArray"}
#: of jaxtyping: they say the shape of the array in their brackets
SHAPED = {"Bool", "Complex", "Float", "Inexact", "Int", "Integer", "Num", "Real", "Shaped", "UInt"}
SHAPED |= {f"{kind}{bits}" for kind in ("Float", "Int", "UInt") for bits in (8, 16, 32, 64)}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Node = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Entry(NamedTuple):
    """A public class or function, with the class that it is in."""

    node: Node
    owner: ast.ClassDef | None = None


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def known_classes() -> dict[str, list[ast.ClassDef]]:
    """The package's classes by name: where methods that are overridden are looked for."""
    found: dict[str, list[ast.ClassDef]] = {}
    for path in SOURCES:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def word(node: ast.AST) -> str:
    """The last part of a name: "Tensor" of torch.Tensor, "Float" of Float[Tensor, "B"]."""
    if isinstance(node, ast.Subscript | ast.Call):
        return word(node.value if isinstance(node, ast.Subscript) else node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def special(node: Node) -> bool:
    """Whether Python calls it, as `__init__`: the docstring of its class speaks for it."""
    return node.name.startswith("__") and node.name.endswith("__")


def entries(module: ast.Module) -> Iterator[Entry]:
    for node in module.body:
        if not isinstance(node, Node) or node.name.startswith("_"):
            continue
        yield Entry(node)
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            setter = any(word(d) == "setter" for d in getattr(inner, "decorator_list", []))
            if isinstance(inner, FUNCTIONS) and not setter:
                if special(inner) or not inner.name.startswith("_"):
                    yield Entry(inner, node)


def bases(node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    for base in node.bases:
        for found in known_classes().get(word(base), []):
            yield found
            yield from bases(found)


def own_text(entry: Entry) -> str:
    text = ast.get_docstring(entry.node) or ""
    if entry.owner is not None and special(entry.node):
        text += ast.get_docstring(entry.owner) or ""
    return text


def whole_text(entry: Entry) -> str:
    """Its own docstring, and those of the methods that it overrides."""
    above = [
        ast.get_docstring(method) or ""
        for base in (bases(entry.owner) if entry.owner else ())
        for method in base.body
        if isinstance(method, FUNCTIONS) and method.name == entry.node.name
    ]
    return "\n".join([own_text(entry), *above]).strip()


def raises(node: Node) -> bool:
    """Whether its own body raises: not again what was caught, nor for want of a body."""
    if isinstance(node, ast.ClassDef):
        return False
    abstract = any(word(decorator) == "abstractmethod" for decorator in node.decorator_list)
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.Raise) and found.exc is not None:
            if not (abstract and word(found.exc) == "NotImplementedError"):
                return True
        # what is defined inside raises when it is called, here or elsewhere
        if not isinstance(found, ast.Lambda | Node):
            waiting += ast.iter_child_nodes(found)
    return False


def annotations(node: Node) -> Iterator[tuple[str, ast.expr]]:
    """Types with their names: of arguments and result, or of a class's public fields."""
    if isinstance(node, ast.ClassDef):
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        yield from ((word(f.target), f.annotation) for f in fields if word(f.target)[0] != "_")
        return
    given = node.args
    for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if one is not None and one.annotation is not None:
            yield one.arg, one.annotation
    if node.returns is not None:
        yield "the result", node.returns


def shapeless(node: ast.AST) -> bool:
    """Whether a type names an array outside of jaxtyping's brackets."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    if isinstance(node, ast.Subscript) and word(node) in SHAPED | {"Literal"}:
        return False
    if isinstance(node, ast.Name | ast.Attribute):
        return word(node) in ARRAYS
    return any(shapeless(inner) for inner in ast.iter_child_nodes(node))


def aliases(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Lines and names of public types, made of others, that name an array without a shape."""
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            name = word(node.targets[0])
            if not name.startswith("_") and shapeless(node.value):
                yield node.lineno, name


def faults(module: ast.Module, file: str) -> Iterator[str]:
    how = "annotate it as in Float[Tensor, 'B T J C']"
    for line, name in aliases(module):
        yield f"{file}:{line} {name}: has no shape; {how}"
    for entry in entries(module):
        node, owner = entry
        place = f"{file}:{node.lineno} {f'{owner.name}.' if owner else ''}{node.name}"
        text = whole_text(entry)
        if not text and not special(node):
            yield f"{place}: has no docstring, nor has a method that it overrides"
        if raises(node) and "Raises:" not in text:
            yield f"{place}: raises, but its docstring has no 'Raises:'"
        bare = ", ".join(name for name, kind in annotations(node) if shapeless(kind))
        # shapes may have become other ones since the overridden method
        if bare and "Shapes:" not in own_text(entry):
            yield f"{place}: no shape of {bare}; {how}, or add a line 'Shapes:' to the docstring"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_say_shapes_and_errors(path):
    found = list(faults(parsed(path), str(path.relative_to(ROOT))))
    assert not found, "\n" + "\n".join(found)


FAULTY = '''
Step = Callable[[Tensor], float]
Sized = Callable[[Float[Tensor, "B"]], float]

def silent(x: int) -> int:
    return x

def loud(x: int) -> int:
    """Says nothing of its error."""
    if x:
        raise ValueError("x")

def bare(x: torch.Tensor, y: Float[Tensor, "B"]) -> dict[str, "np.ndarray | None"]:
    """Has an argument and a result without a shape."""

class Mine(Generator):
    """Overrides."""

    weight: Tensor

    def __init__(self) -> None:
        raise ValueError("always")

    def noise(self, keys: list[int]) -> Tensor:
        ...

    @abstractmethod
    def draw(self) -> None:
        """Says that it has no body."""
        raise NotImplementedError

def sound(x: Tensor) -> Callable[[], None]:
    """Leaves the raising to others.

    Shapes: [B].
    """
    def inner() -> None:
        raise ValueError("inner")
    try:
        return inner
    except ValueError:
        raise

def _private(x: Tensor) -> None:
    raise ValueError("private")
'''


def test_each_fault_is_found():
    found = [fault.partition(";")[0] for fault in faults(ast.parse(FAULTY), "file.py")]
    assert found == [
        "file.py:2 Step: has no shape",
        "file.py:5 silent: has no docstring, nor has a method that it overrides",
        "file.py:8 loud: raises, but its docstring has no 'Raises:'",
        "file.py:13 bare: no shape of x, the result",
        "file.py:16 Mine: no shape of weight",
        "file.py:21 Mine.__init__: raises, but its docstring has no 'Raises:'",
        "file.py:24 Mine.noise: no shape of the result",
    ]
