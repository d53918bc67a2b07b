"""Pools: base models that are ranked against each other, with their accuracies and metrics.

A pool is a cell, (architecture, target), or a target's base models of all architectures together.
The user's question is the second one; the paper's comparison is the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from basemodel.metrics import depends_on_pool, sign, values_in_pool
from basemodel.statistics.bootstrap import resample
from basemodel.statistics.scopes import ALL, ONE, SEVERAL, cell_names
from basemodel.tables import read_csv, read_tables, require_fractions

VALUE, HALVES = "value", ("value_even", "value_odd")
KEYS = ["architecture", "target", "subset"]


@dataclass(frozen=True)
class Pools:
    """Pools of equal size: arrays [pools, models], models by architecture, then source task."""

    scope: str
    names: list[tuple[str, str]]  # (architecture or "all", target)
    subsets: list[str]  # the source tasks
    policies: np.ndarray  # the policy of each model's source task, str [models]
    accuracy: np.ndarray  # 0 to 1, float64 [pools, models]
    # Of each metric: what its tables have, as it is: value, halves and what else it returns
    columns: dict[str, dict[str, np.ndarray]]

    @property
    def targets(self) -> np.ndarray:
        """The target of each pool."""
        return np.array([target for _, target in self.names])

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Each metric oriented so that larger is better, float64 [pools, models]."""
        return {metric: self._oriented(metric, VALUE) for metric in self.columns}

    def halves(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """An oriented metric on the even and on the odd probe images; NaN where that is unknown."""
        even, odd = (self._oriented(metric, half) for half in HALVES)
        return even, odd

    def resample(self, resamples: int, seed: object) -> np.ndarray:
        """bootstrap.resample for the models, float64 [1 + resamples, models].

        A source task is resampled with all its architectures.
        """
        copies = self.accuracy.shape[1] // len(self.subsets)
        return np.tile(resample(len(self.subsets), resamples, seed), copies)

    def _oriented(self, metric: str, column: str) -> np.ndarray:
        undefined = np.full(self.accuracy.shape, np.nan)
        return sign(metric) * self.columns[metric].get(column, undefined).astype(np.float64)


def cells(
    fine_tuning: pd.DataFrame,
    base_models: pd.DataFrame,
    values: Mapping[tuple[str, str, str], pd.DataFrame],
    architectures: Sequence[str],
    targets: Sequence[str],
    metrics: Sequence[str],
) -> Pools:
    """One pool for each (architecture, target), the source tasks in the order of base_models.

    fine_tuning: architecture, target, subset, accuracy (0 to 1); base_models: architecture,
    subset, policy; values: for each (metric, architecture, target) a table with subset, value and
    what else the metric returns, all numbers. Rows may be in any order.
    Raises ValueError, naming the row, if one is missing or duplicated or an accuracy is not a
    fraction.
    """
    what = "fine-tuning accuracies"
    require_fractions(fine_tuning, "accuracy", KEYS, what)
    subsets = list(dict.fromkeys(base_models["subset"]))
    names = cell_names(architectures, targets)
    models = list(product(architectures, subsets))
    policies = _ordered(base_models, KEYS[::2], models, "base models")["policy"].to_numpy()
    rows = [(*name, subset) for name in names for subset in subsets]
    accuracy = _ordered(fine_tuning, KEYS, rows, what)["accuracy"].to_numpy(np.float64)
    columns = {}
    for metric in metrics:
        tables = []
        for cell in ((metric, *name) for name in names):
            if cell not in values:
                raise ValueError(f"metrics: no row for {', '.join(cell)}")
            what, wanted = "values of " + ", ".join(cell), [(subset,) for subset in subsets]
            tables.append(_ordered(values[cell], ["subset"], wanted, what))
        table = pd.concat(tables).drop(columns="subset")
        columns[metric] = {name: table[name].to_numpy().reshape(len(names), -1) for name in table}
    return Pools(
        scope=ONE,
        names=names,
        subsets=subsets,
        policies=policies[: len(subsets)],
        accuracy=accuracy.reshape(len(names), -1),
        columns=columns,
    )


def read_cells(
    fine_tuning: str | Path,
    base_models: str | Path,
    metrics: Sequence[str | Path],
    names: Sequence[Sequence[str]],
) -> Pools:
    """`cells` of files: its two tables, and one of scripts/metric.py for each of the names.

    names: all combinations of a metric, an architecture and a target, each in this order.
    """
    all_metrics, architectures, targets = (
        list(dict.fromkeys(part)) for part in zip(*names, strict=True)
    )
    return cells(
        read_csv(fine_tuning),
        read_csv(base_models),
        read_tables(names, metrics),
        architectures,
        targets,
        all_metrics,
    )


def across_architectures(one: Pools) -> Pools | None:
    """One pool for each target, with all its architectures; None if there is only one.

    one: from `cells`. A metric whose value depends on the pool (its module has over_pool) is
    computed again over the whole pool; its halves are then NaN, because no terms of halves are
    kept. Other metrics are compared as they are.
    """
    architectures = list(dict.fromkeys(architecture for architecture, _ in one.names))
    targets = list(dict.fromkeys(one.targets))
    if len(architectures) < 2:
        return None

    def joined(array: np.ndarray) -> np.ndarray:
        """[cells, subsets], by architecture and target → [targets, architectures · subsets]."""
        by_architecture = array.reshape(len(architectures), len(targets), -1)
        return np.concatenate(by_architecture, axis=-1)

    columns = {}
    for metric, arrays in one.columns.items():
        columns[metric] = {name: joined(array) for name, array in arrays.items()}
        if depends_on_pool(metric):
            columns[metric] = _again(metric, columns[metric])
    return Pools(
        scope=SEVERAL,
        names=[(ALL, target) for target in targets],
        subsets=one.subsets,
        policies=np.tile(one.policies, len(architectures)),
        accuracy=joined(one.accuracy),
        columns=columns,
    )


def scores_table(one: Pools) -> pd.DataFrame:
    """One row per fine-tuning: architecture, target, subset, policy, accuracy and raw metrics."""
    models = list(zip(one.subsets, one.policies, strict=True))
    table = pd.DataFrame(
        [(*name, *model) for name in one.names for model in models], columns=[*KEYS, "policy"]
    )
    metrics = {metric: arrays[VALUE].ravel() for metric, arrays in one.columns.items()}
    return table.assign(accuracy=one.accuracy.ravel(), **metrics)


def _ordered(table: pd.DataFrame, keys: list[str], wanted: list[tuple], what: str) -> pd.DataFrame:
    """The rows whose `keys` are wanted, in that order; ValueError if one is missing or doubled."""
    doubled = table.duplicated(keys)
    if doubled.any():
        first = table.loc[doubled, keys].iloc[0]
        raise ValueError(f"{what}: two rows for {', '.join(map(str, first))}")
    row_of = {key: i for i, key in enumerate(table[keys].itertuples(index=False, name=None))}
    for key in wanted:
        if key not in row_of:
            raise ValueError(f"{what}: no row for {', '.join(key)}")
    return table.iloc[[row_of[key] for key in wanted]]


def _again(metric: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The terms of a metric that depends on the pool, and its value over each of these pools."""
    terms = {name: array for name, array in columns.items() if name not in (VALUE, *HALVES)}
    values = []
    for number in range(len(columns[VALUE])):
        pool = pd.DataFrame({name: array[number] for name, array in terms.items()})
        models = values_in_pool(metric, pool.to_dict("records"))
        values.append([model[VALUE] for model in models])
    return {VALUE: np.array(values), **terms}
