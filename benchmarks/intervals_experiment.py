"""How often do the experiment's 95 % intervals cover the truth, and how wide are they?

Experiments are made up whose truth is known, and their intervals counted that cover it: those of
this project ("now"), and the usual ones that they replaced ("before": percentiles of resamples that
ignored kinds of source tasks; for regret, Student's t over targets, cut at 0). What is random:

rho, within   other base models, of the same kinds in the same proportions. The truth is ρ in their
              population; within kinds, the mean of their ρ. Sizes 20, 60 and 180, the last in three
              architectures that share their source tasks.
ceiling       the same, and their seeds and test images. The truth is the ρ between what models are
              worth and one accuracy each.
mean rho,     other targets, too: 8 with 3 architectures each and 60 models, the same with all 180
within,       in one ranking; 2 with 7 models, as in smoke.yaml. Cells share half of their variance
regret        through their source tasks, or none. A metric's quality is the same for all targets,
              or varies. The truth is the mean over all such experiments, of other targets and other
              models but this size. (The ρ of few models is on average nearer to 0 than that of
              many: 0.95 for 0.97 in kinds of 10 and 20.)
table         the same for `snakemake compare`: mean ρ, mean τ_w in both conventions, and the
              difference of two metrics' mean ρ, over 1, 8 and 10 targets of 10 models (and of 5 and
              20), which share half of their variance between targets, or none.

An interval without ends (NaN) counts as a miss. With S simulations a coverage of 95 % has a
standard error of 22 / √S points: 1.1 of 400.

Usage: python benchmarks/intervals_experiment.py [--simulations 400] [PART ...]
PART: rho, ceiling, mean, regret or table; all of them if none is named.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from basemodel.metrics import sign
from basemodel.statistics import comparison, outside
from basemodel.statistics.bootstrap import (
    MIN_MODELS,
    interval,
    percentiles,
    resample,
    resampled_rho,
    resampled_rho_within,
)
from basemodel.statistics.ceiling import INTERVAL_HALVES, ceiling, halves, reliability
from basemodel.statistics.correlation import rho_of
from basemodel.statistics.means import mean_interval
from basemodel.statistics.pools import Pools
from basemodel.statistics.regret import mean_regret_table, weighted_tau
from basemodel.statistics.spearman import spearman

PARTS = ("rho", "ceiling", "mean", "regret", "table")
RESAMPLES = 200
TRUTHS = 2000  # experiments whose mean is the truth; a fifth for ρ, a hundredth for ceilings
SIZES = {20: (5, 5, 5, 5), 60: (10, 20, 10, 20), 180: (10, 20, 10, 20)}
DESIGNS = ((8, SIZES[60], False), (8, SIZES[60], True), (2, (5, 2), False))
LEVELS = np.array([-1, 0.5, 0.6, -0.4])  # of the kinds' means, in standard deviations
QUALITIES = {"S1": 0.5, "S3": 0.9, "LogME": 0.95, "LEEP": 0.98}  # r of four metrics

# Of each claim: [(low, high, truth), …] before and now
Found = dict[str, dict[str, list[tuple[float, float, float]]]]


def kinds(sizes: tuple[int, ...]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def ignoring_kinds(tasks: int, copies: int, seed: int) -> np.ndarray:
    """Resamples of before, float64 [1 + RESAMPLES, copies · tasks]."""
    drawn = np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1 / tasks), RESAMPLES)
    return np.tile(np.concatenate([np.ones((1, tasks)), drawn]), copies)


# One ranking --------------------------------------------------------------------------------


def one_ranking(
    rng: np.random.Generator, kind: np.ndarray, copies: int, r: float, apart: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Metric, accuracy and kind of each model, [copies · tasks].

    r: their correlation within kinds; apart: how far the kinds differ.
    """

    def noise():
        own = rng.normal(size=(copies, len(kind)))
        if copies == 1:
            return own.ravel()
        return (np.sqrt(0.5) * (rng.normal(size=len(kind)) + own)).ravel()

    worth, models = noise(), np.tile(kind, copies)
    metric = r * worth + np.sqrt(1 - r * r) * noise() + apart * LEVELS[models]
    return metric, worth + apart * LEVELS[models], models


def rho(simulations: int, size: int, r: float, apart: float) -> Found:
    """ρ of one ranking, and ρ within kinds."""
    rng = np.random.default_rng([size, int(100 * r), int(apart)])
    kind, copies = kinds(SIZES[size]), 3 if size == 180 else 1
    many = kinds(tuple(100_000 // size * of_kind for of_kind in SIZES[size]))
    x, y, models = one_ranking(rng, many, 1, r, apart)
    of_kinds = [stats.spearmanr(x[models == k], y[models == k]).statistic for k in set(models)]
    truths = {"rho": stats.spearmanr(x, y).statistic, "within": np.mean(of_kinds)}

    found = {what: defaultdict(list) for what in truths}
    for seed in range(simulations):
        x, y, models = one_ranking(rng, kind, copies, r, apart)
        before = ignoring_kinds(len(kind), copies, seed)
        now = np.tile(resample(kind, RESAMPLES, seed), copies)
        for what, counts, ends in (("before", before, of_percentiles), ("now", now, interval)):
            resampled = resampled_rho(x, y, counts), resampled_rho_within(x, y, models, counts)
            for claim, values in zip(found, resampled, strict=True):
                found[claim][what].append((*ends(values), truths[claim]))
    return found


def of_percentiles(resampled: np.ndarray) -> np.ndarray:
    return percentiles(resampled[1:])


# The noise ceiling --------------------------------------------------------------------------


def answers(
    rng: np.random.Generator, kind: np.ndarray, seeds: int, spread: float, apart: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which of 400 test images were right, bool [seeds, models, images]; worth, [models].

    spread: of the models' worth; that of training is half of it with several seeds, 0 with one,
    which cannot tell it from worth.
    """
    worth = spread * rng.normal(size=len(kind)) + apart * spread * LEVELS[kind]
    of_training = spread / 2 if seeds > 1 else 0
    trained = worth[:, None] + rng.normal(0, of_training, (seeds, len(kind), 1))
    difficulty, taste = rng.normal(0, 0.8, 400), rng.normal(0, 0.5, (len(kind), 400))
    chance = 1 / (1 + np.exp(-(0.5 + 5 * trained + difficulty + taste)))
    return rng.random((seeds, len(kind), 400)) < chance, worth


def ceilings(simulations: int, seeds: int, spread: float, apart: float) -> Found:
    """The noise ceiling of 60 models, and that within kinds."""
    rng = np.random.default_rng([seeds, int(1000 * spread), int(apart)])
    kind = kinds(SIZES[60])
    true = defaultdict(list)
    for _ in range(TRUTHS // 100):
        many = kinds((250, 500, 250, 500))
        correct, worth = answers(rng, many, seeds, spread, apart)
        accuracy = correct[0].mean(axis=1)
        of_kinds = [
            stats.spearmanr(worth[many == k], accuracy[many == k]).statistic for k in range(4)
        ]
        true["ceiling"].append(stats.spearmanr(worth, accuracy).statistic)
        true["ceiling within"].append(np.mean(of_kinds))
    truths = {what: np.mean(values) for what, values in true.items()}

    found = {what: defaultdict(list) for what in truths}
    groups = [np.arange(60)], [np.flatnonzero(kind == k) for k in range(4)]
    for seed in range(simulations):
        correct, _ = answers(rng, kind, seeds, spread, apart)
        row = ceiling(correct, kind, resample(kind, RESAMPLES, seed), seed)
        one, other = halves(correct, seed)
        few = slice(None, INTERVAL_HALVES)
        counts = ignoring_kinds(60, 1, seed)
        for claim, group, name in zip(found, groups, ("ceiling", "ceiling_within"), strict=True):
            ends = ("low", "high") if name == "ceiling" else ("within_low", "within_high")
            found[claim]["now"].append((*(row[end] for end in ends), truths[claim]))
            resampled = reliability(one[few], other[few], group, counts)
            estimate = reliability(one, other, group, counts[:1])
            shifted = estimate + percentiles(resampled[1:]) - resampled[0]
            found[claim]["before"].append((*np.sqrt(np.clip(shifted, 0, 1)), truths[claim]))
    return found


# Means over targets -------------------------------------------------------------------------


def experiment(
    rng: np.random.Generator,
    kind: np.ndarray,
    targets: int,
    architectures: int,
    share: float,
    spread: float,
    pooled: bool,
) -> Pools:
    """The pools of one experiment with four metrics, of QUALITIES.

    share: of the variance, what all cells have in common through their source tasks; spread: of a
    metric's quality between targets, on Fisher's scale; pooled: all architectures in one ranking.
    """
    shape = (architectures, targets, len(kind))

    def noise():
        common = np.sqrt(share) * rng.normal(size=len(kind))
        return common + np.sqrt(1 - share) * rng.normal(size=shape)

    def in_pools(values):
        values = values.transpose(1, 0, 2) if pooled else values
        return values.reshape(targets if pooled else architectures * targets, -1)

    worth = (noise() + LEVELS[kind]) / np.sqrt(1 + LEVELS[kind].var())
    accuracy = np.clip(np.round(400 * (0.65 + 0.1 * worth)), 0, 400) / 400  # of 400 test images
    columns = {}
    for metric, quality in QUALITIES.items():
        r = np.tanh(np.arctanh(quality) + spread * rng.normal(size=(1, targets, 1)))
        value = r * worth + np.sqrt(1 - r * r) * noise()
        columns[metric] = {"value": sign(metric) * in_pools(value)}
    names = [(f"a{a}", f"t{t}") for a in range(1 if pooled else architectures)
             for t in range(targets)]  # fmt: skip
    models = np.tile(kind, architectures if pooled else 1)
    subsets = [str(task) for task in range(len(kind))]
    return Pools("one", names, subsets, models.astype(str), in_pools(accuracy), columns)


def regrets(pools: Pools, metric: str) -> np.ndarray:
    """The accuracy lost by the metric's first choice, in points, [pools]."""
    chosen = pools.metrics[metric].argmax(axis=1)
    return 100 * (pools.accuracy.max(axis=1) - pools.accuracy[np.arange(len(chosen)), chosen])


def mean_rho(simulations: int, rng: np.random.Generator, *design: object) -> Found:
    """Mean ρ and mean ρ within kinds of each metric; design: of `experiment`."""
    true = defaultdict(list)
    for _ in range(TRUTHS // 5):
        pools = experiment(rng, *design)
        for metric, r in QUALITIES.items():
            values = pools.metrics[metric], pools.accuracy
            of_kinds = [
                spearman(*(value[:, pools.policies == kind] for value in values))
                for kind in np.unique(pools.policies)
                if (pools.policies == kind).sum() >= MIN_MODELS
            ]
            true[f"mean rho, r {r}"].append(spearman(*values).mean())
            true[f"mean within, r {r}"].append(np.mean(of_kinds))
    found = {claim: defaultdict(list) for claim in true}
    for seed in range(simulations):
        pools = experiment(rng, *design)
        counts = pools.resample(RESAMPLES, seed)
        resampled = rho_of(pools, counts), comparison.rho_within_of(pools, counts)
        rows = comparison.mean_table(pools, *resampled).set_index("metric")
        for metric, r in QUALITIES.items():
            for claim, ends in (
                (f"mean rho, r {r}", ["low", "high"]),
                (f"mean within, r {r}", ["within_low", "within_high"]),
            ):
                found[claim]["now"].append((*rows.loc[metric, ends], np.mean(true[claim])))
    return found


def mean_regret(simulations: int, rng: np.random.Generator, *design: object) -> Found:
    """Mean regret of each metric's first choice; design: of `experiment`."""
    targets, true = design[1], defaultdict(list)
    for _ in range(TRUTHS):
        pools = experiment(rng, *design)
        for metric in QUALITIES:
            true[metric].append(regrets(pools, metric).mean())
    found = {f"regret, r {r}": defaultdict(list) for r in QUALITIES.values()}
    for seed in range(simulations):
        pools = experiment(rng, *design)
        table = pd.concat(
            pd.DataFrame({"metric": metric, "regret_1": regrets(pools, metric)})
            for metric in QUALITIES
        )  # the column of regret.regret_table
        now = mean_regret_table(table, pools, pools.resample(RESAMPLES, seed)).set_index("metric")
        for (metric, of_pools), claim in zip(
            table.groupby("metric", sort=False), found, strict=True
        ):
            truth = np.mean(true[metric])
            ends = now.loc[metric, ["regret_1_low", "regret_1_high"]]
            found[claim]["now"].append((*ends, truth))
            of_targets = of_pools["regret_1"].to_numpy().reshape(-1, targets).mean(axis=0)
            error = stats.sem(of_targets)
            half = stats.t.ppf(0.975, targets - 1) * error if error > 0 else np.nan
            ends = np.clip(of_targets.mean() + np.array([-half, half]), 0, 100)
            found[claim]["before"].append((*ends, truth))
    return found


# A table from elsewhere ----------------------------------------------------------------------


def mean_of_table(simulations: int, rng: np.random.Generator, *design: object) -> Found:
    """Mean ρ, τ_w and differences of ρ from neighbours in a table; design: of `experiment`."""
    metrics = list(QUALITIES)
    true = defaultdict(list)
    for _ in range(TRUTHS):
        pools = experiment(rng, *design)
        for metric in metrics:
            values = pools.metrics[metric], pools.accuracy
            taus = [weighted_tau(a, v) for v, a in zip(*values, strict=True)]
            true["rho", metric].append(spearman(*values).mean())
            for tau, of_tau in zip(outside.TAUS, zip(*taus, strict=True), strict=True):
                true[tau, metric].append(np.mean(of_tau))
    truth = {claim: np.mean(values) for claim, values in true.items()}
    names = {(what, metric): f"{what}, r {QUALITIES[metric]}" for what, metric in truth}
    pairs = list(zip(metrics, metrics[1:], strict=False))
    found = {name: defaultdict(list) for name in names.values()}
    found |= {f"r {QUALITIES[b]} less {QUALITIES[a]}": defaultdict(list) for a, b in pairs}
    for seed in range(simulations):
        pools = experiment(rng, *design)
        targets, models = pools.accuracy.shape
        there = np.ones(pools.accuracy.shape, bool)
        # The steps of outside.compare, without its tables
        counts = resample(np.zeros(models), RESAMPLES, seed)
        rho = {
            metric: outside.rho_of(values, pools.accuracy, there, counts)
            for metric, values in pools.metrics.items()
        }
        for metric, values in pools.metrics.items():
            _, *ends = mean_interval(rho[metric][:, 0], pools.targets, rho[metric][:, 1:])
            found[names["rho", metric]]["now"].append((*ends, truth["rho", metric]))
            taus = [weighted_tau(a, v) for v, a in zip(values, pools.accuracy, strict=True)]
            left_out = outside.left_out_taus(pools.accuracy, values, np.arange(models))
            for what, of_tau in zip(outside.TAUS, np.transpose(taus), strict=True):
                _, *ends = mean_interval(of_tau, pools.targets, left_out[what])
                found[names[what, metric]]["now"].append((*ends, truth[what, metric]))
        for a, b in pairs:
            difference = rho[b] - rho[a]
            _, *ends = mean_interval(
                difference[:, 0], pools.targets, difference[:, 1:], bounds=(-2, 2)
            )
            claim = f"r {QUALITIES[b]} less {QUALITIES[a]}"
            found[claim]["now"].append((*ends, truth["rho", b] - truth["rho", a]))
    return found


# All ----------------------------------------------------------------------------------------


def claims(simulations: int, parts: Sequence[str]) -> Iterator[tuple[str, Found]]:
    """The design of each experiment, and what its intervals covered."""
    if "rho" in parts:
        for size in SIZES:
            for r in (0.0, 0.6, 0.9):
                for apart in (0, 1):
                    name = f"{size} models, r {r}, kinds {'apart' if apart else 'alike'}"
                    yield name, rho(simulations, size, r, apart)
    if "ceiling" in parts:
        for seeds in (1, 2, 3):
            for spread in (0.05, 0.02):
                for apart in (0, 1):
                    name = f"{seeds} seeds, spread {spread}, kinds {'apart' if apart else 'alike'}"
                    yield name, ceilings(simulations, seeds, spread, apart)
    for part, of_part in (("mean", mean_rho), ("regret", mean_regret)):
        if part not in parts:
            continue
        for targets, sizes, pooled in DESIGNS:
            for share, spread in ((0, 0), (0, 0.4), (0.5, 0), (0.5, 0.4)):
                name = (
                    f"{targets} targets, {sum(sizes)} tasks, {'pooled, ' if pooled else ''}"
                    f"share {share}, spread {spread}"
                )
                rng = np.random.default_rng(list(name.encode()))
                design = (kinds(sizes), targets, 3, share, spread, pooled)
                yield name, of_part(simulations, rng, *design)
    for models, targets, share, spread in table_designs() if "table" in parts else ():
        name = f"{targets} targets, {models} models, share {share}, spread {spread}"
        rng = np.random.default_rng(list(name.encode()))
        design = (kinds((models,)), targets, 1, share, spread, False)
        yield name, mean_of_table(simulations, rng, *design)


def table_designs() -> Iterator[tuple[int, int, float, float]]:
    """Models, targets, share and spread; the quality on one target does not vary."""
    for models in (10, 5, 20):
        yield models, 1, 0, 0
        for targets in (8, 10) if models == 10 else (8,):
            for share, spread in ((0, 0), (0, 0.4), (0.5, 0), (0.5, 0.4)):
                yield models, targets, share, spread


def row(found: dict[str, list[tuple[float, float, float]]], what: str) -> dict[str, float]:
    """coverage, below (the truth is above the interval), above, undefined: shares; median width."""
    low, high, truth = np.array(found[what]).T
    return {
        "coverage": float(np.mean((low <= truth) & (truth <= high))),
        "below": float(np.mean(high < truth)),
        "above": float(np.mean(low > truth)),
        "undefined": float(np.mean(np.isnan(low))),
        "width": float(np.nanmedian(high - low)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--simulations", type=int, default=400)
    options = parser.parse_args()
    print(f"{'':52}{'before: covers, width':>26}{'now: covers (below, above), width':>40}")
    for design, found in claims(options.simulations, options.parts or PARTS):
        print(design)
        for claim, of_claim in found.items():
            now = row(of_claim, "now")
            truth = of_claim["now"][0][2]
            line = f"    {claim:24}truth {truth:6.3f}"
            if "before" in of_claim:
                before = row(of_claim, "before")
                line += (
                    f"{before['coverage']:12.1%}{before['width']:8.3f}"
                    f"{before['undefined']:8.1%} undefined"
                )
            line = f"{line:78}{now['coverage']:8.1%} ({now['below']:.1%}, {now['above']:.1%})"
            print(f"{line}{now['width']:8.3f}", flush=True)


if __name__ == "__main__":
    main()
