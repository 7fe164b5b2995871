"""README.md: every command is accepted, those marked for it are run, every named file exists."""

import argparse
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from motiongen import cli, fitting, formats, layouts

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
#: blocks of code with the mark above them: "", "test" or "test: slow"
BLOCKS = [
    (mark or "", language, code)
    for mark, language, code in re.findall(
        r"(?:<!-- (test(?:: slow)?) -->\n)?```(\w+)\n(.*?)```", TEXT, re.DOTALL
    )
]
COMMANDS = [
    shlex.split(line)
    for _, language, code in BLOCKS
    if language == "bash"
    for line in code.replace("\\\n", " ").splitlines()
]


def marked(wanted):
    return [
        pytest.param(code, marks=[pytest.mark.slow] * ("slow" in mark), id=code.splitlines()[0])
        for mark, language, code in BLOCKS
        if mark and language == wanted
    ]


def test_there_is_something_to_test():
    used = {words[1] for words in COMMANDS if words[0] == "motiongen"}
    assert used >= {"import", "info", "fit", "sample", "evaluate", "augment", "view"}
    assert len(marked("bash")) == 2 and len(marked("python")) == 1


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_is_accepted(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    if words[0] == "make":
        targets = [word for word in words[1:] if word.isalpha()][:1]
        assert all(re.search(rf"^{t}:", (ROOT / "Makefile").read_text(), re.M) for t in targets)
    if words[0] != "motiongen" or "--help" in words:
        return
    if words[1] == "fit":
        fitting.quiet()
        for name in ("instantiate_classes", "_set_seed"):
            monkeypatch.setattr(fitting.MotionCLI, name, lambda self: None)
        assert fitting.MotionCLI(words[2:]).config["out"]
    else:
        assert cli._parser().parse_args(words[1:]).function


@pytest.mark.parametrize("code", marked("bash"))
def test_commands_run(code, tmp_path):
    lines = code.replace("motiongen ", f"{shlex.quote(sys.executable)} -m motiongen.cli ")
    run(["bash", "-euc", lines], tmp_path)


@pytest.mark.parametrize("code", marked("python"))
def test_python_runs(code, tmp_path):
    run([sys.executable, "-c", code], tmp_path)


def run(words, folder):
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_every_named_file_exists():
    named = re.findall(r"`((?:configs|notebooks|tests|docs)/[\w./]+\.\w+)`", TEXT)
    named += re.findall(r"\]\(((?!http|#)[\w./]+)\)", TEXT)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_part_of_the_tree_exists_and_none_is_forgotten():
    tree = re.search(r"## Parts\n```\n(.*?)```", TEXT, re.DOTALL)[1]
    package = tree.partition("configs/")[0]
    named = {name.rstrip("/") for name in re.findall(r"\b[\w]+(?:\.py|/)", package)}
    found = {
        path.name for path in (ROOT / "motiongen").iterdir() if path.suffix in (".py", "")
    } - {"__init__.py", "__pycache__"}
    assert named - {"motiongen"} == found


def test_tables_list_every_format_and_every_skeleton():
    section = re.search(r"## Formats and skeletons\n(.*?)\n## ", TEXT, re.DOTALL)[1]
    assert set(re.findall(r"^\| `(\w+)`", section, re.M)) == set(formats.READERS)
    skeletons = section.partition("Skeletons:")[2]
    assert set(layouts.names()) == set(re.findall(r"`(\w+\d+\w*)`", skeletons))


def test_every_table_says_what_its_committed_results_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    tables = importlib.import_module("readme_tables")
    assert set(tables.TABLES) == set(re.findall(r"<!-- results:(\w+) -->", TEXT))
    for name, script in tables.TABLES.items():
        said = importlib.import_module(script).readme_text()
        assert tables.filled(TEXT, name, said) == TEXT, name


def test_every_study_in_the_text_takes_its_command(monkeypatch):
    """The long ones are not run, but their command lines are read by their parsers."""
    commands = re.findall(r"`(?:\w+=\d+ )?python (tests/benchmarks/\w+\.py[^`]*)`", TEXT)
    assert len(commands) > 8
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))

    def parsed(self, args=None, namespace=None):
        raise Parsed(self, parse(self, args, namespace))

    parse = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    for command in commands:
        script, *words = shlex.split(command.replace("…", "CELL").replace("...", "CELL"))
        monkeypatch.setattr(sys, "argv", [script, *words])
        with pytest.raises(Parsed):
            importlib.import_module(Path(script).stem).main()


class Parsed(Exception):  # noqa: N818
    """A command line was accepted."""
