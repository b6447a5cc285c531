"""A result as a picture: how far each figure is from its target, and how latencies spread."""

from itertools import pairwise
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from bench.figures import SPREAD, Figure, latencies_of, reached
from bench.report import Result, figures_of, machine_line, shown, wanted

_MET, _MISSED, _QUIET = "#1b7837", "#b2182b", "#555555"
_SHADES: Final = ("#9ecae1", "#4292c6", "#08519c", "#08306b")
_MARKS: Final = "o^sD"


def draw(result: Result, path: Path) -> None:
    """Draw a result into an SVG file, the same bytes for the same result."""
    figures = figures_of(result)
    targets = [each for each in figures if each.target is not None]
    spreads = latencies_of(figures)
    with mpl.rc_context({"svg.hashsalt": "holdfast", "font.size": 9, "svg.fonttype": "path"}):
        # A part of the suite may have measured no latencies.
        rows = [len(targets) + 2, *([len(spreads) + 2] if spreads else [])]
        sheet = Sheet(figsize=(10, 0.34 * sum(rows) + 0.9), layout="constrained")
        above, *below = sheet.subplots(len(rows), 1, height_ratios=rows, squeeze=False)[:, 0]
        _draw_targets(above, targets, " (in doubt)" if result["doubts"] else "")
        for axes in below:
            _draw_latencies(axes, spreads)
        sheet.supxlabel(machine_line(result).replace("; ", "\n"), fontsize=7, color=_QUIET)
        sheet.savefig(path, format="svg", facecolor="white", metadata={"Date": None})


def _draw_targets(axes: Axes, figures: list[Figure], doubt: str) -> None:
    title = f"Measured{doubt}, as a multiple of the target: right of the line it is met"
    axes.set_title(title, loc="left")
    for row, figure in enumerate(figures):
        place = reached(figure)
        if place is None:
            axes.text(1.05, row, "not measured", va="center", color=_QUIET, style="italic")
            continue
        value, low, high = (min(max(each, 0.05), 20) for each in place)
        colour = _MET if figure.is_met else _MISSED
        axes.plot([low, high], [row, row], color=colour, linewidth=5, alpha=0.3)
        axes.plot([value], [row], "o", color=colour, markersize=7)
        axes.annotate(
            f"{shown(figure).split(' (')[0]}",
            (value, row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=colour,
        )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(0.04, 25)
    axes.set_xticks([0.1, 0.25, 0.5, 1, 2, 4, 10], ["0.1", "¼", "½", "1", "2", "4", "10"])
    axes.set_yticks(range(len(figures)), [f"{each.name}\n({wanted(each)})" for each in figures])
    _tidy(axes, len(figures))


def _draw_latencies(axes: Axes, spreads: dict[str, list[float]]) -> None:
    axes.set_title("Latency in ms", loc="left")
    for row, values in enumerate(spreads.values()):
        for left, right in pairwise(values):
            axes.plot([left, right], [row, row], color=_SHADES[0], linewidth=2, zorder=1)
        for value, colour, mark in zip(values, _SHADES, _MARKS, strict=True):
            axes.scatter([value], [row], s=34, color=colour, marker=mark, zorder=2)
    for (name, _), colour, mark in zip(SPREAD, _SHADES, _MARKS, strict=True):
        axes.scatter([], [], s=34, color=colour, marker=mark, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(spreads)), list(spreads))
    axes.legend(loc="lower right", ncols=4, frameon=False, bbox_to_anchor=(1, 1), fontsize=8)
    _tidy(axes, len(spreads))


def _tidy(axes: Axes, rows: int) -> None:
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
