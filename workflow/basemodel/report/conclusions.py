"""What the comparison of metrics says, in sentences; no claim without its 95 % interval."""

from collections.abc import Collection, Iterator
from textwrap import wrap

import numpy as np
import pandas as pd

from basemodel.metrics import STATIC, family
from basemodel.statistics.regret import RANDOM
from basemodel.statistics.scopes import ALL, ONE, SCOPES, SEVERAL

WIDTH = 100
OVER = {
    ONE: "Over the base models of one architecture, mean over {cells} cells of {targets} targets",
    SEVERAL: "Over all base models of a target in one ranking, mean over {targets} targets",
}
TOO_WIDE = 1  # half of −1 to 1: such an interval does not tell a useless metric from a perfect one


def too_few(mean_rho: pd.DataFrame, correlation: pd.DataFrame) -> Iterator[str]:
    """Lines that say so if half of the intervals of mean ρ are too wide, or there are none.

    mean_rho: of scripts/comparison.py; correlation: of scripts/correlation.py.
    """
    width = (mean_rho["high"] - mean_rho["low"]).fillna(np.inf).median()
    if width <= TOO_WIDE:
        return
    models, targets = correlation["n"].max(), correlation["target"].nunique()
    found = "is unknown" if np.isinf(width) else f"is {width:.1f} wide, of 2 that are possible"
    yield from wrap(
        f"TOO FEW TO CONCLUDE ANYTHING: base models of an architecture: {models}; targets: "
        f"{targets}. The 95 % interval of a mean rho {found} (the median over metrics). The "
        "numbers below show that the workflow works, not which metric does.",
        WIDTH,
    )
    yield ""


def conclusions(
    mean_rho: pd.DataFrame,
    differences: pd.DataFrame,
    mean_regret: pd.DataFrame,
    ceiling: pd.DataFrame,
    paper: Collection[str],
) -> Iterator[str]:
    """Lines of text, at most 100 columns wide.

    mean_rho, differences, mean_regret: of scripts/comparison.py; ceiling: of scripts/ceiling.py;
    paper: the metrics of the pairs.
    """
    yield from wrap(
        "In brackets are 95 % intervals: other source tasks and other targets might have been "
        "taken; the architectures are fixed. Each interval stands alone: of many that are compared "
        "with 0, one in twenty misses. Regret is the accuracy lost by taking a metric's first "
        "choice, in percentage points. Within kinds is rho among base models of one kind of source "
        "task (such as a tenth of all classes), averaged over kinds.",
        WIDTH,
    )
    for scope in SCOPES:
        if scope in set(mean_rho["scope"]):
            pooled = ceiling[(ceiling["architecture"] == ALL) == (scope == SEVERAL)]
            yield ""
            targets = pooled["target"].nunique()
            yield OVER[scope].format(cells=len(pooled), targets=targets) + ":"
            compared = [t[t["scope"] == scope] for t in (mean_rho, differences, mean_regret)]
            yield from _scope(*compared, pooled, paper)


def _scope(
    mean_rho: pd.DataFrame,
    differences: pd.DataFrame,
    mean_regret: pd.DataFrame,
    ceiling: pd.DataFrame,
    paper: Collection[str],
) -> Iterator[str]:
    table = mean_rho.sort_values("mean_rho", ascending=False, kind="stable")
    lost = mean_regret.set_index("metric")
    yield f"{'metric':18}{'rho':24}{'within kinds':24}{'stability':>10}   regret"
    for row in table.itertuples():
        yield (
            f"{row.metric:18}{interval(row.mean_rho, row.low, row.high):24}"
            f"{interval(row.mean_within, row.within_low, row.within_high):24}"
            f"{number(row.stability):>10}   {points(lost.loc[row.metric])}"
        )
    yield f"{'random choice':76}   {points(lost.loc[RANDOM])}"
    means = ceiling[["ceiling", "ceiling_within"]].mean()
    yield f"{'ceiling':18}{number(means['ceiling']):24}{number(means['ceiling_within']):24}"
    yield ""
    defined = table[table["mean_rho"].notna()]
    if defined.empty:
        yield "No metric has a defined mean rho."
        return
    yield from wrap(_best(defined, differences, paper), WIDTH)


def _best(table: pd.DataFrame, differences: pd.DataFrame, paper: Collection[str]) -> str:
    """What the metric with the highest mean beats, and what differs from it too little."""
    best = table.iloc[0]["metric"]
    beaten, open_ = [], []
    of_best = differences[differences["first"] == best].set_index("second")
    for metric in table["metric"].iloc[1:]:
        row = of_best.loc[metric]
        said = f"{metric} ({interval(row.difference, row.low, row.high, plain=True)})"
        (beaten if row.low > 0 else open_).append(said)
    text = f"{best} has the highest mean rho. "
    if beaten:
        text += f"It beats {', '.join(beaten)}. "
    if open_:
        text += f"It is not significantly different from {', '.join(open_)}. "
    static = [m for m in table["metric"] if family(m, paper) == STATIC]
    if static and static[0] != best:
        text += f"The best static baseline is {static[0]}."
    return text.strip()


def held_out(optimism: pd.DataFrame) -> Iterator[str]:
    """What is left of the best pair where it was not chosen; optimism: of scripts/held_out.py."""
    rows = optimism.set_index(["left_out", "what"])
    if optimism.empty or optimism["in_sample"].isna().all():
        yield "No pair was chosen, so there is nothing to hold out."
        return
    gain = rows.loc[("target", "gain")]
    text = (
        f"The pair is better than its better half by {_named(gain, 'in_sample')} on the cells that "
        "it was chosen on. "
    )
    for left_out in dict.fromkeys(optimism["left_out"]):
        gain, pair = rows.loc[(left_out, "gain")], rows.loc[(left_out, "pair")]
        if np.isnan(gain["held_out"]):
            continue
        text += (
            f"Chosen without one {left_out} and judged on it, the gain is "
            f"{_named(gain, 'held_out')}, and the mean rho of the pair {_named(pair, 'held_out')}: "
            f"an optimism of {_named(pair, 'optimism')}. "
        )
    yield from wrap(text.strip(), WIDTH)


def _named(row: pd.Series, name: str) -> str:
    return interval(row[name], row[f"{name}_low"], row[f"{name}_high"])


def interval(value: float, low: float, high: float, plain: bool = False) -> str:
    """`0.80 (0.75 to 0.84)`, or with a comma for use within brackets; a dash if undefined."""
    if np.isnan(value):
        return "-"
    if np.isnan(low) or np.isnan(high):
        return number(value)
    ends = f"{low:.2f} to {high:.2f}"
    return f"{value:.2f}, {ends}" if plain else f"{value:.2f} ({ends})"


def number(value: float) -> str:
    """`0.80`, or a dash if undefined."""
    return "-" if np.isnan(value) else f"{value:.2f}"


def points(row: pd.Series) -> str:
    """The mean regret of a first choice, with its interval; row: of mean_regret_table."""
    value, low, high = row["regret_1"], row["regret_1_low"], row["regret_1_high"]
    if np.isnan(low):
        return f"{value:.1f}"
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
