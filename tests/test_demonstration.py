"""The demo; `make demo` runs it whole."""

import pytest

from motiongen import demonstration


def test_it_removes_its_own_runs_only(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.ckpt").touch()
    (run / "log").mkdir()
    demonstration._remove_run(run)
    assert not run.exists()
    demonstration._remove_run(run)


def test_it_leaves_other_files_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"thesis\.tex"):
        demonstration._remove_run(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
