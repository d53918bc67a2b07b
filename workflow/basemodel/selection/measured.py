"""Which metrics a ranking has, and which of them can order it."""

from collections.abc import Iterable

from basemodel import metrics

BY = {"linear_probe": "LinearProbe", "knn": "kNN"}  # by the values of the setting rank.by


def measured(named: Iterable[str]) -> list[str]:
    """Of these metrics those that any candidate can have, and those of BY.

    Card metrics exist only for this project's base models.
    """
    every = [name for name in named if "card" not in metrics.inputs(name)]
    return list(dict.fromkeys([*every, *BY.values()]))
