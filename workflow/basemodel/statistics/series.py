"""Metrics of a series of networks, such as the epochs of a training run or a network's cuts."""

from collections.abc import Mapping, Sequence

import pandas as pd


def collect(
    tables: Mapping[tuple[str, ...], pd.DataFrame], names: Sequence[str], step: str
) -> pd.DataFrame:
    """Concatenate the tables of scripts/metric.py, in their order.

    tables: by (metric, *rest), where `names` names the rest (architecture, or architecture and
    target); each has columns `step` (epoch or layer), value, …
    Returns the columns *names, step, metric, value; without tables, they are empty.
    """
    parts = [
        table[[step, "value"]].assign(metric=metric, **dict(zip(names, rest, strict=True)))
        for (metric, *rest), table in tables.items()
    ]
    columns = [*names, step, "metric", "value"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
