"""The drawing of all scores: relative to real clips, every set, nothing that cannot be related."""

import re

import pytest

from motiongen.report import Column, Report, Row, Table, Value
from motiongen.viewer.profile import MOST_AXES, closeness, profile_html


@pytest.mark.parametrize(
    ("value", "goal", "better", "expected"),
    [
        (4.0, 1.0, "low", 0.25),
        (0.5, 1.0, "low", 1.0),
        (0.0, 1.0, "low", 1.0),
        (0.5, 1.0, "high", 0.5),
        (2.0, 1.0, "high", 1.0),
        (0.5, 1.0, "match", 0.5),
        (2.0, 1.0, "match", 0.5),
        (0.0, 1.0, "match", 0.0),
        (-1.0, 1.0, "high", 0.0),
    ],
)
def test_closeness(value, goal, better, expected):
    assert closeness(value, goal, better) == expected


def table(title="Scores", goals=(1.0, 2.0, 4.0), own=(2.0, 1.0, None)):
    better = zip("abc", ("low", "high", "match"), strict=True)
    columns = [Column(name, name.upper(), "", good, "x") for name, good in better]
    rows = [
        Row(name, kind, {n: Value(v) for n, v in zip("abc", values, strict=True)})
        for name, kind, values in (
            ("real", "reference", goals),
            ("mine <b>", "generated", own),
            ("copy", "baseline", (1.0, 2.0, 4.0)),
        )
    ]
    return Table(title, columns, rows)


def test_every_set_is_a_line_and_every_value_a_point():
    page = profile_html([table()])
    assert page is not None
    assert len(re.findall("<polyline", page)) == 2
    # the one that was not measured has no point
    assert len(re.findall("<circle", page)) == 5
    assert "mine &lt;b&gt;, A: 2.00; real clips: 1.00" in page
    assert "<b>" not in page


def test_points_stand_where_their_scores_are():
    page = str(profile_html([table(own=(1.0, 1.0, 0.0))]))
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', page)[:3]]
    top, bottom = heights[0], heights[2]
    assert heights[1] == pytest.approx((top + bottom) / 2)


def test_tables_share_the_drawing():
    page = profile_html([table(), table("Other scores")])
    assert page is not None
    assert len(re.findall("<polyline", page)) == 2
    assert page.count('class="of"') == 2


def test_many_scores_go_into_several_drawings():
    names = [f"score {number}" for number in range(20)]
    columns = [Column(name, name, "", "low", "x") for name in names]
    rows = [
        Row(name, kind, {n: Value(1.0) for n in names})
        for name, kind in (("real", "reference"), ("mine", "generated"))
    ]
    page = str(profile_html([table(), Table("Many", columns, rows)]))
    drawings = [len(re.findall('class="axis"', part)) for part in page.split("<svg class=")[1:]]
    assert drawings == [3, 10, 10] and max(drawings) <= MOST_AXES
    # the names of the sets stand there once
    assert page.count("<span>mine</span>") == 1


def test_what_real_clips_do_not_have_is_left_out():
    assert profile_html([table(goals=(1.0, None, 0.0))]) is None
    assert profile_html([table(goals=(1.0, 2.0, -1.0))]) is None
    assert profile_html([]) is None


def test_a_report_shows_it_first(tmp_path):
    page = Report("Title", tables=[table()]).to_html(tmp_path / "page.html").read_text()
    assert page.index("All scores at a glance") < page.index(">Scores<")
