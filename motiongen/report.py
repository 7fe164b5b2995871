"""A report: scores with their intervals and meanings, as JSON, Markdown and one HTML page."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from markupsafe import Markup

from motiongen.skeleton import Skeleton
from motiongen.viewer.page import Group, Section, render, write_page, write_text
from motiongen.viewer.profile import profile_html
from motiongen.viewer.table import (
    ARROWS,
    Column,
    Row,
    Table,
    Value,
    interval,
    number,
    table_html,
)

__all__ = ["Column", "Report", "Row", "Table", "Value"]

_SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """What one evaluation found, and what is needed to repeat it.

    Args:
        title: heading.
        summary: paragraphs in plain words.
        warnings: what a reader must know before trusting a number.
        tables: the scores.
        context: seed, commit, extractor and its accuracy, versions; nested mappings are allowed.
        groups: motions to look at; only the HTML page holds them.
        sections: drawings and other parts that only the HTML page holds, before the tables.
    """

    title: str
    summary: Sequence[str] = ()
    warnings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    sections: Sequence[Section] = ()

    def to_json(self, path: str | Path) -> Path:
        """Writes all but motions and drawings, whole or not at all; NaN, infinity become null."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        parts["tables"] = [asdict(table) for table in self.tables]
        del parts["groups"], parts["sections"]
        text = json.dumps(_plain({"schema": _SCHEMA, **parts}), indent=2, allow_nan=False)
        return write_text(path, text + "\n")

    @classmethod
    def from_json(cls, path: str | Path) -> "Report":
        """Inverse of `to_json`; the report has no motions and drawings.

        Raises:
            ValueError: if the file is no report, or one of another schema.
        """
        parts = json.loads(Path(path).read_text(encoding="utf-8"))
        found = parts.pop("schema", None) if isinstance(parts, dict) else None
        if found != _SCHEMA:
            raise ValueError(f"{path}: schema is {found!r}, allowed {_SCHEMA}")
        try:
            tables = [_table(table) for table in parts.pop("tables")]
            return cls(**parts, tables=tables)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: is no report: {error}") from error

    def to_markdown(self) -> str:
        """The report as GitHub-flavoured Markdown, without motions."""
        blocks = [f"# {_line(self.title)}", *map(_line, self.summary)]
        blocks += [f"> **Warning.** {_line(text)}" for text in self.warnings]
        for table in self.tables:
            blocks += _markdown_table(table)
        pairs = [f"- {_line(key)}: {_line(value)}" for key, value in _flat(self.context)]
        if pairs:
            blocks += ["## Context", "\n".join(pairs)]
        return "\n\n".join(blocks) + "\n"

    def to_html(
        self, path: str | Path, *, skeletons: Mapping[str, Skeleton] | None = None
    ) -> Path:
        """Writes one self-contained page: summary, player, tables with meanings, context."""
        sections = [*self.sections]
        if (profile := profile_html(self.tables)) is not None:
            sections.append(Section("All scores at a glance", profile))
        sections += [Section(table.title, table_html(table)) for table in self.tables]
        if self.context:
            context = render("report.html", part="context", pairs=_flat(self.context))
            sections.append(Section("Context", context))
        lead: str | Markup = ""
        if self.summary or self.warnings:
            lead = render("report.html", part="lead", summary=self.summary, warnings=self.warnings)
        return write_page(
            path,
            title=self.title,
            lead=lead,
            groups=self.groups,
            sections=sections,
            skeletons=skeletons,
        )


def _plain(value: Any) -> Any:
    """Only what JSON knows; numbers of numpy and torch become Python's, the rest its text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def _table(parts: dict[str, Any]) -> Table:
    rows = [
        Row(**{**row, "values": {k: Value(**v) for k, v in row["values"].items()}})
        for row in parts["rows"]
    ]
    return Table(**{**parts, "columns": [Column(**c) for c in parts["columns"]], "rows": rows})


def _flat(context: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted keys and texts."""
    pairs: list[tuple[str, str]] = []
    for key, value in context.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            plain = _plain(value)
            plain = "–" if plain is None else plain
            text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
            pairs.append((f"{prefix}{key}", text))
    return pairs


def _line(text: str) -> str:
    """One line of Markdown in which data cannot start a cell, a tag or a new block."""
    for mark, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("`", "\\`")):
        text = text.replace(mark, safe)
    return " ".join(text.split())


def _markdown_table(table: Table) -> list[str]:
    titles = [
        f"{_line(c.title)} {ARROWS[c.better]}".strip() + (f" ({_line(c.unit)})" if c.unit else "")
        for c in table.columns
    ]
    lines = [["", *titles], ["---", *["---:"] * len(titles)]]
    best = {column.name: table.best(column) for column in table.columns}
    for row in table.rows:
        name = _line(row.name) + (f" *({row.kind})*" if row.kind != "generated" else "")
        cells = [
            _markdown_cell(row.values.get(c.name, Value(None)), row.name in best[c.name], row.n)
            for c in table.columns
        ]
        lines.append([name + (f", n = {row.n}" if row.n is not None else ""), *cells])
    meanings = [
        f"- **{_line(c.title)}**: {_line(c.meaning)}"
        + (f" ({_line(c.source)})" if c.source else "")
        for c in table.columns
    ]
    goal = table.reference_row
    key = "↓ lower, ↑ higher is better, ≈ nearer to " + (
        f"“{_line(goal.name)}”" if goal else "the reference"
    )
    key += f". Brackets: {_line(table.interval)}." if table.interval else "."
    grid = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    blocks = [f"## {_line(table.title)}", _line(table.caption), grid, key, "\n".join(meanings)]
    return [block for block in blocks if block]


def _markdown_cell(value: Value, best: bool, n: int | None) -> str:
    note = f" ({_line(value.note)})" if value.note else ""
    if value.value is None:
        return "–" + note
    text = f"**{number(value.value)}**" if best else number(value.value)
    return f"{text} {interval(value, n)}".strip() + note
