"""What the comparison of a table from elsewhere says, in sentences and a table of text."""

from collections.abc import Iterator, Mapping
from textwrap import wrap

import numpy as np
import pandas as pd

from basemodel.report.conclusions import TOO_WIDE, WIDTH, interval, number, points
from basemodel.statistics.outside import listed
from basemodel.statistics.regret import RANDOM
from basemodel.statistics.scopes import ALL, ONE, SEVERAL

INTERVALS = (
    "In brackets are 95 % intervals: other models and other targets might have been taken. Regret "
    "is the accuracy lost by taking a score's first choice, in percentage points. Kendall's "
    "weighted tau_w has weights by the ranks of accuracies alone, or (symmetric, SciPy's default) "
    "by those of accuracies and of scores."
)
NAMES = 40  # letters of a score's name
OVER = {
    SEVERAL: "All models of a target in one ranking, mean over targets:",
    ONE: "The models of one architecture, mean over architectures and targets:",
}


def summary(name: str, tables: Mapping[str, pd.DataFrame], notes: list[str]) -> Iterator[str]:
    """Lines of text. tables, notes: of outside.compare; name: of the table."""
    yield from wrap(f"{name}: {size(tables)}.", WIDTH)
    for note in notes:
        yield from wrap(note, WIDTH, initial_indent="- ", subsequent_indent="  ")
    yield ""
    yield from wrap(" ".join(answer(tables)), WIDTH)
    yield ""
    yield from wrap(INTERVALS, WIDTH)
    for scope in scopes(tables):
        yield ""
        if len(scopes(tables)) > 1:
            yield OVER[scope]
        yield from _means(tables, scope)


def _means(tables: Mapping[str, pd.DataFrame], scope: str) -> Iterator[str]:
    """A table of text."""
    rows = means(tables, scope)
    wide = max(len(row["metric"]) for row in rows) + 2
    titles = "score", "mean rho", "mean tau_w, accuracy", "symmetric", "regret"
    yield f"{titles[0]:{wide}}{titles[1]:24}{titles[2]:24}{titles[3]:>9}   {titles[4]}"
    for row in rows:
        line = f"{row['metric']:{wide}}{row['rho']:24}{row['tau_w']:24}{row['symmetric']:>9}"
        yield f"{line}   {row['regret']}".rstrip()
    ceiling = of(tables, scope)["ceiling"]["ceiling"]
    if ceiling.notna().any():
        yield f"{'ceiling':{wide}}{number(ceiling.mean())}"


def scopes(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """All models of a target, and if there are any, those of one architecture."""
    there = set(tables["mean_rho"]["scope"])
    return [scope for scope in (SEVERAL, ONE) if scope in there]


def of(tables: Mapping[str, pd.DataFrame], scope: str) -> dict[str, pd.DataFrame]:
    """The rows of one scope."""
    found = {}
    for name, table in tables.items():
        if "scope" in table:
            table = table[table["scope"] == scope]
        elif "architecture" in table:
            table = table[(table["architecture"] == ALL) == (scope == SEVERAL)]
        found[name] = table
    return found


def size(tables: Mapping[str, pd.DataFrame]) -> str:
    """`10 models, 8 targets, 9 scores`."""
    scores = tables["scores"]
    metrics = len(scores.columns) - list(scores).index("accuracy") - 1
    numbers = scores["model"].nunique(), scores["target"].nunique(), metrics
    return ", ".join(
        f"{n} {what}{'s' if n != 1 else ''}"
        for n, what in zip(numbers, ("model", "target", "score"), strict=True)
    )


def answer(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Sentences: which score has the highest mean ρ, and what it beats for certain."""
    yield from _of_all(of(tables, SEVERAL))
    within = of(tables, ONE)["mean_rho"].dropna(subset="mean_rho")
    if len(within):
        best = within.loc[within["mean_rho"].idxmax()]
        yield (
            f"Among models of one architecture, {best['metric']} has the highest: "
            f"{interval(best['mean_rho'], best['low'], best['high'])}."
        )


def _of_all(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    table = tables["mean_rho"].sort_values("mean_rho", ascending=False, kind="stable")
    table = table[table["mean_rho"].notna()]
    if table.empty:
        yield "No score has a defined rho: nothing can be compared."
        return
    width = (table["high"] - table["low"]).fillna(np.inf)
    if width.median() > TOO_WIDE:
        wide = f"is {width.median():.1f} wide, of 2 that are possible"
        known = "is unknown" if np.isinf(width.median()) else wide
        yield (
            f"TOO FEW TO CONCLUDE MUCH: the 95 % interval of a mean rho {known} (the median over "
            "scores)."
        )
    best = table.iloc[0]
    yield (
        f"{best['metric']} has the highest mean rho: "
        f"{interval(best['mean_rho'], best['low'], best['high'])}."
    )
    if unsure := [row.metric for row in table.itertuples() if np.isnan(row.low)]:
        yield (
            f"Nothing says how sure the mean rho of {listed(unsure)} is: too few models, or all of "
            "them in perfect order."
        )
    if tables["differences"].empty:
        return
    differences = tables["differences"].set_index("second")
    of_best = differences[differences["first"] == best["metric"]]
    beaten = of_best[of_best["low_all"] > 0]
    if len(beaten):
        said = [
            f"{row.Index} by {interval(row.difference, row.low_all, row.high_all)}"
            for row in beaten.itertuples()
        ]
        yield f"{best['metric']} beats {', '.join(said)}, whichever pair of scores one looks at."
    left = [m for m in table["metric"] if m in of_best.index and m not in beaten.index]
    if left:
        others = "any other score" if not len(beaten) else ", ".join(left)
        yield (
            f"{best['metric']} is not significantly different from {others}, if one allows for "
            "the choice among all pairs of scores."
        )
    alone = tables["differences"]
    real = int((alone["low_all"] > 0).sum())
    single = int((alone["low"] > 0).sum())
    yield (
        f"Of {len(alone)} differences between two scores, {real} {'is' if real == 1 else 'are'} "
        f"certain together, {single} if each were the only one."
    )


def means(tables: Mapping[str, pd.DataFrame], scope: str = SEVERAL) -> list[dict[str, str]]:
    """A row for each score and a random choice, best mean ρ first, as text."""
    tables = of(tables, scope)
    table = tables["mean_rho"].sort_values("mean_rho", ascending=False, kind="stable")
    regret = tables["mean_regret"].set_index("metric")
    rows = []
    for row in table.itertuples():
        texts = {"metric": shortened(row.metric), "rho": interval(row.mean_rho, row.low, row.high)}
        if row.metric in regret.index:
            lost = regret.loc[row.metric]
            taus = [lost[f"tau_w_accuracy{end}"] for end in ("", "_low", "_high")]
            texts |= {"tau_w": interval(*taus), "symmetric": number(lost["tau_w_symmetric"])}
            texts |= {"regret": points(lost)}
        else:
            texts |= {"tau_w": "-", "symmetric": "-", "regret": "-"}
        rows.append(texts | {"targets": str(row.cells)})
    empty = dict.fromkeys(("rho", "tau_w", "symmetric", "targets"), "")
    return [*rows, {**empty, "metric": "random choice", "regret": points(regret.loc[RANDOM])}]


def shortened(name: str) -> str:
    return name if len(name) <= NAMES else f"{name[: NAMES - 1]}…"
