"""Metrics of a series of networks, such as the epochs of a training run or a network's cuts."""

from collections.abc import Sequence

import pandas as pd


def collect(
    cells: Sequence[Sequence[str]], tables: Sequence[pd.DataFrame], names: Sequence[str], step: str
) -> pd.DataFrame:
    """Concatenate the tables of scripts/metric.py, in their order.

    cells: [metric, *rest] for each table, where `names` names the rest (architecture, or
    architecture and target); tables: columns `step` (epoch or layer), value, …
    Returns the columns *names, step, metric, value; without cells, they are empty.
    Raises ValueError unless there is one table per cell.
    """
    if len(cells) != len(tables):
        raise ValueError(f"{len(cells)} cells need as many tables of metrics, not {len(tables)}")
    parts = []
    for (metric, *rest), table in zip(cells, tables, strict=True):
        part = pd.DataFrame(dict(zip(names, rest, strict=True)), index=table.index)
        part[step] = table[step]
        parts.append(part.assign(metric=metric, value=table["value"]))
    columns = [*names, step, "metric", "value"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
