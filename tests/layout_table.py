"""What each layout lacks: the table of docs/layouts.md. Run to write it anew.

python tests/layout_table.py
"""

import re
from pathlib import Path

from motiongen import layouts
from motiongen.transforms import relayout_matrix

PAGE = Path(__file__).parents[1] / "docs" / "layouts.md"
START, END = "<!-- layouts -->\n", "<!-- /layouts -->\n"


def missing(source: str) -> set[str]:
    """Places of any layout that cannot be made of the joints of one."""
    places: set[str] = set()
    for target in layouts.names():
        producible = relayout_matrix(source, target)[1]
        named = zip(layouts.places(target), producible.tolist(), strict=True)
        places |= {place for place, made in named if not made}
    return places


def described(places: set[str]) -> str:
    """Places in few words: both sides as one, points of hands, faces and meshes as groups."""
    groups = {
        "mesh of the face": {p for p in every() if "mesh_" in p},
        "face": set(layouts.places("face70")),
        "left hand": set(layouts.places("left_hand21")),
        "right hand": set(layouts.places("right_hand21")),
        "markers": set(layouts.places("plugingait39")) - set(layouts.places("art17")),
        "targets": set(layouts.places("art17")) & set(layouts.places("plugingait39")),
    }
    words = []
    for name, group in groups.items():
        absent = group & places
        if absent == group:
            words.append(f"{name} (all {len(group)})")
        elif 2 * len(absent) > len(group):
            words.append(f"{name} (but {', '.join(both_sides(group - absent))})")
        else:
            continue
        places = places - group
    return "; ".join([*words, ", ".join(both_sides(places))]).strip("; ") or "nothing"


def both_sides(places: set[str]) -> list[str]:
    """Names, "*_" where both sides are there."""
    other = {"left": "right", "right": "left"}
    named = set()
    for place in places:
        side, _, part = place.partition("_")
        paired = side in other and f"{other[side]}_{part}" in places
        named.add(f"\\*_{part}" if paired else place)
    return sorted(named)


def every() -> set[str]:
    """All places of all layouts."""
    return {place for name in layouts.names() for place in layouts.places(name)}


def table() -> str:
    """Each layout with its joints and what it lacks."""
    rows = ["| of | joints | cannot be made |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {layouts.get(name).num_joints} | {described(missing(name))} |"
        for name in layouts.names()
    ]
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """The page with the table of now."""
    pattern = re.compile(re.escape(START) + ".*" + re.escape(END), re.DOTALL)
    return pattern.sub(lambda _: START + table() + END, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
