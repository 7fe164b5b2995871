"""No code of the package may run what a file says, hide an error, or print beside the command."""

import ast
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "motiongen"
SOURCES = sorted(PACKAGE.rglob("*.py"))

PICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
#: the one restricted unpickler: it may import pickle, and must not load with it as it is
UNPICKLER = "formats/unpickling.py"
RUNNING = {"eval", "exec", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
YAML = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"}
EVERYTHING = {"Exception", "BaseException"}


def dotted(node: ast.AST) -> str:
    """The name of a call's function as it is written, e.g. "torch.load"."""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def keyword(call: ast.Call, name: str) -> object:
    """The constant given for a keyword; None if absent, ... if it is no constant."""
    for item in call.keywords:
        if item.arg == name:
            return item.value.value if isinstance(item.value, ast.Constant) else ...
    return None


def check_import(node: ast.AST) -> str | None:
    """Modules that unpickle, and unsafe loaders imported by their bare name."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
        whole = {f"{node.module}.{alias.name}" for alias in node.names}
        if hidden := whole & (YAML | SHELLS | {"torch.load"}):
            return f"imports {sorted(hidden)} by bare name, which hides its use"
    else:
        return None
    found = {name.partition(".")[0] for name in modules} & PICKLING
    return f"imports {sorted(found)}" if found else None


def check_load(call: ast.Call) -> str | None:
    """Loaders that run code from a file."""
    name = dotted(call.func)
    if name == "torch.load" and keyword(call, "weights_only") is not True:
        return "torch.load without weights_only=True"
    if keyword(call, "allow_pickle") not in (None, False):
        return "allow_pickle"
    if name in YAML:
        return f"{name}; use yaml.safe_load"
    if name.endswith("read_pickle") or name in ("pickle.load", "pickle.loads", "pickle.Unpickler"):
        return name
    return None


def check_run(call: ast.Call) -> str | None:
    """Strings that are run as code or by a shell."""
    name = dotted(call.func)
    if name in RUNNING or name in SHELLS:
        return name
    if keyword(call, "shell") not in (None, False):
        return "shell=True"
    return None


def check_extract(call: ast.Call) -> str | None:
    """Archives that could write outside their folder."""
    name = dotted(call.func) or getattr(call.func, "attr", "")
    unpacks = name.rpartition(".")[2] in {"extractall", "unpack_archive"}
    if unpacks and keyword(call, "filter") != "data":
        return f'{name} without filter="data"'
    return None


def from_zip(tree: ast.AST) -> set[ast.AST]:
    """Calls on a zip file opened by `with`: it has no filter, and keeps members inside itself."""
    calls = set()
    for node in ast.walk(tree):
        for item in node.items if isinstance(node, ast.With) else ():
            opens = isinstance(item.context_expr, ast.Call)
            if (
                opens
                and dotted(item.context_expr.func) == "zipfile.ZipFile"
                and item.optional_vars
            ):
                name = f"{dotted(item.optional_vars)}.extractall"
                calls |= {call for call in ast.walk(node) if dotted_call(call) == name}
    return calls


def dotted_call(node: ast.AST) -> str:
    """The name of what a node calls; "" if it is no call."""
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def check_except(node: ast.AST) -> str | None:
    """Handlers that swallow what nobody foresaw."""
    if not isinstance(node, ast.ExceptHandler):
        return None
    if node.type is None:
        return "bare except"
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    silent = all(
        isinstance(line, ast.Pass | ast.Continue)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in node.body
    )
    if silent and EVERYTHING & {dotted(kind) for kind in kinds}:
        return "except Exception that does nothing"
    return None


CALL_CHECKS: tuple[Callable[[ast.Call], str | None], ...] = (check_load, check_run, check_extract)


def findings(source: str, name: str) -> Iterator[str]:
    """Everything forbidden in a source, as "file:line: what"."""
    tree = ast.parse(source)
    zipped = from_zip(tree)
    for node in ast.walk(tree):
        found = [check_import(node), check_except(node)]
        if name == UNPICKLER:
            found = [text for text in found if text != "imports ['pickle']"]
        if isinstance(node, ast.Call) and node not in zipped:
            found += [check(node) for check in CALL_CHECKS]
            speaks = name == "cli.py" or name.startswith("commands/")
            if dotted(node.func) == "print" and not speaks:
                found.append("print outside cli.py and commands/")
        yield from (f"{name}:{getattr(node, 'lineno', 0)}: {text}" for text in found if text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_package_is_safe(path):
    name = str(path.relative_to(PACKAGE))
    found = list(findings(path.read_text(encoding="utf-8"), name))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "import pickle",
        "from joblib import load",
        "import pickle as p",
        "def f():\n    import dill",
        "pandas.read_pickle(path)",
        "eval(text)",
        "exec(text)",
        "yaml.load(stream)",
        "yaml.load(stream, Loader=yaml.SafeLoader)",
        "from yaml import unsafe_load",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "tar.extractall(folder)",
        "tarfile.open(path).extractall(folder)",
        "tar.extractall(folder, filter='fully_trusted')",
        "shutil.unpack_archive(path)",
        "with tarfile.open(path) as file:\n    file.extractall(folder)",
        "with zipfile.ZipFile(path) as file:\n    tar.extractall(folder)",
        "print(1)",
        "try:\n    f()\nexcept:\n    raise",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (ValueError, BaseException) as error:\n    ...",
    ],
)
def test_finds(source):
    assert len(list(findings(source, "formats/x.py"))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "model.eval()",
        "yaml.safe_load(stream)",
        "subprocess.run(command, shell=False)",
        "tar.extractall(folder, filter='data')",
        "with zipfile.ZipFile(path) as file:\n    file.extractall(folder)",
        "try:\n    f()\nexcept Exception as error:\n    raise FormatError(path) from error",
        "try:\n    f()\nexcept KeyError:\n    pass",
    ],
)
def test_leaves_alone(source):
    assert not list(findings(source, "formats/x.py"))


@pytest.mark.parametrize(
    "source", ["pickle.load(file)", "pickle.loads(data)", "pickle.Unpickler(file)", "import dill"]
)
def test_the_unpickler_itself_is_restricted(source):
    assert not list(findings("import pickle", UNPICKLER))
    assert len(list(findings(source, UNPICKLER))) == 1


def test_only_the_command_prints():
    assert not list(findings("print(1)", "cli.py"))
    assert list(findings("print(1)", "viewer/cli.py"))


def test_torchvision_is_not_needed():
    """It is large, must match torch's build, and breaks other packages' imports where it does not.

    A test suite that passes beside it would not show that the package does without.
    """
    assert importlib.util.find_spec("torchvision") is None
