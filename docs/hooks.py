"""Fills the documentation with what the package itself knows, so that it cannot grow old."""

from typing import Any

from motiongen import layouts, metrics
from motiongen.metrics.metric import Metric


def on_page_markdown(markdown: str, **context: Any) -> str:
    """Replaces the marks of a page by tables."""
    for mark, table in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return markdown


def metric_table() -> str:
    """Every metric: its name, unit, what is better, what it tells, who defined it."""
    arrows = {"low": "lower", "high": "higher", "match": "near real clips"}
    known = {value.name: value for value in vars(metrics).values() if isinstance(value, Metric)}
    rows = [
        f"| `{one.name}` | {one.unit} | {arrows[one.better]} | {one.meaning} | {one.source} |"
        for one in sorted(known.values(), key=lambda one: (one.needs, one.name))
    ]
    head = ["| metric | unit | better | what it tells | source |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def layout_table() -> str:
    """Every skeleton: its joints and its root."""
    rows = []
    for name in layouts.names():
        skeleton = layouts.get(name)
        root = skeleton.joints[skeleton.parents.index(-1)]
        rows.append(f"| `{name}` | {skeleton.num_joints} | {root} |")
    return "\n".join(["| skeleton | joints | root |", "|---|---|---|", *rows])


#: in a page; a table that is committed with its page has other marks
MARKS = {"<!-- table of metrics -->": metric_table, "<!-- table of layouts -->": layout_table}
