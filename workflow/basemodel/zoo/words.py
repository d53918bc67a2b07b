"""What is said of an experiment on given models beside what its table says."""

import pandas as pd

from basemodel.statistics.outside import listed


def words(failures: pd.DataFrame, trust: pd.DataFrame) -> list[str]:
    """Notes, a sentence or two each. failures, trust: tables of scripts/zoo_table.py."""
    notes = []
    for (model, reason), of in failures.groupby(["model", "reason"], sort=False):
        notes.append(f"Not compared: {model} on {listed([*of['target']])}: {reason}.")
    bad = trust[trust["trust"] == "untrusted"].groupby("metric", sort=False)["target"].nunique()
    targets = trust["target"].nunique()
    if len(bad):
        told = [f"{metric} on {number}" for metric, number in bad.items()]
        notes.append(
            "Some scores put an untrained network above a trained one, or level with it: of "
            f"{targets} targets {listed(told, len(told))} (tables/trust.csv)."
        )
    return notes
