"""What is said of an experiment on given models beside what its table says."""

import pandas as pd

from basemodel.report.conclusions import held_out, number
from basemodel.statistics.outside import listed
from basemodel.statistics.pairs import best_row


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


def of_pairs(pairs: pd.DataFrame, optimism: pd.DataFrame) -> str:
    """A note on the best pair of the paper's metrics. pairs, optimism: of scripts/zoo_pairs.py."""
    found = ""
    if (best := best_row(pairs)) is not None:
        chosen = f"{best['first']} + {best['second']} at alpha = {best['alpha']:g}"
        found = f"The best pair of the paper's metrics is {chosen}, with a mean rho of "
        found += f"{number(best['mean_rho'])} over the {best['n']} models that have all. "
    return found + " ".join(held_out(optimism))
