"""The noise ceiling: the ρ that a metric could reach at best, because accuracies are uncertain.

A fine-tuned accuracy is the sum of what the base model is worth, chance in training (the seed) and
chance in the choice of test images. Only the first can be predicted. The reliability is its share
of the variance of the accuracies; a metric that knew it exactly would have ρ = √reliability with
them (Spearman, American Journal of Psychology 15, 1904).

Two fine-tunings of other seeds, on different halves of the test images, share nothing but the
worth of the base models. Call the ρ between such accuracies r_other, and that between halves with
one seed r_same. Halves have fewer images, hence more noise, than the accuracies to predict: by
Spearman and Brown the ρ between full test sets is 2 r_same / (1 + r_same). Only the noise of the
images shrinks so, not that of the seed; the same factor takes r_other there:

    reliability = r_other · 2 / (1 + r_same)

With one seed, r_other is r_same; the noise of training then counts as worth, and the ceiling is
too high.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from basemodel.seeds import seed_of
from basemodel.statistics.bootstrap import (
    MIN_MODELS,
    interval,
    mean_of_defined,
    resampled_ranks,
    weighted_rho,
)
from basemodel.statistics.spearman import spearman

HALVES = 50  # random divisions of the test images, for the estimate
INTERVAL_HALVES = 5  # of them, for its interval: each is ranked anew in every resample
HIGHEST = 0.995  # a reliability estimated as higher counts as this in its interval: z of 1 is ∞


def ceiling(correct: np.ndarray, policies: np.ndarray, counts: np.ndarray, seed: object) -> dict:
    """The noise ceiling of one pool of base models.

    correct: which test images each fine-tuning got right, bool [seeds, models, images]; policies:
    that of each model's source task, [models]; counts: resamples of models, float [1 + resamples,
    models], the first with each model once (bootstrap.resample); seed: of the divisions into
    halves, which are the same for equal numbers of images.

    seeds; between_seeds, the mean ρ of accuracies (all images) between two seeds, NaN with one
    seed; reliability, 0 to 1; ceiling, its square root, with low and high, the 95 % interval that
    bootstrap.interval gives for the reliability (resamples use fewer halves); ceiling_within, the
    same within policies (mean ρ over those with at least 3 models), within_low, within_high. NaN
    where a ρ is undefined. The interval covers the ceiling over all base models of the same kinds
    that might have been trained and tested so: resamples of them carry each one's own seeds and
    answers (benchmarks/intervals_experiment.py).

    In simulations (60 models, 400 or 1,000 images, 1 to 3 seeds, ceilings from 0.69 to 0.90) the
    mean ρ of a metric that knows every model's worth is below the mean ceiling by 0.002 to 0.008;
    within policies of 10 to 20 models by 0.01 to 0.03.
    """
    seeds, models, images = correct.shape
    full = correct.mean(axis=2)
    pairs = list(permutations(range(seeds), 2))
    between = [float(spearman(full[a], full[b])) for a, b in pairs]
    row = {"seeds": seeds, "between_seeds": float(mean_of_defined(np.array(between)))}

    one, other = halves(correct, seed)
    everything = [np.arange(models)]
    of_policies = [np.flatnonzero(policies == policy) for policy in np.unique(policies)]
    few = slice(None, INTERVAL_HALVES)
    for groups, names in (
        (everything, ("ceiling", "low", "high")),
        (of_policies, ("ceiling_within", "within_low", "within_high")),
    ):
        estimate = reliability(one, other, groups, counts[:1])
        if groups is everything:
            row["reliability"] = float(np.clip(estimate[0], 0, 1))
        resampled = reliability(one[few], other[few], groups, counts[1:])
        inside = np.clip(estimate, -HIGHEST, HIGHEST)
        low, high = interval(np.concatenate([inside, resampled]))
        three = np.array([estimate[0], low, np.maximum(high, estimate[0])])
        row |= dict(zip(names, np.sqrt(np.clip(three, 0, 1)), strict=True))
    return row


def halves(correct: np.ndarray, seed: object) -> tuple[np.ndarray, np.ndarray]:
    """Correct answers on either half of the images, float64 [HALVES, seeds, models], HALVES times.

    correct: bool [seeds, models, images]. Of an odd number of images one is left out.
    """
    images = correct.shape[2]
    rng = np.random.default_rng(seed_of("halves", seed, images))
    order = rng.permuted(np.tile(np.arange(images), (HALVES, 1)), axis=1)
    masks = np.zeros((2, HALVES, images), np.float32)
    half = images // 2
    np.put_along_axis(masks[0], order[:, :half], 1, axis=1)
    np.put_along_axis(masks[1], order[:, half : 2 * half], 1, axis=1)
    sums = correct.astype(np.float32) @ masks.transpose(0, 2, 1)[:, None]  # [2, seeds, models, H]
    one, other = np.moveaxis(sums, -1, 1).astype(np.float64)
    return one, other


def reliability(
    one: np.ndarray, other: np.ndarray, groups: Sequence[np.ndarray], counts: np.ndarray
) -> np.ndarray:
    """The reliability of full accuracies in each resample of models, float64 [resamples].

    It may be estimated as below 0 or above 1. A negative r_same, which is chance, counts as 0.

    one, other: from `halves`, [halves, seeds, models]; groups: the numbers of the models that are
    ranked with each other; ρ is averaged over groups of at least 3, then over halves and seeds.
    """
    same, other_seed = [], []
    for group in groups:
        if len(group) < MIN_MODELS:
            continue
        of_group = counts[:, group]
        r, s = (resampled_ranks(half[..., group], of_group) for half in (one, other))
        # [halves, seeds, seeds, resamples]: every seed on the one half with each on the other
        rho = weighted_rho(r[:, :, None], s[:, None], of_group)
        of_one_seed = np.eye(one.shape[1], dtype=bool)
        same.append(mean_of_defined(rho[:, of_one_seed], axis=(0, 1)))
        other_seed.append(mean_of_defined(rho[:, ~of_one_seed], axis=(0, 1)))
    if not same:
        return np.full(len(counts), np.nan)
    r_same = mean_of_defined(np.stack(same), axis=0)
    r_other = r_same if one.shape[1] == 1 else mean_of_defined(np.stack(other_seed), axis=0)
    return r_other * 2 / (1 + np.maximum(r_same, 0))
