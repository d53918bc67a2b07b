"""Does it help to combine a score with what is known without the target?

For a table of scores and accuracies (statistics.outside_table.read): ridge regression of the
accuracy on a score and a prior, standardised within each target, fitted on all other targets and
judged by ρ on the one left out. The priors:

imagenet  accuracy on ImageNet, of torchvision's weights of that name (IMAGENET1K_V1); for other
          models, the table's score `parameters`
others    the mean standardised accuracy after fine-tuning on the other targets, without the one
          left out and without the one that is fitted to

Scores that some model lacks are left out. Intervals are those of `snakemake compare`, with families
of models resampled and every ridge fitted again; differences also for all of a column at once
(Bonferroni).

Usage: python benchmarks/fusion.py [TABLE] [--resamples 1000]
"""

import argparse
from pathlib import Path

import numpy as np
from torchvision.models import get_model_weights, list_models

from basemodel.report.conclusions import interval
from basemodel.statistics.bootstrap import LEVEL, resample_families, resampled_rho
from basemodel.statistics.means import mean_interval
from basemodel.statistics.outside_table import Outside, read

TABLE = Path(__file__).parent / "tables" / "zoo10.csv"
PENALTY = 1.0  # of the ridge, for standardised columns; as much as one model of one target


def standardised(values: np.ndarray) -> np.ndarray:
    """[..., models], each with mean 0 and deviation 1; constants become 0."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = values.std(axis=-1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def predictions(
    columns: np.ndarray, accuracy: np.ndarray, left_out: int, counts: np.ndarray
) -> np.ndarray:
    """What ridge regression on the other targets predicts, [resamples, models].

    columns: [targets, models, columns]; accuracy: [targets, models], both standardised; counts:
    weights of models, [resamples, models].
    """
    others = np.arange(len(accuracy)) != left_out
    x, y = columns[others], accuracy[others]
    squares = np.einsum("rm,tmi,tmj->rij", counts, x, x) + PENALTY * np.eye(x.shape[-1])
    products = np.einsum("rm,tmi,tm->ri", counts, x, y)
    weights = np.linalg.solve(squares, products[..., None])[..., 0]
    return weights @ columns[left_out].T


def prior_of_others(accuracy: np.ndarray, left_out: int) -> np.ndarray:
    """The mean accuracy on other targets than each and than the one left out: [targets, models]."""
    targets = np.arange(len(accuracy))
    return np.stack(
        [accuracy[(targets != left_out) & (targets != target)].mean(axis=0) for target in targets]
    )


def rho_of_ridge(scores: list, prior: np.ndarray | None, accuracy, counts) -> np.ndarray:
    """ρ on each target of what the others predict from scores and prior, [targets, resamples].

    scores: of [targets, models]; prior: the same, or None for prior_of_others.
    """
    rho = []
    for target in range(len(accuracy)):
        known = prior_of_others(accuracy, target) if prior is None else prior
        columns = standardised(np.stack([*scores, known], axis=-1).swapaxes(1, 2)).swapaxes(1, 2)
        predicted = predictions(columns, accuracy, target, counts)
        order = [
            resampled_rho(one, accuracy[target], weights[None])
            for one, weights in zip(predicted, counts, strict=True)
        ]
        rho.append(np.concatenate(order))
    return np.stack(rho)


def shown(rho: np.ndarray, bounds: tuple[float, float] = (-1, 1), level: float = LEVEL) -> str:
    targets = np.arange(len(rho))
    mean, low, high = mean_interval(rho[:, 0], targets, rho[:, 1:], bounds, level)
    return interval(round(mean, 2) + 0, low, high)  # not -0.00


def gain(difference: np.ndarray, level: float) -> str:
    """A mean difference of ρ with its own interval, and with that of all of its column at once."""
    both = shown(difference, (-2, 2)), shown(difference, (-2, 2), level)
    return f"{both[0]:24}{both[1].partition(' ')[2]}"


def static_prior(found: Outside) -> tuple[str, np.ndarray]:
    """What is known of the models without any target: its name, and values for [models]."""
    if set(found.models) <= set(list_models()):
        weights = [get_model_weights(model)["IMAGENET1K_V1"] for model in found.models]
        return "imagenet", np.array(
            [one.meta["_metrics"]["ImageNet-1K"]["acc@1"] for one in weights]
        )
    return "parameters", found.metrics.pop("parameters")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", default=TABLE)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    found = read(options.table)
    accuracy = standardised(found.accuracy)
    counts = resample_families(found.families, options.resamples, 0)
    static, known = static_prior(found)
    known = np.tile(standardised(known), (len(found.targets), 1))
    scores = {
        name: standardised(values if found.larger_is_better.get(name, True) else -values)
        for name, values in found.metrics.items()
        if np.isfinite(values).all() and np.ptp(values, axis=1).all()
    }
    if left_out := sorted(set(found.metrics) - set(scores)):
        print(f"Left out, not there for every model, or equal for all: {', '.join(left_out)}")
    for name, prior in ((static, known), ("others", None)):
        alone = rho_of_ridge([], prior, accuracy, counts)
        print(f"\nPrior {name}: rho {shown(alone)}")
        print(f"{'score':18}{'alone':22}{'with prior':22}{'gain over score':24}gain over prior")
        level = 1 - (1 - LEVEL) / (len(scores) + 1)
        for score, values in [*scores.items(), ("all together", None)]:
            used = list(scores.values()) if values is None else [values]
            both = rho_of_ridge(used, prior, accuracy, counts)
            line = f"{score:18}"
            if values is None:
                line += f"{'-':22}{shown(both):22}{'-':50}"
            else:
                own = resampled_rho(values, accuracy, counts)
                line += f"{shown(own):22}{shown(both):22}{gain(both - own, level):50}"
            print(line + gain(both - alone, level), flush=True)


if __name__ == "__main__":
    main()
