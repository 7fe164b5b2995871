"""What is installed from the wheel runs from an empty folder, without the repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = {
    "motiongen/py.typed",
    "motiongen/viewer/page.html",
    "motiongen/viewer/page.css",
    "motiongen/viewer/player.js",
}
FROM_ELSEWHERE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import motiongen
from motiongen.release import released
assert pathlib.Path(motiongen.__file__).is_relative_to(sys.argv[1]), motiongen.__file__
for name in released():
    clips = motiongen.load(name).sample(1, seed=0)
    assert clips.joints.isfinite().all()
print(" ".join(sorted(released())))
"""


@pytest.mark.slow
def test_the_wheel_holds_everything_and_runs(tmp_path):
    pytest.importorskip("build")
    # a copy of what git knows: what lies about here must not help
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in files.stdout.decode().split("\0"):
        if name and not name.startswith(("tests/", "docs/", "checkpoints/results/")):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path / "dist"]
    built = subprocess.run(
        words, cwd=tmp_path / "source", capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-2000:]
    (wheel,) = (tmp_path / "dist").glob("motiongen-*.whl")
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(place)
    assert names >= NEEDED
    assert not [name for name in names if name.startswith(("tests/", "checkpoints/"))]
    own = {path.parent.name for path in (ROOT / "checkpoints").glob("*/model.safetensors")}
    words = [sys.executable, "-I", "-W", "ignore", "-c", FROM_ELSEWHERE, str(place)]
    (tmp_path / "empty").mkdir()
    ended = subprocess.run(
        words, cwd=tmp_path / "empty", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert set(ended.stdout.split()) == own
