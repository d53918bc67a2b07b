"""Pools: base models that are ranked against each other, and their metrics.

A pool is a cell, or a target's base models of all architectures together. The user's question is
the second one; the paper's comparison is the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from basemodel.metrics import depends_on_pool, sign, table
from basemodel.statistics.scopes import ALL, ONE, SEVERAL
from basemodel.statistics.scores import by_cell

HALVES = ("value_even", "value_odd")


@dataclass
class Pools:
    """Pools of equal size; arrays are float64 [pools, models], metrics turned: larger is better."""

    scope: str
    names: list[tuple[str, str]]  # (architecture or "all", target)
    subsets: list[str]  # the source tasks, in the order of models
    copies: int  # models are the source tasks this many times, once for each architecture
    policies: np.ndarray  # the kind of source task of each model, [models]
    accuracy: np.ndarray
    metrics: dict[str, np.ndarray]
    halves: dict[str, tuple[np.ndarray, np.ndarray]]  # on the even and the odd probe images

    @property
    def targets(self) -> np.ndarray:
        """The target of each pool."""
        return np.array([target for _, target in self.names])

    def counts(self, of_subsets: np.ndarray) -> np.ndarray:
        """Draws of models, [draws, models], from those of source tasks, [draws, subsets].

        A source task is drawn with all its architectures.
        """
        return np.tile(of_subsets, self.copies)


def cells(
    scores: pd.DataFrame,
    values: Mapping[tuple[str, str, str], pd.DataFrame],
    metrics: Sequence[str],
) -> Pools:
    """One pool for each (architecture, target), in the order of scores.gather's table `scores`.

    values: for each (metric, architecture, target) a table with subset, value and what else the
    metric returns. Halves are NaN where it has no value_even or value_odd.
    """
    cells = scores[["architecture", "target"]].drop_duplicates()
    names = list(cells.itertuples(index=False, name=None))
    subsets = list(dict.fromkeys(scores["subset"]))
    return Pools(
        scope=ONE,
        names=names,
        subsets=subsets,
        copies=1,
        policies=scores["policy"].to_numpy()[: len(subsets)],
        accuracy=by_cell(scores, "accuracy"),
        metrics={m: sign(m) * by_cell(scores, m) for m in metrics},
        halves={
            m: tuple(
                sign(m) * np.stack([_term(values[m, *cell], half, subsets) for cell in names])
                for half in HALVES
            )
            for m in metrics
        },
    )


def across_architectures(
    one: Pools, values: Mapping[tuple[str, str, str], pd.DataFrame]
) -> Pools | None:
    """One pool for each target, with all its architectures; None if there is only one.

    one, values: as in `cells`. A metric whose value depends on the pool (its module has over_pool)
    is computed again over the whole pool, from the terms in its tables; its halves are then NaN,
    because no terms of halves are kept. Other metrics are compared as they are.
    """
    architectures = list(dict.fromkeys(architecture for architecture, _ in one.names))
    targets = list(dict.fromkeys(one.targets))
    if len(architectures) < 2:
        return None

    def joined(array: np.ndarray) -> np.ndarray:
        """[cells, subsets], by architecture and target → [targets, architectures · subsets]."""
        by_architecture = array.reshape(len(architectures), len(targets), -1)
        return np.concatenate(by_architecture, axis=-1)

    metrics = {metric: joined(value) for metric, value in one.metrics.items()}
    halves = {metric: tuple(map(joined, pair)) for metric, pair in one.halves.items()}
    for metric in filter(depends_on_pool, metrics):
        undefined = np.full_like(metrics[metric], np.nan)
        halves[metric] = (undefined, undefined)
        for number, target in enumerate(targets):
            tables = [values[metric, architecture, target] for architecture in architectures]
            pooled = table(metric, _terms(tables, one.subsets))
            metrics[metric][number] = [sign(metric) * model["value"] for model in pooled]
    return Pools(
        scope=SEVERAL,
        names=[(ALL, target) for target in targets],
        subsets=one.subsets,
        copies=len(architectures),
        policies=np.tile(one.policies, len(architectures)),
        accuracy=joined(one.accuracy),
        metrics=metrics,
        halves=halves,
    )


def _term(table: pd.DataFrame, column: str, subsets: Sequence[str]) -> np.ndarray:
    """A column of a metric's table in the order of subsets; NaN if the table lacks it."""
    if column not in table:
        return np.full(len(subsets), np.nan)
    return table.set_index("subset").loc[list(subsets), column].to_numpy(np.float64)


def _terms(tables: Sequence[pd.DataFrame], subsets: Sequence[str]) -> list[dict[str, float]]:
    """What the metric returned for each model: every further column, table after table."""
    ordered = [table.set_index("subset").loc[list(subsets)] for table in tables]
    terms = pd.concat(ordered).drop(columns=["value", *HALVES], errors="ignore")
    return terms.to_dict("records")
