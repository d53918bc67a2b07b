"""How well outputs for held-out images fit tags or numbers, and how sure that is.

Each measure is computed for every model on all images, and without each group of images in turn
(the jackknife: Efron and Stein, Annals of Statistics 9, 1981). Outputs are taken as they are: what
training on another draw of images adds is possible_best.RETRAINING.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.stats import rankdata

from basemodel.statistics.possible_best import Sample, Scale

Measure = Callable[[np.ndarray], tuple[float, np.ndarray]]  # with all groups, and without each

BLOCK = 2**21  # pairs of images at once: 16 MB


def table_of_tags(labels: Sequence[Sequence[int]], tags: int) -> np.ndarray:
    """Which tags images have, 0 or 1, float64 [images, tags], from lists of their numbers."""
    found = np.zeros((len(labels), tags))
    for row, of_image in zip(found, labels, strict=True):
        row[list(of_image)] = 1
    return found


def average_precision(outputs: np.ndarray, tag: np.ndarray) -> float:
    """The mean, over images with the tag, of the precision among all with at least their output.

    As scikit-learn's average_precision_score. outputs: float [images]; tag: 0 or 1 [images], 1 for
    one image at least.
    """
    _, tagged, above, tagged_above = _levels(outputs, tag)
    return float(tagged @ (tagged_above / above) / tagged.sum())


def macro_average_precision(
    outputs: np.ndarray, tags: np.ndarray, groups: np.ndarray | None = None
) -> Sample:
    """The mean over tags of each model's average precision.

    outputs: float [models, images, tags]; tags: 0 or 1 [images, tags]; groups: of images that are
    not independent, [images] (default: none). Of a tag that only one group has, the precision
    without that group is taken to be the one with it.
    """
    group = _numbered(groups, len(tags))

    def measure(of_model: np.ndarray) -> tuple[float, np.ndarray]:
        parts = zip(of_model.T, tags.T, strict=True)
        whole, without = zip(*(_average_precision(*part, group) for part in parts), strict=True)
        return float(np.mean(whole)), np.mean(without, axis=0)

    return _sample(measure, outputs, group, "logit")


def r_squared(outputs: np.ndarray, numbers: np.ndarray, groups: np.ndarray | None = None) -> Sample:
    """1 − SSE / SST of each model. outputs: float [models, images]; numbers: float [images]."""
    group = _numbered(groups, len(numbers))
    spread = numbers.std()
    y, n = (numbers - numbers.mean()) / spread, np.bincount(group)
    sums, squares = np.bincount(group, y), np.bincount(group, y**2)
    total = squares.sum() - squares - sums**2 / np.maximum(len(y) - n, 1)  # y adds to 0

    def measure(of_model: np.ndarray) -> tuple[float, np.ndarray]:
        errors = np.bincount(group, ((of_model - numbers) / spread) ** 2)
        return float(1 - errors.sum() / len(y)), 1 - (errors.sum() - errors) / total

    return _sample(measure, outputs, group, "log")


def rank_correlation(
    outputs: np.ndarray, numbers: np.ndarray, groups: np.ndarray | None = None
) -> Sample:
    """Spearman's ρ of each model's outputs, float [models, images], and numbers, float [images]."""
    group = _numbered(groups, len(numbers))
    order, starts = _sorted(group)

    def measure(of_model: np.ndarray) -> tuple[float, np.ndarray]:
        both = [rankdata(each) for each in (of_model, numbers)]
        whole = _correlations(*both, np.ones((1, len(group))))
        without = []
        for part in _parts(starts, len(group)):
            kept = (group != np.arange(part.start, part.stop)[:, None]).astype(float)
            members = order[starts[part.start] : np.append(starts, len(order))[part.stop]]
            ends = starts[part] - starts[part.start]
            ranks = [
                each - np.add.reduceat(
                    (each[members, None] < each) + (each[members, None] == each) / 2, ends
                )
                for each in both
            ]  # fmt: skip
            without.append(_correlations(*ranks, kept))
        return float(whole[0]), np.concatenate(without)

    return _sample(measure, outputs, group, "fisher")


def mean_absolute_error(
    outputs: np.ndarray, numbers: np.ndarray, groups: np.ndarray | None = None
) -> Sample:
    """Each model's, in the unit of the numbers, so that smaller is better. Shapes: r_squared."""
    group = _numbered(groups, len(numbers))
    left = len(group) - np.bincount(group)

    def measure(of_model: np.ndarray) -> tuple[float, np.ndarray]:
        errors = np.bincount(group, np.abs(of_model - numbers))
        return float(errors.sum() / len(group)), (errors.sum() - errors) / np.maximum(left, 1)

    return _sample(measure, outputs, group, None)


def _average_precision(
    outputs: np.ndarray, tag: np.ndarray, group: np.ndarray
) -> tuple[float, np.ndarray]:
    """With all groups and without each [groups].

    Of the A images with at least the output of one with the tag, T have the tag: its precision is
    T / A. Without a group of which k images are among these, t of them with the tag, it is
    (T − t) / (A − k). Where k stays the same as outputs get smaller, the precisions of a group are
    added by differences of cumulative sums, for all groups at once.
    """
    level, tagged, above, tagged_above = _levels(outputs, tag)
    key = group * len(above) + level
    order = np.argsort(key, kind="stable")
    key, of, level, has = key[order], group[order], level[order], tag[order] == 1
    starts = np.searchsorted(of, np.arange(of[-1] + 2))  # and the end
    sizes, before = np.diff(starts), np.append(0, np.cumsum(has))
    left = np.zeros(len(sizes))
    for k in range(sizes.max() + 1):
        some = np.flatnonzero(sizes >= k)
        at = starts[some] + k
        first = level[at - 1] if k else np.zeros(len(some), int)
        last = np.where(sizes[some] > k, np.append(level, 0)[at], len(above))
        share = tagged / np.maximum(above - k, 1)
        sums = np.append(0, np.cumsum(share * tagged_above))
        shares = np.append(0, np.cumsum(share))
        t = before[at] - before[starts[some]]
        left[some] += sums[last] - sums[first] - t * (shares[last] - shares[first])
    # The images of a group itself are not there without it.
    last = np.searchsorted(key, key, "right")
    k, t = last - starts[of], before[last] - before[starts[of]]
    left -= np.bincount(of, has * (tagged_above[level] - t) / np.maximum(above[level] - k, 1))
    whole = float(tagged @ (tagged_above / above) / tagged.sum())
    others = tagged.sum() - np.bincount(of, has)
    return whole, np.where(others > 0, left / np.maximum(others, 1), whole)


def _levels(outputs: np.ndarray, tag: np.ndarray) -> tuple[np.ndarray, ...]:
    """The level of each image, 0 for the largest output; and for each level the images with the
    tag, all images down to it, and those of them with the tag."""
    _, level = np.unique(-outputs, return_inverse=True)
    tagged = np.bincount(level, tag == 1)
    return level, tagged, np.bincount(level).cumsum(), tagged.cumsum()


def _correlations(first: np.ndarray, second: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Pearson's, of the kept elements of each row; 0 where one of the two is constant."""
    n = kept.sum(axis=1, keepdims=True)
    x, y = (
        (each - (kept * each).sum(axis=1, keepdims=True) / n) * kept for each in (first, second)
    )
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.where(size > 0, (x * y).sum(axis=1) / np.where(size > 0, size, 1), 0)


def _sample(
    measure: Measure, outputs: np.ndarray, group: np.ndarray, scale: Scale | None
) -> Sample:
    found = [measure(of_model) for of_model in outputs]
    value, without = (np.array(part) for part in zip(*found, strict=True))
    n = without.shape[1]
    return Sample(
        value=value,
        influence=(n - 1) / n * (without.mean(axis=1, keepdims=True) - without),
        weight=np.bincount(group) / len(group),
        independent=len(group),
        share=scale == "logit",  # between 0 and 1
        scale=scale,
    )


def _numbered(groups: np.ndarray | None, images: int) -> np.ndarray:
    return np.unique(np.arange(images) if groups is None else groups, return_inverse=True)[1]


def _sorted(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images in the order of their groups, and where in it each group begins."""
    order = np.argsort(group, kind="stable")
    return order, np.searchsorted(group[order], np.arange(group.max() + 1))


def _parts(starts: np.ndarray, images: int) -> Iterator[slice]:
    """Groups, so many at a time that they have BLOCK pairs with images, or one."""
    first = 0
    while first < len(starts):
        room = starts[first] + BLOCK // images
        last = max(first + 1, int(np.searchsorted(np.append(starts[1:], images), room, "right")))
        yield slice(first, last)
        first = last
