import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from motiongen.data.synthetic import synthesise
from motiongen.report import Column, Report, Row, Table, Value
from motiongen.viewer.page import Group, Panel

HOSTILE = "</script><b>x|y</b>\n# z"


def make(name: str = "flow", groups: tuple[Group, ...] = ()) -> Report:
    columns = [
        Column("fid", "FID", "", "low", "distance of feature clouds", "Heusel 2017"),
        Column("jerk", "Jerk", "m/s³", "match", "third derivative"),
    ]
    rows = [
        Row("real vs real", "reference", {"fid": Value(1.0, 0.5, 1.5), "jerk": Value(10.0)}, 40),
        Row(name, "generated", {"fid": Value(2.0, 1.0, 3.0, n=30), "jerk": Value(12.0)}, 40),
        Row(
            "gan", "generated", {"fid": Value(math.nan, note="diverged"), "jerk": Value(90.0)}, 40
        ),
        Row("mean pose", "baseline", {"fid": Value(9.0, math.inf, math.nan)}, 40, "one pose"),
    ]
    return Report(
        title="Evaluation",
        summary=["Flow is close to real."],
        warnings=["Few subjects."],
        tables=[Table("Fidelity", columns, rows, "caption", "95 % bootstrap", "real vs real")],
        context={"seed": 0, "commit": None, "versions": {"torch": "2"}, "loss": math.nan},
        groups=groups,
    )


def test_json_round_trip(tmp_path):
    report = make()
    path = report.to_json(tmp_path / "out" / "report.json")
    again = Report.from_json(path)
    assert again.tables == report.tables
    assert again.to_markdown() == report.to_markdown()
    assert "- loss: –" in again.to_markdown()
    assert again.to_json(tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_json_holds_no_nan_and_no_motions(tmp_path):
    groups = (Group("a", [Panel("p", synthesise(1, 1, classes=["wave"]))]),)
    text = make(groups=groups).to_json(tmp_path / "report.json").read_text()

    def refuse(word: str) -> float:
        raise AssertionError(word)

    parts = json.loads(text, parse_constant=refuse)
    assert "groups" not in parts
    assert parts["tables"][0]["rows"][2]["values"]["fid"]["value"] is None
    assert parts["context"]["loss"] is None


def test_json_takes_numbers_of_numpy_and_torch_and_paths(tmp_path):
    context = {
        "n": np.int64(3),
        "acc": torch.tensor(0.5),
        "seeds": (1, np.float32(2)),
        "bad": np.array([1.0, np.nan]),
        "store": Path("a") / "b",
    }
    path = Report("t", context=context).to_json(tmp_path / "r.json")
    found = json.loads(path.read_text())["context"]
    assert found == {"n": 3, "acc": 0.5, "seeds": [1, 2.0], "bad": [1.0, None], "store": "a/b"}


@pytest.mark.parametrize("text", ["[]", '{"schema": 9}', '{"schema": 1, "tables": [{"x": 1}]}'])
def test_other_json_is_refused_with_its_path(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json"):
        Report.from_json(path)


def test_markdown_tables_are_rectangular_and_safe():
    text = make(HOSTILE).to_markdown()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 6
    assert {line.replace("\\|", "").count("|") for line in lines} == {4}
    assert "<b>" not in text and "\n# z" not in text
    assert "–" in lines[4] and "diverged" in lines[4]
    assert "2.00 [1.00, 3.00] n = 30" in text
    assert "**12.0**" in text and "**90.0**" not in text


def test_html_has_its_parts_in_order(tmp_path):
    groups = (Group("wave", [Panel("Generated", synthesise(1, 1, classes=["wave"]))]),)
    html = make(groups=groups).to_html(tmp_path / "r.html").read_text("utf-8")
    body = html[html.index("<body>") :]
    parts = ["<h1>Evaluation", "Flow is close", "Few subjects.", "<canvas", "Fidelity", "<details"]
    places = [body.index(part) for part in parts]
    assert places == sorted(places)
    assert "versions.torch" in body and "distance of feature clouds" in body
    assert "nan" not in body[: body.index("<script")].lower().replace("loss", "")


def test_html_escapes_what_data_says(tmp_path):
    report = make(HOSTILE)
    html = report.to_html(tmp_path / "r.html").read_text("utf-8")
    assert "<b>" not in html and "</script>" not in html
    assert "&lt;b&gt;x|y&lt;/b&gt;" in html


def test_an_empty_report_can_be_written(tmp_path):
    report = Report("Nothing")
    assert "Nothing" in report.to_html(tmp_path / "r.html").read_text("utf-8")
    assert report.to_markdown() == "# Nothing\n"
    assert Report.from_json(report.to_json(tmp_path / "r.json")) == Report("Nothing", [], [], [])
