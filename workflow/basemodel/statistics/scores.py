"""Spearman's ρ between a metric and the fine-tuned accuracy, over base models (docs/paper.md).

A *cell* is one (architecture, target); its ρ is taken over the base models of that architecture.
Every metric is turned so that larger is better before ρ, as in the published Figure 2.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from basemodel.metrics import sign
from basemodel.statistics.bootstrap import draw_counts, drawn_ranks, interval, rho_of_draws
from basemodel.statistics.spearman import p_value, spearman
from basemodel.tables import read_csv, require_fractions

# Tables of a metric's values, one for each (metric, architecture, target).
Values = dict[tuple[str, str, str], pd.DataFrame]


def of_job(job: Any) -> tuple[pd.DataFrame, Values]:
    """What a rule's job (its `snakemake` object) compares: `gather`'s table, and the values in it.

    Inputs: fine_tuning, base_models and metrics, csv as `gather` takes them, the latter one for
    each of the cells, in that order. Settings: cells, a list of [metric, architecture, target];
    architectures; targets; metrics. Raises as `gather` does.
    """
    given, settings = job.input, job.params.settings
    values = {
        tuple(cell): read_csv(path)
        for cell, path in zip(settings["cells"], given.metrics, strict=True)
    }
    fine_tuning, base_models = read_csv(given.fine_tuning), read_csv(given.base_models)
    compared = (settings[key] for key in ("architectures", "targets", "metrics"))
    return gather(fine_tuning, base_models, values, *compared), values


def gather(
    fine_tuning: pd.DataFrame,
    base_models: pd.DataFrame,
    values: Values,
    architectures: Sequence[str],
    targets: Sequence[str],
    metrics: Sequence[str],
) -> pd.DataFrame:
    """One row per fine-tuning: architecture, target, subset, policy, accuracy and raw metrics.

    fine_tuning: architecture, target, subset, accuracy (0 to 1); base_models: architecture,
    subset, policy; values: for each (metric, architecture, target) a table of subset, value.
    Rows are ordered by architecture, target and subset, the subsets in the order of base_models.
    Raises ValueError, naming the row, if one is missing or duplicated or an accuracy is not a
    fraction.
    """
    keys = ["architecture", "target", "subset"]
    require_fractions(fine_tuning, "accuracy", keys, "fine-tuning accuracies")
    subsets = list(dict.fromkeys(base_models["subset"]))
    policy = _column(base_models, ["architecture", "subset"], "policy", "base models")
    accuracy = _column(fine_tuning, keys, "accuracy", "fine-tuning accuracies")
    scores = {
        cell: _column(table, ["subset"], "value", "values of " + ", ".join(cell))
        for cell, table in values.items()
    }
    rows = []
    for architecture, target, subset in product(architectures, targets, subsets):
        row = {
            "architecture": architecture,
            "target": target,
            "subset": subset,
            "policy": _get(policy, (architecture, subset), "base models"),
            "accuracy": _get(accuracy, (architecture, target, subset), "fine-tuning accuracies"),
        }
        for metric in metrics:
            cell = (metric, architecture, target)
            column = _get(scores, cell, "metrics")
            row[metric] = _get(column, (subset,), "values of " + ", ".join(cell))
        rows.append(row)
    return pd.DataFrame(rows)


def _column(table: pd.DataFrame, keys: list[str], value: str, what: str) -> dict[tuple, object]:
    doubled = table.duplicated(keys)
    if doubled.any():
        first = table.loc[doubled, keys].iloc[0]
        raise ValueError(f"{what}: two rows for {', '.join(map(str, first))}")
    return dict(zip(table[keys].itertuples(index=False, name=None), table[value], strict=True))


def _get(column: dict, key: tuple[str, ...], what: str) -> object:
    if key not in column:
        raise ValueError(f"{what}: no row for {', '.join(key)}")
    return column[key]


def cell_names(architectures: Sequence[str], targets: Sequence[str]) -> list[tuple[str, str]]:
    """The (architecture, target) cells, in the order of every array over cells."""
    return list(product(architectures, targets))


def by_cell(scores: pd.DataFrame, column: str) -> np.ndarray:
    """One column of gather's table as float64 [cells, models]."""
    cells = scores[["architecture", "target"]].drop_duplicates()
    return scores[column].to_numpy(np.float64).reshape(len(cells), -1)


def oriented(scores: pd.DataFrame, metric: str) -> np.ndarray:
    """A metric turned so that larger is better, float64 [cells, models]."""
    return sign(metric) * by_cell(scores, metric)


def rho_table(
    scores: pd.DataFrame, metrics: Sequence[str], draws: int, seed: object
) -> pd.DataFrame:
    """ρ of each metric in each cell: one row per (architecture, target, metric).

    draws, seed: of bootstrap.draw_counts.
    Columns: architecture, target, metric; rho, of the metric turned so that larger is better;
    low and high, the ends of its 95 % interval over base models (bootstrap.interval);
    p_value, two-sided; n, the number of base models; and rho_<policy>, ρ among the base models
    of one subset policy alone. A ρ is NaN (an empty field in CSV) where metric or accuracy is
    constant or the metric is undefined.
    """
    cells = scores[["architecture", "target"]].drop_duplicates()
    policies = sorted(scores["policy"].unique())
    policy_of = scores["policy"].to_numpy().reshape(len(cells), -1)
    accuracy = by_cell(scores, "accuracy")
    values = {metric: oriented(scores, metric) for metric in metrics}
    counts = draw_counts(accuracy.shape[1], draws, seed)
    drawn = drawn_ranks(accuracy, counts)
    ends = {
        metric: interval(rho_of_draws(drawn_ranks(value, counts), drawn, counts))
        for metric, value in values.items()
    }
    rows = []
    for c, (architecture, target) in enumerate(cells.itertuples(index=False, name=None)):
        for metric in metrics:
            x, y = values[metric][c], accuracy[c]
            rho = float(spearman(x, y))
            row = {"architecture": architecture, "target": target, "metric": metric}
            low, high = ends[metric][:, c]
            row |= {"rho": rho, "low": low, "high": high}
            row |= {"p_value": p_value(rho, len(x)), "n": len(x)}
            for policy in policies:
                chosen = policy_of[c] == policy
                row[f"rho_{policy}"] = float(spearman(x[chosen], y[chosen]))
            rows.append(row)
    return pd.DataFrame(rows)
