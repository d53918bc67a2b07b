"""The drawings of the ranking's page: scores against costs, and the small intervals of tables."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Literal

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from basemodel.report import rank_words as words
from basemodel.selection.ranking_json import Interval, Measured, RankedCandidate, Score

WIDTH, HEIGHT = 360, 280  # points, of which the page makes its own units
SCREEN = {
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans"],  # as wide as the page's fonts, or wider
    "figure.dpi": 72,  # pixels are points
    "text.parse_math": False,  # names are literal
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "basemodel",  # otherwise the ids are random
}
# Stand for the page's colours, which differ in the dark; text gets its colour from the page.
COLOURS = {"first": "#010000", "other": "#020000", "line": "#030000"}
NO_METADATA = dict.fromkeys(["Creator", "Date", "Format", "Type"])
# For letters that matplotlib's font lacks: the reader's browser has others.
no_glyph_warnings = partial(warnings.catch_warnings, action="ignore")
LABEL = 26  # letters
LABELLED = 40  # candidates: of more, only the best have a label and an interval
MARK = 5  # half the side of a point with some air
# Where a label may go: its distance from the point, and which of its sides this is.
BESIDE = [(x, y, side) for y in (0, -6, 6, -11, 11) for x, side in ((7, "left"), (-7, "right"))]
POSITIONS = [*BESIDE, (0, -12, "center"), (0, 12, "center")]
EDGE = 4  # per cent of a small interval's width that are left free at its ends


def drawable(
    candidates: Sequence[RankedCandidate], score: Score, cost: str
) -> list[RankedCandidate]:
    """The candidates that have both a score and a cost (a field)."""
    return [each for each in candidates if each[cost] and _measured(each, score) is not None]


def scatter(
    candidates: Sequence[RankedCandidate], score: Score, cost: str, labels: Mapping[str, str]
) -> Figure:
    """The score with its interval (upward) against the cost (logarithmic).

    candidates: those that `drawable` finds, best first; labels: by slug. Where a label would cover
    a point or another label, the rank takes its place, or nothing. What may be the best is a dot,
    the others are squares.
    """
    smaller = 0.6 if len(candidates) > LABELLED else 1
    firsts = [_may_be_first(each) for each in candidates]
    points = [(each[cost], _measured(each, score)) for each in candidates]
    with mpl.rc_context(SCREEN):
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
        FigureCanvasAgg(figure)  # measures text
        panel = figure.subplots()
        for each, first in list(zip(candidates, firsts, strict=True))[:LABELLED]:
            measured, colour = each["scores"][score["name"]], COLOURS[first]
            if measured.get("low") is not None:
                panel.vlines(each[cost], measured["low"], measured["high"], colour, alpha=0.6)
        for kind, marker, size in (("other", "s", 7), ("first", "o", 9)):
            of_kind = [point for point, first in zip(points, firsts, strict=True) if first == kind]
            look = {"color": COLOURS[kind], "markersize": smaller * size, "markeredgewidth": 0}
            if of_kind:
                panel.plot(*zip(*of_kind, strict=True), marker, **look, gid=kind)
        _axes(panel, [each[cost] for each in candidates], score)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # labels move nothing
        _label(panel, candidates, points, labels)
    return figure


def svg(figure: Figure, candidates: Sequence[RankedCandidate]) -> Markup:
    """What is within the <svg> of a scatter, with the names of `candidates` to hover over."""
    file = io.StringIO()
    with mpl.rc_context(SCREEN), no_glyph_warnings():
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    text = re.sub(r"\A.*?<svg[^>]*>|</svg>\s*\Z", "", file.getvalue(), flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # would be the whole page's
    for kind in ("first", "other"):
        titles = (
            f"<title>{each['rank']}. {escape(each['name'])}</title></use>"
            for each in candidates
            if _may_be_first(each) == kind
        )
        start, group, rest = text.partition(f'<g id="{kind}">')
        points, end, rest = rest.partition("</g>\n  </g>")
        points = re.sub(r"(<use[^>]*)/>", lambda found, of=titles: f"{found[1]}>{next(of)}", points)
        text = start + group + points + end + rest
    text = re.sub(r'<g id="[\w.]+"', "<g", text)  # ids would recur in the next drawing
    for name, colour in COLOURS.items():
        text = text.replace(f": {colour}", f": var(--{name})")
    return Markup(text)


def _may_be_first(each: RankedCandidate) -> Literal["first", "other"]:
    possible = each.get("possible_best")
    return "first" if (each["rank"] == 1 if possible is None else possible) else "other"


def _measured(each: RankedCandidate, score: Score) -> float | None:
    return (each["scores"].get(score["name"]) or {}).get("value")


def _axes(panel: Axes, costs: Sequence[float], score: Score) -> None:
    low, high = min(costs), max(costs)
    air = max((high / low) ** 0.08, 1.15)
    panel.set_xscale("log")
    panel.set_xlim(low / air, high * air)
    heads = (1, 2, 5) if high / low < 200 else (1,)  # as many as have room
    panel.xaxis.set_major_locator(
        MaxNLocator(4, steps=[1, 2, 5, 10]) if high / low < 6 else LogLocator(subs=heads)
    )
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: words.magnitude(x)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: words.amount(score, y, unit=False)))
    panel.tick_params(length=0)
    panel.grid(color=COLOURS["line"], linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[:].set_visible(False)


def _label(
    panel: Axes,
    candidates: Sequence[RankedCandidate],
    points: Sequence[tuple[float, float]],
    labels: Mapping[str, str],
) -> None:
    """The best candidates choose first."""
    centres = panel.transData.transform(points)
    taken = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in centres.tolist()]
    (left, bottom), (right, top) = panel.bbox.min, panel.figure.bbox.max
    chosen = list(zip(candidates, points, centres.tolist(), strict=True))[:LABELLED]
    for each, point, centre in chosen:
        tried = (
            (text, *size, *position)
            for text in (labels[each["slug"]], str(each["rank"]))
            for size in [_size(panel, text)]
            for position in POSITIONS
        )
        for text, width, height, x, y, side in tried:
            x0 = centre[0] + x - {"left": 0, "center": width / 2, "right": width}[side]
            y0 = centre[1] + y - height / 2
            x1, y1 = x0 + width, y0 + height
            inside = left <= x0 and bottom <= y0 and x1 <= right and y1 <= top
            if inside and not any(a < x1 and x0 < c and b < y1 and y0 < d for a, b, c, d in taken):
                taken.append((x0, y0, x1, y1))
                at = {"xytext": (x, y), "textcoords": "offset points", "ha": side, "va": "center"}
                panel.annotate(text, point, **at)
                break


def _size(panel: Axes, text: str) -> tuple[float, float]:
    """The width and height of a label."""
    drawn = panel.annotate(text, (0.5, 0.5), xycoords="axes fraction", va="center")
    with no_glyph_warnings():
        box = drawn.get_window_extent()
    drawn.remove()
    return box.width, box.height


def short_names(candidates: Sequence[RankedCandidate]) -> dict[str, str]:
    """A label for each slug: the architecture, with its weights or its source if it needs them.

    A file of weights has its own name.
    """
    forms = {}
    for each in candidates:
        name, of_file = each["name"], each["name"].startswith("file:")
        plain, architecture = (
            text.partition(":")[2] or text for text in (name, each["architecture"])
        )
        forms[each["slug"]] = [plain if of_file else architecture, plain, name]
    counts = [Counter(names) for names in zip(*forms.values(), strict=True)]
    labels = {}
    for slug, names in forms.items():
        unique = [name for name, count in zip(names, counts, strict=True) if count[name] == 1]
        label, half = [*unique, names[-1]][0], LABEL // 2
        labels[slug] = label if len(label) <= LABEL else f"{label[: half - 1]}…{label[-half:]}"
    return labels


def bar_scale(measured: Iterable[Measured | Interval | None], *more: float) -> tuple[float, float]:
    """The lowest and the highest value of small intervals that are to be comparable."""
    ends = [each.get(key) for each in measured if each for key in ("value", "low", "high")]
    known = [*more, *(end for end in ends if end is not None)] or [0.0, 1.0]
    return min(known), max(known)


def bar(measured: Measured | Interval | None, scale: tuple[float, float]) -> str | None:
    """CSS that says where a small interval has its value, its ends (the value if unknown), and
    zero if it is in sight."""
    if not measured or measured.get("value") is None:
        return None
    low, high = scale

    def at(value: float) -> str:
        return f"{EDGE + (100 - 2 * EDGE) * (value - low) / ((high - low) or 1):.3g}%"

    ends = {key: measured.get(key) for key in ("value", "low", "high")}
    found = {key: at(measured["value"] if end is None else end) for key, end in ends.items()}
    if low <= 0 <= high:
        found["zero"] = at(0)
    return ";".join(f"--{key}:{place}" for key, place in found.items())
