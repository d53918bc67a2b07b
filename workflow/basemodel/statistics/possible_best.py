"""Which models may be the best, on the same images: who can be ruled out, and how sure that is.

What is estimated is the expected accuracy of the whole procedure (a linear probe, say) for new
images of the same classes: another draw of images would both train the probe and test it. So every
variance here is that of the images' answers, times RETRAINING.

Multiple comparisons with the best (Hsu, Annals of Statistics 12, 1984): a model is ruled out if
some other is better by more than chance explains, allowing for the choice of that other one. The
leader is a selected maximum: its own interval reaches lower, and its accuracy is corrected.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import special, stats

from basemodel.seeds import seed_of
from basemodel.statistics.bootstrap import LEVEL

# A probe that is trained again on other images multiplies the variance of its cross-validated
# accuracy by 0.8 to 1.7 in simulations (benchmarks/intervals.py, docs/intervals.md).
RETRAINING = 1.75
DRAWS = 2000  # of the largest of several deviations
SELECTIONS = 400  # resamples in which the leader is chosen again
BLOCK = 50  # of these at a time: 30,000 images take 12 MB
TAIL = (1 - LEVEL) / 2  # of an interval
RULED_OUT = 1 - LEVEL  # the probability with which a model that truly is the best is ruled out
ENOUGH = 0.8  # probability with which `shown` is found
NOTHING = 1e-9  # below this a standard error is rounding


# What a value is if no accuracy, and so the scale on which its interval is symmetric: an average
# precision; R², which is at most 1; a correlation.
Scale = Literal["logit", "log", "fisher"]
# Of x: its place on the scale, the slope there, and the way back
SCALES = {
    "logit": (special.logit, lambda x: 1 / (x * (1 - x)), special.expit),
    "log": (lambda x: -np.log(1 - x), lambda x: 1 / (1 - x), lambda z: 1 - np.exp(-z)),
    "fisher": (np.arctanh, lambda x: 1 / (1 - x**2), np.tanh),
}


@dataclass(frozen=True)
class Sample:
    """The models' values and what each group of images contributes to them.

    value: float64 [models]. influence: float64 [models, groups], how much each group moves the
    value, to first order; rows add to 0. weight: float64 [groups], adding to 1: each group's share
    of the images. independent: the largest number of independent images that there may be.
    share: whether the value is a proportion (an accuracy), or at least between 0 and 1.
    step: the smallest difference that one group makes, for the continuity correction, or 0.
    scale: what the value is, if no accuracy.
    retraining: what variances are multiplied by as the models would be trained on other images; 1
    if the trained networks are what is compared. own: a variance that each value has by itself,
    such as that between seeds, float64 [models], or None.
    """

    value: np.ndarray
    influence: np.ndarray
    weight: np.ndarray
    independent: float
    share: bool = True
    step: float = 0.0
    scale: Scale | None = None
    retraining: float = RETRAINING
    own: np.ndarray | None = None


@dataclass(frozen=True)
class Compared:
    """Models compared; all arrays [models] are in the order given.

    order: from best to worst (the first given, if tied). low, high: ends of the 95 % interval of
    each value alone; of the leader, order[0], allowing for its choice. leader: its value corrected
    for that choice. possible_best: false for a model that is not the best; a model that truly is
    the best is called so with a probability of at most 5 %. behind, behind_low, behind_high: how
    far it is behind the best of the others, at least 0, with a 95 % interval. shown: the smallest
    difference from the leader that so many images show with a probability of 80 %; NaN for one
    model, or if all give the same answers.
    """

    order: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    leader: float
    possible_best: np.ndarray
    behind: np.ndarray
    behind_low: np.ndarray
    behind_high: np.ndarray
    shown: float


def accuracies(
    correct: np.ndarray, weights: np.ndarray | None = None, groups: np.ndarray | None = None
) -> Sample:
    """The sample of models' answers to the same images.

    correct: bool [models, images]; weights: each image's, float [images] (default: equal); groups:
    of images that are not independent, such as copies or one animal's, [images] (default: none).
    """
    images = correct.shape[1]
    weights = np.ones(images) if weights is None else np.asarray(weights, np.float64)
    weights = weights / weights.sum()
    _, group = np.unique(np.arange(images) if groups is None else groups, return_inverse=True)
    value = correct @ weights
    deviation = weights * (correct - value[:, None])
    return Sample(
        value=value,
        influence=np.stack([np.bincount(group, of_model) for of_model in deviation]),
        weight=(weight := np.bincount(group, weights)),
        independent=1 / (weights**2).sum(),
        step=float((weight**2).sum()),
    )


def compare(sample: Sample, seed: object) -> Compared:
    """Compare models. Raises ValueError for fewer than two groups of images."""
    value, influence, weight = sample.value, sample.influence, sample.weight
    models, groups = influence.shape
    if groups < 2:
        raise ValueError(
            f"{groups} group of images: nothing can be compared, at least 2 are needed"
        )
    rng = np.random.default_rng(seed_of("possible_best", models, groups, seed))
    covariance = _unbiased(sample) * influence @ influence.T
    if sample.own is not None:
        covariance = covariance + np.diag(sample.own)
    variance = np.diag(covariance)
    spectrum, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.maximum(spectrum, 0))
    deviations = rng.standard_normal((DRAWS, models)) @ root.T

    ahead = value[None, :] - value[:, None]  # of the second, before the first
    spread = np.sqrt(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 0))
    # The variance if the two were equal: with their difference, as in McNemar's test.
    error = np.sqrt(
        spread**2 * (groups - 1) / groups + sample.retraining * ahead**2 * (weight**2).sum()
    )
    behind_low, behind_high = np.zeros(models), np.zeros(models)
    factors = np.zeros(models)
    for i in range(models):
        others = np.flatnonzero(error[i] > NOTHING)  # all but those with the same answers
        if len(others):
            drawn = deviations[:, others] - deviations[:, [i]]
            factors[i] = _quantile(drawn / np.maximum(spread[i, others], NOTHING), RULED_OUT)
            reach = factors[i] * error[i, others] + sample.step
            behind_low[i] = max(0, (ahead[i, others] - reach).max())
            behind_high[i] = max(0, (ahead[i, others] + reach).max())
    if sample.share:
        behind_high = behind_high.clip(max=1)

    order = np.argsort(-value, kind="stable")
    leader, possible = order[0], behind_low == 0
    low, high = _own(sample, variance, TAIL)
    # Only models that may be the best could have been the leader as well.
    rivals = np.flatnonzero(possible & (np.sqrt(variance) > NOTHING))
    if len(rivals):
        chosen = _quantile(deviations[:, rivals] / np.sqrt(variance[rivals]), TAIL)
        low[leader] = _own(sample, variance, float(stats.norm.sf(chosen)))[0][leader]
    rest = np.flatnonzero(error[leader] > NOTHING)
    shown = np.nan
    if len(rest):
        shown = (factors[leader] + stats.norm.ppf(ENOUGH)) * float(np.median(error[leader, rest]))
    corrected = (value[leader] - _optimism(sample, rng)).clip(low[leader], high[leader])
    return Compared(
        order, value, low, high, float(corrected), possible,
        ahead.max(axis=1), behind_low, behind_high, shown,
    )  # fmt: skip


def intervals(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the 95 % interval of each model alone, none of them chosen: float64 [models]."""
    variance = _unbiased(sample) * (sample.influence**2).sum(axis=1)
    return _own(sample, variance if sample.own is None else variance + sample.own, TAIL)


def difference(
    sample: Sample, one: int, other: int, tail: float = TAIL
) -> tuple[float, float, float]:
    """How far the value of `one` is above that of `other`, with its 95 % interval.

    Two models that were chosen beforehand, or on other images: there is no correction for a choice,
    unless `tail`, the probability at each end, is made smaller.
    """
    value = float(sample.value[one] - sample.value[other])
    of_images = ((sample.influence[one] - sample.influence[other]) ** 2).sum()
    variance = _unbiased(sample) * of_images
    if sample.own is not None:
        variance += sample.own[one] + sample.own[other]
    reach = float(stats.t.isf(tail, max(1, len(sample.weight) - 1)) * np.sqrt(variance))
    reach += sample.step if of_images else 0.0
    return value, value - reach, value + reach


def _unbiased(sample: Sample) -> float:
    """What the products of influences are multiplied by to estimate variances and covariances."""
    groups = len(sample.weight)
    return sample.retraining * groups / max(1, groups - 1)


def _quantile(deviations: np.ndarray, tail: float) -> float:
    """What the largest of standardised deviations [draws, models] exceeds in `tail` of draws."""
    exact = float(stats.norm.ppf(1 - tail))  # of a single one
    if deviations.shape[1] == 1:
        return exact
    return max(exact, float(np.quantile(deviations.max(axis=1), 1 - tail)))


def _own(sample: Sample, variance: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """The ends of each model's interval, the lower one exceeded by chance in `tail` of cases.

    For proportions Jeffreys' interval (Brown, Cai and DasGupta, Statistical Science 16, 2001) with
    the number of independent images that the variance amounts to; it does not collapse at 0 or 1.
    """
    value, groups = sample.value, len(sample.weight)
    if sample.scale:
        return _on_scale(sample, variance, tail)
    if not sample.share:
        error = np.sqrt(variance)
        low, high = stats.t.ppf([tail, 1 - TAIL], groups - 1)
        return value + low * error, value + high * error
    most = (sample.independent - 1) / sample.retraining
    least = min((1 / (sample.weight**2).sum() - 1) / sample.retraining, most)
    flat = variance < NOTHING**2
    inside, fewest = value, least
    if sample.own is not None:  # what images do not share; all right or wrong is no certainty
        inside, fewest = (most * value + 0.5) / (most + 1), min(1.0, most)
    n = inside * (1 - inside) / np.where(flat, 1, variance)
    n = np.where(flat, least, n).clip(fewest, most)
    right, wrong = n * value, n * (1 - value)
    low = stats.beta.ppf(tail, right + 0.5, wrong + 0.5)
    high = stats.beta.ppf(1 - TAIL, right + 0.5, wrong + 0.5)
    return np.where(right < NOTHING, 0, low), np.where(wrong < NOTHING, 1, high)


def _on_scale(sample: Sample, variance: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Student's t on the value's scale; where nothing varies, as where the average precision is 1,
    Jeffreys' interval of the images."""
    below, above = stats.t.ppf([tail, 1 - TAIL], len(sample.weight) - 1)
    there, slope, back = SCALES[sample.scale]
    inside = sample.value.clip(max=1 - NOTHING)
    error = slope(inside) * np.sqrt(variance)
    low, high = back(there(inside) + below * error), back(there(inside) + above * error)
    flat = variance < NOTHING**2
    if flat.any() and sample.scale == "logit":
        low_flat, high_flat = _own(replace(sample, scale=None), variance, tail)
        low, high = np.where(flat, low_flat, low), np.where(flat, high_flat, high)
    return low, high


def _optimism(sample: Sample, rng: np.random.Generator) -> float:
    """By how much the leader's value is too high because it leads.

    In resamples of the groups the leader is chosen again and measured on those that are not in the
    resample (Tsamardinos et al., Machine Learning 107, 2018). Images that chose nothing still share
    the probes' training images; as the optimism grows with the standard error, that is allowed for.
    """
    value, influence, weight = sample.value, sample.influence, sample.weight
    groups, lost = len(weight), []
    for _ in range(SELECTIONS // BLOCK):
        counts = rng.multinomial(groups, np.full(groups, 1 / groups), BLOCK)
        # Rounded, so that ties are ties
        chosen = (value + counts @ influence.T).round(12).argmax(axis=1)
        out = counts == 0
        outside = (out * influence[chosen]).sum(axis=1) / np.maximum(out @ weight, NOTHING)
        lost += list((value.max() - value[chosen] - outside)[out.any(axis=1)])
    return float(np.sqrt(sample.retraining) * max(0.0, np.mean(lost))) if lost else 0.0
