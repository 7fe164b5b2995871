import pytest

from motiongen.report import Report
from motiongen.viewer.strip import Axis
from motiongen.viewer.table import Column, Row, Table, Value, number, table_html


def column(name: str, better: str) -> Column:
    return Column(name, name.upper(), "", better, f"meaning of {name}")


def table(*rows: Row, reference: str = "") -> Table:
    columns = [column("fid", "low"), column("acc", "high"), column("div", "match")]
    return Table("Scores", columns, rows, reference=reference)


def row(name: str, kind: str, fid: float, acc: float, div: float) -> Row:
    values = {"fid": Value(fid), "acc": Value(acc), "div": Value(div)}
    return Row(name, kind, values, n=10)


REAL = row("real", "reference", 0.0, 99.0, 5.0)
A, B = row("a", "generated", 2.0, 80.0, 9.0), row("b", "generated", 3.0, 90.0, 4.0)
NOISE = row("noise", "baseline", 1.0, 95.0, 5.0)


def test_best_compares_generated_rows_only_and_match_means_near_the_reference():
    scores = table(REAL, A, B, NOISE)
    assert [scores.best(c) for c in scores.columns] == [{"a"}, {"b"}, {"b"}]


def test_reference_can_be_named():
    other = row("other half", "reference", 0.0, 99.0, 10.0)
    scores = table(REAL, other, A, B, reference="other half")
    assert scores.best(scores.columns[2]) == {"a"}
    assert scores.goal(scores.columns[2]) == 10.0


def test_a_single_generated_row_is_not_called_best():
    assert not any(table(REAL, A).best(c) for c in table(REAL, A).columns)


def test_match_without_a_reference_has_no_best():
    assert table(A, B).best(table(A, B).columns[2]) == set()


def test_no_row_is_best_in_a_column_that_is_no_score():
    rows = [Row(n, "generated", {"p": Value(v)}) for n, v in (("a", 0.01), ("b", 1.0))]
    page = Table("Scores", [column("p", "none")], rows)
    assert page.best(page.columns[0]) == set()
    assert "<span aria-label" not in table_html(page)
    assert "|  | P |" in Report("r", tables=[page]).to_markdown()


def test_missing_values_never_win():
    blank = Row("c", "generated", {"fid": Value(float("nan"))})
    scores = table(REAL, A, B, blank)
    assert scores.best(scores.columns[0]) == {"a"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_none(bad):
    assert Value(bad, bad, bad) == Value(None)


def test_wrong_tables_are_refused(unchecked):
    with pytest.raises(ValueError, match="no column"):
        table(Row("x", "generated", {"typo": Value(1.0)}))
    with pytest.raises(ValueError, match="not unique"):
        table(A, A)
    with pytest.raises(ValueError, match="no row 'gone'"):
        table(A, reference="gone")
    with pytest.raises(ValueError, match="kind is 'x'"):
        Row("x", "x", {})
    with pytest.raises(ValueError, match="better is 'x'"):
        column("a", "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (1.234, "1.23"), (99.96, "100"), (12345.0, "12345"), (0.02, "0.0200")]
    + [(1.5e-5, "1.50e-05"), (2e7, "2.00e+07"), (-3.456, "-3.46")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value).replace("100.0", "100") == text


def test_ends_of_an_interval_have_the_decimals_of_their_value():
    assert number(0.0418, like=7.8) == "0.04"


def test_axis_holds_all_values_and_orders_them():
    for values in ([1.0, 2.0, 5.0], [0.01, 1.0, 300.0], [-1.0, 0.0, 3.0], [4.0, 4.0], []):
        axis = Axis.around(values)
        places = [axis(value) for value in values]
        assert places == sorted(places)
        assert all(0 < place < 100 for place in places)
    assert Axis.around([0.01, 300.0]).logarithmic
    assert not Axis.around([0.0, 300.0]).logarithmic


def test_html_shows_meaning_tooltip_kind_and_best():
    html = table_html(table(REAL, A, B, NOISE))
    assert html.count('title="meaning of fid"') == 1
    assert "<dd>meaning of fid</dd>" in html
    assert html.count('class="best"') == 3
    assert '<tr class="reference">' in html and '<tr class="baseline">' in html
    for arrow in "↓↑≈":
        assert arrow in html
