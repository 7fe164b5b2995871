"""The architecture as a test: imports inside the package point downward only."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "motiongen"

# Each module or folder directly under motiongen/ and its layer.
LAYERS = {
    "skeleton": 0,
    "layouts": 0,
    "motion": 1,
    "transforms": 2,
    "stature": 2,
    "noise": 2,
    "formats": 2,
    "ranges": 1,
    "encoders": 2,
    "processes": 2,
    "viewer": 2,
    "data": 3,
    "standardizer": 3,
    "kinematics": 3,
    "networks": 3,
    "observation": 3,
    "generators": 4,
    "classifier": 4,
    "metrics": 5,
    "release": 5,
    "hub": 6,
    "checkpoint": 5,
    "sampling": 5,
    "sharding": 5,
    "editing": 5,
    "history": 5,
    "resuming": 5,
    "selection": 5,
    "trust": 5,
    "monitoring": 6,
    "tracking": 6,
    "adapting": 6,
    "trainer": 6,
    "fitting": 6,
    "report": 6,
    "evaluation": 6,
    "recognition": 6,
    "augmentation": 6,
    "scoring": 6,
    "pairing": 6,
    "demonstration": 6,
    "sweeping": 6,
    "studio": 6,
    "testing": 6,
    "__init__": 7,
    "commands": 7,
    "cli": 7,
    "__main__": 7,
}

# Within a layer only files of one folder may import each other; these few may do so besides.
BESIDE = {
    "kinematics": {"standardizer"},
    "networks": {"kinematics", "standardizer"},
    "layouts": {"skeleton"},
    "noise": {"stature"},
    "checkpoint": {"release"},
    "history": {"checkpoint"},
    "resuming": {"checkpoint", "history"},
    "sharding": {"checkpoint", "sampling"},
    "evaluation": {"report"},
    "monitoring": {"evaluation"},
    "tracking": {"monitoring"},
    "trainer": {"monitoring", "tracking"},
    "fitting": {"adapting", "tracking", "trainer"},
    "recognition": {"evaluation"},
    "augmentation": {"evaluation", "fitting", "recognition", "report"},
    "scoring": {"augmentation", "evaluation", "report"},
    "pairing": {"evaluation", "report", "scoring"},
    "demonstration": {"augmentation", "evaluation", "fitting", "report", "scoring"},
    "sweeping": {"evaluation", "fitting", "report"},
    "studio": {"evaluation", "report"},
    "testing": {"evaluation", "report"},
    "commands": {"__init__"},
    "cli": {"__init__", "commands"},
    "__main__": {"cli"},
}

# Below, and still out of bounds: a metric judges motions and features, whatever they come from.
FORBIDDEN = {"metrics": {"generators", "classifier", "data"}}

# What the package itself may be asked for; everything else is imported from where it is defined.
OF_THE_PACKAGE = {"__version__"}


def module_name(path: Path) -> str:
    """formats/base.py -> "formats.base"; formats/__init__.py -> "formats"."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.AST) -> Iterator[str]:
    """Names of everything imported from the package, lazily or not, without "motiongen."."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def targets(source: str) -> set[str]:
    """The modules of the package that a source imports; names of attributes are cut off."""
    found = set()
    for name in imported(ast.parse(source)):
        head, _, rest = name.partition(".")
        if head == "":
            found.add(name)
        elif head == "motiongen" and rest not in OF_THE_PACKAGE:
            while rest and rest not in SOURCES and "." in rest:
                rest = rest.rpartition(".")[0]
            found.add(rest or "__init__")
    return found


def complaint(module: str, target: str) -> str | None:
    """Why a module may not import another; None if it may."""
    if target.startswith("."):
        return f"{module}: relative import; write it in full"
    own, other = module.partition(".")[0], target.partition(".")[0]
    if other not in SOURCES and other not in LAYERS:
        return f"{module} asks the package for {other!r}; import it from where it is defined"
    for name in (own, other):
        if name not in LAYERS:
            return f"{name} is in no layer: give it a layer in {Path(__file__).name}"
    if other in FORBIDDEN.get(own, ()):
        return f"{module} (layer {LAYERS[own]}) must not know {target}"
    below = LAYERS[other] < LAYERS[own]
    if below or own == other or other in BESIDE.get(own, ()):
        return None
    return f"{module} (layer {LAYERS[own]}) imports {target} (layer {LAYERS[other]})"


def complaints(module: str, source: str) -> list[str]:
    """Every forbidden import of a module."""
    found = (complaint(module, target) for target in sorted(targets(source)))
    return [text for text in found if text]


@pytest.mark.parametrize("module", SOURCES)
def test_has_a_layer(module):
    unit = module.partition(".")[0]
    assert unit in LAYERS, f"{unit} is in no layer: give it a layer in {Path(__file__).name}"


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_downward(module):
    found = complaints(module, SOURCES[module].read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


def test_no_cycles():
    graph = {}
    for module, path in SOURCES.items():
        # A folder's __init__ gathers its files, and its files never ask it for anything.
        wanted = targets(path.read_text(encoding="utf-8"))
        graph[module] = {target for target in wanted if target in SOURCES} - {module}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("layouts", "from motiongen.skeleton import Skeleton", None),
        ("generators.vae", "from motiongen.encoders import CNN", None),
        ("formats.openpose", "from motiongen.formats.base import Reader", None),
        ("data.store", "from motiongen import __version__", None),
        ("data.store", "from motiongen import layouts", None),
        ("skeleton", "import motiongen.layouts", r"skeleton \(layer 0\) imports layouts"),
        ("motion", "def f():\n    from motiongen import noise", r"imports noise \(layer 2\)"),
        ("encoders.cnn", "from motiongen.formats.base import Reader", "imports formats.base"),
        ("encoders.cnn", "from motiongen.data import store", r"imports data.*\(layer 3\)"),
        ("metrics.pose", "import motiongen.generators.vae", "must not know generators"),
        ("motion", "from .skeleton import Skeleton", "relative import"),
        ("motion", "from motiongen import Skeleton", "asks the package for 'Skeleton'"),
        ("utils", "from motiongen.motion import Motion", "utils is in no layer: give it a layer"),
    ],
)
def test_the_check_itself(module, source, expected):
    found = complaints(module, source)
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert re.search(expected, found[0])
