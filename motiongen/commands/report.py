"""How commands write a report: as JSON, Markdown and a page, into one folder."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motiongen.report import Report


def check_folder(out: Path) -> None:
    """Refuses a path that cannot become a folder, before minutes are spent on what goes there.

    Raises:
        ValueError: if it is a file.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: {out} is a file, a folder is needed")


def write_report(report: "Report", out: Path) -> int:
    """Writes and prints a report; returns the exit code."""
    from motiongen.viewer.page import write_text

    out.mkdir(parents=True, exist_ok=True)
    text = report.to_markdown()
    report.to_json(out / "report.json")
    write_text(out / "report.md", text)
    report.to_html(out / "report.html")
    print(text)
    print(f"wrote {out / 'report.html'}")
    return 0
