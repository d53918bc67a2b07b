"""What is said of an experiment on given models beside what its table says."""

import pandas as pd

from basemodel.report.conclusions import held_out, number
from basemodel.statistics.outside import listed
from basemodel.statistics.pairs import best_row


def words(targets: pd.DataFrame, failures: pd.DataFrame, trust: pd.DataFrame) -> list[str]:
    """Notes, a sentence or two each, of tables of scripts/zoo_table.py."""
    numbers = [
        f"{row.target} {row.train}, {row.validation} and {row.test} of {row.classes} classes"
        for row in targets.itertuples()
    ]
    notes = [
        "Images to train on, to choose a learning rate on, and to test on: "
        f"{'; '.join(numbers)}. Scores are of {_each(targets['scores'])} images."
    ]
    told = targets.dropna(subset="told")
    notes += [f"{row.target}: {row.told}." for row in told.itertuples() if row.told]
    for (model, lacks, reason), of in failures.groupby(["model", "lacks", "reason"], sort=False):
        on = f"{model} on {listed([*of['target']])}: {reason}."
        without = {"all": "Not compared", "scores": "Without scores"}
        notes.append(f"{without.get(lacks, f'Without the fine-tuning of seed {lacks}')}: {on}")
    bad = trust[trust["trust"] == "untrusted"].groupby("metric", sort=False)["target"].nunique()
    if len(bad):
        told = [f"{metric} on {number}" for metric, number in bad.items()]
        notes.append(
            "Some scores put an untrained network above a trained one, or level with it, on some "
            f"of the {trust['target'].nunique()} targets: {listed(told, len(told))} "
            "(tables/trust.csv)."
        )
    return notes


def _each(numbers: pd.Series) -> str:
    """`60`, or `40 to 60`."""
    low, high = numbers.min(), numbers.max()
    return f"{low}" if low == high else f"{low} to {high}"


def of_pairs(pairs: pd.DataFrame, optimism: pd.DataFrame) -> str:
    """A note on the best pair of the paper's metrics. pairs, optimism: of scripts/zoo_pairs.py."""
    best = best_row(pairs)
    if best is None:
        return (
            "No pair of the paper's metrics has a defined rho: too few models have all of them, or "
            "those are equal."
        )
    pair = f"{best['first']} + {best['second']} at alpha = {best['alpha']:g}"
    found = (
        f"The best pair of the paper's metrics is {pair}: chosen on all targets, it has a mean rho "
        f"of {number(best['mean_rho'])} there, of the {best['n']} models that have all of "
        "these metrics."
    )
    if optimism["held_out"].isna().all():
        return f"{found} With a rho on one target only, none is left to test that choice on."
    return " ".join([found, *held_out(optimism)])
