"""Writes the tables of README.md again from the results that are committed.

    python tests/benchmarks/readme_tables.py [--readme README.md]

Each study has a function that says its results as text, from its JSON alone. A table whose study
has no results yet is left as it is.
"""

import argparse
import importlib
from pathlib import Path

#: mark in README.md -> the script that has `readme_text`
TABLES = {
    "msr": "encoders_on_msr",
    "matrix": "matrix_on_msr",
    "corruption": "cleaner_than_data",
    "vicon": "kinect_against_vicon",
    "speed": "sampling_speed",
    "augmentation": "augmentation_on_msr",
}


def filled(readme: str, name: str, text: str) -> str:
    """A README whose table of this name says `text`."""
    start, end = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
    before, rest = readme.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}"


def write_table(path: Path, name: str) -> None:
    """Fills one table of a README in."""
    text = importlib.import_module(TABLES[name]).readme_text()
    if text is not None:
        path.write_text(filled(path.read_text(), name, text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    args = parser.parse_args()
    for name in TABLES:
        write_table(args.readme, name)


if __name__ == "__main__":
    main()
