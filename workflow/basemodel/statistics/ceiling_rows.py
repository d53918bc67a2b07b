"""The table of noise ceilings, from the records of fine-tunings."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from basemodel.statistics.bootstrap import resample
from basemodel.statistics.ceiling import ceiling
from basemodel.statistics.scopes import ALL


def ceiling_table(
    fine_tunings: Iterable[dict],
    base_models: pd.DataFrame,
    architectures: Sequence[str],
    targets: Sequence[str],
    resamples: int,
    seed: object,
) -> pd.DataFrame:
    """One row per (architecture, target), and per target with all architectures together.

    fine_tunings: architecture, target, subset, correct (a text of 0 and 1, one for each test image,
    in one order for all base models of a target) and repeats, a list of the same with other seeds;
    base_models: architecture, subset, policy. resamples, seed: of bootstrap.resample.
    Columns: architecture (or "all"), target, and those of ceiling.ceiling; models that have no
    repeat limit all of their pool to the first seed.
    Raises ValueError, naming the fine-tuning, if one is missing or doubled, if `correct` is not
    0 and 1, or if numbers of images differ.
    """
    subsets = list(dict.fromkeys(base_models["subset"]))
    policy = dict(zip(base_models["subset"], base_models["policy"], strict=True))
    policies = np.array([policy[subset] for subset in subsets])
    counts = resample(policies, resamples, seed)
    correct = {}
    for record in fine_tunings:
        name = (record["architecture"], record["target"], record["subset"])
        if name in correct:
            raise ValueError(f"fine-tunings: two records for {', '.join(name)}")
        correct[name] = _correct(record, ", ".join(name))

    rows = []
    pools = [([architecture], target) for architecture in architectures for target in targets]
    if len(architectures) > 1:
        pools += [(list(architectures), target) for target in targets]
    for members, target in pools:
        names = [(architecture, target, subset) for architecture in members for subset in subsets]
        found = ceiling(
            _stacked(correct, names),
            np.tile(policies, len(members)),
            np.tile(counts, len(members)),
            seed,
        )
        shown = members[0] if len(members) == 1 else ALL
        rows.append({"architecture": shown, "target": target} | found)
    return pd.DataFrame(rows)


def _correct(record: dict, name: str) -> np.ndarray:
    """bool [seeds, images] of one fine-tuning."""
    texts = [entry["correct"] for entry in (record, *record.get("repeats", []))]
    answers = [np.frombuffer(text.encode(), np.uint8) - ord("0") for text in texts]
    if len({len(answer) for answer in answers}) > 1:
        raise ValueError(f"fine-tunings: {name} has repeats with other numbers of test images")
    if not all(len(answer) and (answer <= 1).all() for answer in answers):
        raise ValueError(f"fine-tunings: {name} has answers that are not 0 or 1")
    return np.stack(answers).astype(bool)


def _stacked(
    correct: dict[tuple[str, str, str], np.ndarray], names: list[tuple[str, str, str]]
) -> np.ndarray:
    """bool [seeds, models, images] of one pool, with as many seeds as every model has."""
    for name in names:
        if name not in correct:
            raise ValueError(f"fine-tunings: no record for {', '.join(name)}")
        if correct[name].shape[1] != correct[names[0]].shape[1]:
            raise ValueError(
                f"fine-tunings: {', '.join(name)} was tested on {correct[name].shape[1]} images, "
                f"{', '.join(names[0])} on {correct[names[0]].shape[1]}"
            )
    seeds = min(len(correct[name]) for name in names)
    return np.stack([correct[name][:seeds] for name in names], axis=1)
