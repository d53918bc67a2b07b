"""What the figures share: a print style, the look of series, and byte-identical files.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart, without black (kept
for means) and with a darker yellow. A hatch, marker or line style repeats what a colour says, for
print in grey.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from basemodel.files import whole
from basemodel.metrics import load
from basemodel.models.catalog import architecture_title
from basemodel.statistics.scopes import ALL, SEVERAL

WIDTH = 7.2  # inches: the text width of A4 and letter, so that fonts do not shrink in print
PRINT = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # titles are literal, even "Cars $5" and "a_b^{c"
    "pdf.fonttype": 42,  # text stays text
    "svg.hashsalt": "basemodel",  # otherwise the ids in an SVG are random
}
LETTER = 0.062  # inches: the approximate width of a letter at 7 to 7.5 points
NO_DATES = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8F8500", "#777777"]
HATCHES = ["", "////", "....", "\\\\\\\\", "xxxx", "----", "oo", "++++"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p"]


def colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def hatch(i: int) -> str:
    """The hatch of series i, shifted with every cycle of the colours so that no pair recurs."""
    return HATCHES[(i + i // len(COLOURS)) % len(HATCHES)]


def marker(i: int) -> str:
    return MARKERS[i % len(MARKERS)]


def label(metric: str, oriented: bool = True) -> str:
    """Short and long name; `oriented`: with a minus where smaller is better."""
    module = load(metric)
    minus = "−" if oriented and not module.LARGER_IS_BETTER else ""
    name = module.NAME if module.LABEL in module.NAME else f"{module.LABEL}  {module.NAME}"
    return minus + name


def architecture(name: str) -> str:
    """Its title; models of all architectures may be ranked together."""
    return SEVERAL.capitalize() if name == ALL else architecture_title(name)


def key(**look) -> Line2D:
    """An entry of a legend that looks like this."""
    return Line2D([], [], **look)


def panels(
    count: int, columns: int, extra: float, row: float, **shared: bool
) -> tuple[Figure, list[Axes], list[Axes], list[Axes]]:
    """A figure with so many panels; all of them, those on the left, and the lowest of each column.

    extra, row: inches of height, of the figure and of each row of panels.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, extra + row * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **shared)
    for panel in grid.ravel()[count:]:
        panel.remove()
    used = list(grid.ravel()[:count])
    return figure, used, list(grid[:, 0]), used[max(0, count - columns) :]


def printed(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make `draw` create its figure in the print style."""

    @wraps(draw)
    def styled(*args, **kwargs) -> Figure:
        with mpl.rc_context(PRINT):
            return draw(*args, **kwargs)

    return styled


def save(figure: Figure, paths: dict[str, str | Path], dpi: int) -> None:
    """Write `figure` to the svg, pdf and png paths; equal figures give equal bytes."""
    with mpl.rc_context(PRINT):
        for kind, path in paths.items():
            with whole(path) as part:
                figure.savefig(part, format=kind, dpi=dpi, metadata=NO_DATES[kind])
