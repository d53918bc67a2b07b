"""The outcome of an experiment as a page of text, at most 100 columns wide."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import pandas as pd

from basemodel.models.catalog import architecture_title
from basemodel.statistics import published
from basemodel.statistics.pairs import best_row
from basemodel.statistics.spearman import HIGH
from basemodel.tables import require_fractions

# If the networks learned nothing, or all equally well, the experiment cannot rank them
SOURCE_RATIO, SOURCE_CAP = 5, 0.60  # median source accuracy ≥ the smaller of 5 × chance and 60 %
TARGET_RATIO = 3  # mean fine-tuned accuracy ≥ 3 × chance
TARGET_SPAN = 0.10  # best minus worst fine-tuned accuracy ≥ 10 points

METRICS_A_ROW = 8  # in the table of ρ, within 100 columns
PUBLISHED = {  # as a row of the pairs
    "first": published.FIRST,
    "second": published.SECOND,
    "alpha": published.ALPHA,
    "mean_rho": published.MEAN_RHO,
    "variance_rho": published.VARIANCE_RHO,
    "max_rho": published.MAX_RHO,
    "max_architecture": published.MAX_CELL[0],
    "max_target": published.MAX_CELL[1],
    "min_rho": published.MIN_RHO,
    "min_architecture": published.MIN_CELL[0],
    "min_target": published.MIN_CELL[1],
    "cells": 24,
}


def summarise(
    base_models: pd.DataFrame,
    fine_tuning: pd.DataFrame,
    targets: pd.DataFrame,
    correlation: pd.DataFrame,
    pairs: pd.DataFrame,
    conclusions: Iterable[str],
    comparable: bool,
    why: str,
    mixed_versions: Sequence[str] = (),
) -> str:
    """Whether the experiment is informative, every ρ, the best pair, and which metric to believe.

    base_models: architecture, policy, classes, test_accuracy; fine_tuning: architecture, target,
    accuracy; targets: target, title, classes; correlation: from correlation.correlation_table;
    pairs: from pairs.search; conclusions: the lines of conclusions.conclusions. Accuracies are
    fractions. `comparable`: whether source, targets and settings are the paper's; `why` gives the
    reason. `mixed_versions`: from versions.mixed; the section on versions is left out if it is
    empty.
    Raises ValueError, naming the row, if an accuracy is missing or not a fraction.
    """
    keys = ["architecture", "target", "subset"]
    require_fractions(fine_tuning, "accuracy", keys, "fine-tuning accuracies")
    require_fractions(base_models, "test_accuracy", ["architecture", "subset"], "base models")
    titles = dict(zip(targets["target"], targets["title"], strict=True))
    source_lines, source_met = _sources(base_models)
    target_lines, target_met = _targets(fine_tuning, targets)
    met = source_met + target_met
    bounds = f"Bounds NOT MET: {met.count(False)} of {len(met)}."
    if all(met):
        bounds = f"All {len(met)} bounds are met."
    sections = {
        "DO THE NETWORKS DIFFER, AND DID THEY LEARN?": [
            *source_lines, "", *target_lines, "", bounds
        ],
        "SPEARMAN'S RHO BETWEEN METRIC AND FINE-TUNED ACCURACY": _correlations(
            correlation, titles, comparable
        ),
        "THE BEST PAIR OF METRICS, (1-alpha) * first + alpha * second": _best_pair(pairs, titles),
        "WHICH METRIC TO BELIEVE, AND HOW FAR": conclusions,
    }  # fmt: skip
    if mixed_versions:
        sections["MADE WITH SEVERAL VERSIONS OF PACKAGES"] = _mixed(mixed_versions)
    lines = []
    for number, (title, content) in enumerate(sections.items(), start=1):
        lines += [f"{number}. {title}", "", *content, ""]
    comparison = f"Comparable with the published numbers: {'yes' if comparable else 'NO'}: {why}"
    return "".join(f"{line.rstrip()}\n" for line in [*lines, *wrap(comparison, 100)])


def _at_least(value: float, bound: float) -> bool:
    """Whether a bound is met, allowing for rounding (0.6 − 0.5 < 0.1)."""
    return bool(value >= bound - 1e-9)


def _met(met: bool) -> str:
    return "met" if met else "NOT MET"


def _sources(base_models: pd.DataFrame) -> tuple[list[str], list[bool]]:
    """Lines of text, and for each bound whether it is met."""
    lines = [
        "Source tasks: test accuracy, the median over the subsets of a policy.",
        f"Bound: {SOURCE_RATIO} x chance, or {SOURCE_CAP:.0%} if that is less.",
        f"{'architecture':14}{'policy':12}{'models':>8}{'median':>9}{'chance':>9}{'bound':>9}",
    ]
    met = []
    by = ["architecture", "policy"]
    for (architecture, policy), group in base_models.groupby(by, sort=False):
        median = group["test_accuracy"].median()
        chance = (1 / group["classes"]).median()
        bound = min(SOURCE_RATIO * chance, SOURCE_CAP)
        met.append(_at_least(median, bound))
        lines.append(
            f"{architecture_title(architecture):14}{policy:12}{len(group):8}"
            f"{median:9.2%}{chance:9.2%}{bound:9.2%}   {_met(met[-1])}"
        )
    return lines, met


def _targets(fine_tuning: pd.DataFrame, targets: pd.DataFrame) -> tuple[list[str], list[bool]]:
    """Lines of text, and for each bound, two per cell, whether it is met."""
    classes = dict(zip(targets["target"], targets["classes"], strict=True))
    titles = dict(zip(targets["target"], targets["title"], strict=True))
    points = f"{100 * TARGET_SPAN:.0f} points"
    lines = [
        "Target tasks: fine-tuned accuracy over the base models of an architecture.",
        f"Bounds: mean at least {TARGET_RATIO} x chance; best less worst at least {points}.",
        f"{'architecture':14}{'target':24}{'mean':>8}{'chance':>8}{'ratio':>7}{'':10}{'points':>8}",
    ]
    met = []
    by = ["architecture", "target"]
    for (architecture, target), group in fine_tuning.groupby(by, sort=False):
        mean, chance = group["accuracy"].mean(), 1 / classes[target]
        span = group["accuracy"].max() - group["accuracy"].min()
        learned = _at_least(mean, TARGET_RATIO * chance)
        differ = _at_least(span, TARGET_SPAN)
        met += [learned, differ]
        lines.append(
            f"{architecture_title(architecture):14}{titles[target][:23]:24}{mean:8.2%}{chance:8.2%}"
            f"{mean / chance:7.1f} {_met(learned):9}{100 * span:8.1f} {_met(differ)}"
        )
    return lines, met


def _correlations(
    correlation: pd.DataFrame, titles: dict[str, str], comparable: bool
) -> Iterator[str]:
    yield "Metrics of which smaller is better are negated, as in the published Figure 2."
    yield f"* marks |rho| of at least {HIGH}; a dash, a rho that is undefined."
    metrics = list(dict.fromkeys(correlation["metric"]))
    rho = correlation.set_index(["architecture", "target", "metric"])["rho"]
    cells = list(dict.fromkeys(rho.index.droplevel("metric")))
    for start in range(0, len(metrics), METRICS_A_ROW):
        row = metrics[start : start + METRICS_A_ROW]
        yield ""
        yield f"{'architecture':14}{'target':22}" + "".join(f"{m[:7]:>7} " for m in row)
        for architecture, target in cells:
            yield f"{architecture_title(architecture):14}{titles[target][:21]:22}" + "".join(
                _rho(rho[architecture, target, metric]) for metric in row
            )
        for architecture in dict.fromkeys(architecture for architecture, _ in cells):
            signs = published.SIGNS.get(architecture, {}) if comparable else {}
            if signs:
                yield f"{architecture_title(architecture):14}{'published sign':22}" + "".join(
                    f"{signs.get(metric, ''):>7} " for metric in row
                )
    defined = correlation["rho"].notna()
    high = (correlation["rho"].abs() >= HIGH).groupby(correlation["metric"], sort=False).sum()
    yield ""
    yield (
        f"|rho| >= {HIGH}: {high.sum()} of {defined.sum()}, "
        f"{len(correlation) - defined.sum()} more being undefined"
    )
    yield from wrap(", ".join(f"{metric} {high[metric]}" for metric in metrics), 100)


def _rho(value: float) -> str:
    return f"{'-':>7} " if pd.isna(value) else f"{value:7.3f}{'*' if abs(value) >= HIGH else ' '}"


def _best_pair(pairs: pd.DataFrame, titles: dict[str, str]) -> Iterator[str]:
    best = best_row(pairs)
    if (pairs["second"] == "").all():
        yield "One metric makes no pair."
        return
    if best is None:
        yield "No pair of metrics has a defined rho."
        return
    singles = pairs[pairs["second"] == ""]
    single = singles.sort_values("mean_rho", ascending=False, kind="stable").iloc[0]
    yield f"{'':22}{'this experiment':38}published"
    theirs = _pair(PUBLISHED, titles={})
    for label, here in _pair(best, titles).items():
        yield f"{label:22}{here:38}{theirs[label]}"
    yield ""
    yield "The variance is that of the population of cells. Pair and alpha were chosen on the cells"
    yield "that they are reported on, and so look better than they would on a new target."
    yield f"Best single metric: {single['first']}, mean rho {single['mean_rho']:.4f}"


def _pair(row: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, str]:
    """A row of the pairs in words, by what they say."""
    ends = {
        name: f"{row[f'{end}_rho']:.4f} {architecture_title(row[f'{end}_architecture'])}, "
        f"{titles.get(row[f'{end}_target'], row[f'{end}_target'])[:18]}"
        for name, end in (("maximum", "max"), ("minimum", "min"))
    }
    return {
        "pair": f"{row['first']}, {row['second']}",
        "alpha": f"{row['alpha']:g}",
        "mean rho": f"{row['mean_rho']:.4f}",
        "variance": f"{row['variance_rho']:.6f}",
        **ends,
        "cells": str(row["cells"]),
    }


def _mixed(versions: Sequence[str]) -> Iterator[str]:
    for line in versions:
        yield from wrap(line, 100, subsequent_indent="    ")
    yield ""
    yield "`snakemake --cores all --forcerun $(snakemake stale)`, both with this experiment's"
    yield "--configfile, recomputes results made with other versions than those installed."
