"""The drawings of the ranking's page: scores against costs, and the small intervals of tables."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from basemodel.rank.ranking_json import Interval, Measured, RankedCandidate, Score
from basemodel.report import rank_words as words

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
MARK = 5  # half the side of a point with some air
# Where a label may go: its distance from the point, and which of its sides this is.
BESIDE = [(x, y, side) for y in (0, -6, 6, -11, 11) for x, side in ((7, "left"), (-7, "right"))]
POSITIONS = [*BESIDE, (0, -12, "center"), (0, 12, "center")]
BAR = 110  # the width of a small interval


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
    a point or another label, the rank takes its place, or nothing. Those that are not significantly
    different from the leader are dots, the others squares.
    """
    with mpl.rc_context(SCREEN):
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), layout="constrained")
        FigureCanvasAgg(figure)  # measures text
        panel = figure.subplots()
        for each in candidates:
            x, measured = each[cost], each["scores"][score["name"]]
            first = (each.get("group") or each["rank"]) == 1
            colour = COLOURS["first" if first else "other"]
            marker, size = ("o", 9) if first else ("s", 7)
            if measured.get("low") is not None:
                panel.vlines(x, measured["low"], measured["high"], colour, alpha=0.6)
            look = {"color": colour, "markersize": size, "markeredgewidth": 0}
            panel.plot(x, measured["value"], marker, **look, gid=f"rank{each['rank']}")
        _axes(panel, [each[cost] for each in candidates], score)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # labels move nothing
        _label(panel, [(each, each[cost], _measured(each, score)) for each in candidates], labels)
    return figure


def svg(figure: Figure, candidates: Sequence[RankedCandidate]) -> Markup:
    """What is within the <svg> of a scatter, with the names of `candidates` to hover over."""
    file = io.StringIO()
    with mpl.rc_context(SCREEN), no_glyph_warnings():
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    text = re.sub(r"\A.*?<svg[^>]*>|</svg>\s*\Z", "", file.getvalue(), flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # would be the whole page's
    for each in candidates:
        title = f"<g><title>{each['rank']}. {escape(each['name'])}</title>"
        text = text.replace(f'<g id="rank{each["rank"]}">', title)
    text = re.sub(r'<g id="[\w.]+"', "<g", text)  # ids would recur in the next drawing
    for name, colour in COLOURS.items():
        text = text.replace(f": {colour}", f": var(--{name})")
    return Markup(text)


def _measured(each: RankedCandidate, score: Score) -> float | None:
    return (each["scores"].get(score["name"]) or {}).get("value")


def _axes(panel: Axes, costs: Sequence[float], score: Score) -> None:
    low, high = min(costs), max(costs)
    air = max((high / low) ** 0.08, 1.15)
    panel.set_xscale("log")
    panel.set_xlim(low / air, high * air)
    heads = (1, 2, 5) if high / low < 1000 else (1,)
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
    panel: Axes, points: list[tuple[RankedCandidate, float, float]], labels: Mapping[str, str]
) -> None:
    """The best candidates choose first."""
    centres = panel.transData.transform([(x, y) for _, x, y in points])
    taken = [Bbox([centre - MARK, centre + MARK]) for centre in centres]
    (left, bottom), (right, top) = panel.bbox.min, panel.figure.bbox.max
    for each, *point in points:
        tried = [(text, *at) for text in (labels[each["slug"]], each["rank"]) for at in POSITIONS]
        for text, x, y, side in tried:
            drawn = panel.annotate(
                text, point, (x, y), textcoords="offset points", ha=side, va="center"
            )
            with no_glyph_warnings():
                box = drawn.get_window_extent()
            inside = left <= box.x0 and bottom <= box.y0 and box.x1 <= right and box.y1 <= top
            if inside and not box.count_overlaps(taken):
                taken.append(box)
                break
            drawn.remove()


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


def bar(
    measured: Measured | Interval | None, scale: tuple[float, float]
) -> dict[str, float | None] | None:
    """Where a small interval has its value, its ends (the value if unknown), and zero."""
    if not measured or measured.get("value") is None:
        return None
    low, high = scale

    def at(value: float) -> float:
        return round(4 + (BAR - 8) * (value - low) / ((high - low) or 1), 1)

    ends = {key: measured.get(key) for key in ("value", "low", "high")}
    found = {key: at(measured["value"] if end is None else end) for key, end in ends.items()}
    return {**found, "zero": at(0) if low <= 0 <= high else None}
