"""The learning curve: accuracy against the number of real clips, one line an arm."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from motiongen.augmentation.arms import Treatment
from motiongen.augmentation.findings import Findings
from motiongen.viewer.profile import COLOURS

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

#: after the colours of the profile, which are apart for colour-blind readers, too
_COLOURS = (*COLOURS, "#000000", "#999999")
_DASHES = ("-", "--", ":", "-.")
#: neighbouring arms stand this far apart, as a factor of the number of clips
_APART = 1.025


def learning_curve(found: Sequence[Findings]) -> "matplotlib.figure.Figure":
    """Draws a panel for each recogniser; bars are the intervals of the means.

    Arms that are tested on synthetic clips are left out: theirs is another test.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not found:
        raise ValueError("learning curve: no findings given")
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(each.recogniser for each in found))
    # the legend needs the width of a panel and a half
    figure = Figure(figsize=(max(8.0, 1 + 4.5 * len(names)), 4.8), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, name, [each for each in found if each.recogniser == name])
    # few repetitions make intervals that leave what an accuracy can be
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(max(low, 0.0), min(high, 102.0))
    panels[0].set_ylabel("accuracy on unseen people (%)")
    handles, titles = panels[0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _panel(axes: "matplotlib.axes.Axes", name: str, found: Sequence[Findings]) -> None:
    found = sorted(found, key=lambda each: each.real)
    shown = [treatment for treatment in found[0].results if not treatment.arm.reverse]
    arms = list(dict.fromkeys(treatment.arm for treatment in shown))
    ratios = sorted({treatment.ratio for treatment in shown if treatment.ratio is not None})
    for place, treatment in enumerate(shown):
        dash = 0 if treatment.ratio is None else ratios.index(treatment.ratio)
        shift = _APART ** (place - (len(shown) - 1) / 2)
        _line(
            axes,
            treatment,
            found,
            _COLOURS[arms.index(treatment.arm) % len(_COLOURS)],
            _DASHES[dash % len(_DASHES)],
            shift,
        )
    axes.set_title(name)
    axes.set_xscale("log")
    axes.set_xticks([each.real for each in found], [_tick(each) for each in found])
    axes.minorticks_off()
    axes.set_xlabel("real clips to learn from")
    axes.grid(axis="y", alpha=0.3)
    axes.margins(x=0.15)


def _line(
    axes: "matplotlib.axes.Axes",
    treatment: Treatment,
    found: Sequence[Findings],
    colour: str,
    dash: str,
    shift: float,
) -> None:
    means = [each.mean(treatment) for each in found]
    below = [100 * (mean.mean - mean.low) for mean in means]
    above = [100 * (mean.high - mean.mean) for mean in means]
    axes.errorbar(
        [shift * each.real for each in found],
        [100 * mean.mean for mean in means],
        yerr=[below, above],
        color=colour,
        linestyle=dash,
        marker="o",
        markersize=4,
        capsize=2,
        label=treatment.title,
    )


def _tick(each: Findings) -> str:
    return f"{each.real:g}\n({each.size.title})"


def as_svg(figure: "matplotlib.figure.Figure") -> str:
    """The drawing as text that is the same each time."""
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context({"svg.hashsalt": "motiongen", "svg.fonttype": "path"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": "motiongen"})
    return file.getvalue()


def as_html(svg: str) -> Markup:
    """The drawing within a page, on white whatever the page's colours."""
    drawing = svg[svg.index("<svg") :]
    style = "background: white; max-width: 100%; overflow-x: auto"
    return Markup(f'<div role="img" aria-label="Learning curve" style="{style}">{drawing}</div>')


def write_svg(path: Path, svg: str) -> None:
    """Writes the drawing whole or not at all."""
    from motiongen.viewer.page import write_text

    write_text(path, svg)
