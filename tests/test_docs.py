"""The documentation site builds without a warning, and forgets no public module."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
#: parts that users call through the commands only
INNER = {
    "cli",
    "commands",
    "demonstration",
    "editing",
    "history",
    "ranges",
    "resuming",
    "selection",
}


def test_every_part_is_in_the_reference():
    parts = {path.stem for path in (ROOT / "motiongen").iterdir() if not path.name.startswith("_")}
    parts -= {"py"} | INNER
    shown = {
        name.split(".")[0] for name in re.findall(r"^::: motiongen\.([\w.]+)$", REFERENCE, re.M)
    }
    assert parts - shown == set()


def test_every_named_module_exists():
    for name in re.findall(r"^::: motiongen\.([\w.]+)$", REFERENCE, re.M):
        path = ROOT / "motiongen" / name.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", tmp_path / "site"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "WARNING" not in ended.stderr
    page = (tmp_path / "site" / "metrics" / "index.html").read_text()
    assert "<!-- table" not in page and "bone_length_cv" in page
    page = (tmp_path / "site" / "own_data" / "index.html").read_text()
    assert "<!-- table" not in page and "kinect20_msr" in page
    # nothing is fetched from elsewhere
    assert not re.search(
        r'(?:src|href)="https?://(?!github\.com/motiongen)[^"]*\.(?:js|css|woff2?)"', page
    )
