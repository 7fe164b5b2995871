"""Every notebook runs from top to bottom and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert [path.stem[0] for path in NOTEBOOKS] == list("12345")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_valid_and_stored_without_outputs(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_and_shows_something(path, tmp_path):
    notebook = read(path)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    shown = {kind for output in outputs for kind in output.get("data", {})}
    said = "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")
    # a picture, a table, or the scores of a study
    assert shown & {"image/png", "text/markdown"} or "real + synthetic" in said
    said = "".join(output.get("text", "") for output in outputs if output.get("name") == "stderr")
    assert "Warning" not in said
    assert list(tmp_path.iterdir()) == []
