"""S3, pseudo-F: the ratio of inter-class to intra-class discreteness (Calinski and Harabasz)."""

import math

import numpy as np

from basemodel.metrics import S1, S2

LABEL = "S3"
NAME = "pseudo-F"
LARGER_IS_BETTER = True
INPUTS = ("featuremaps", "labels")
COMPARES_ARCHITECTURES = False


def compute(featuremaps: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """[S1/(K−1)] / [S2/(N−K)], without a unit (docs/paper.md, S3). Also returns "S1" and "S2".

    featuremaps: float [N, C, H, W]; labels: int64 [N], K different ones.
    Special cases:
    - one class, or as many classes as images (K=1, K=N): NaN, because the score needs both
      variances. This affects every base model of the target, so its correlation is undefined too;
    - S1=0, all class means are equal: 0, whatever S2 is. A network whose featuremaps are the same
      for every image (S1=S2=0) separates no classes and so ranks last;
    - S2=0 and S1>0, each class is a single point: infinity, which ranks first.
    Raises ValueError for NaN, infinity, or labels that do not fit.

    Does not compare architectures: size and scale of the maps cancel in the ratio, but it is a mean
    over features, and a signal that is spread over more of them scores lower.
    """
    between = S1.compute(featuremaps, labels)["value"]
    within = S2.compute(featuremaps, labels)["value"]
    return {"value": _ratio(between, within, len(labels), len(np.unique(labels)))} | {
        "S1": between,
        "S2": within,
    }


def _ratio(between: float, within: float, n: int, k: int) -> float:
    if k in (1, n):
        return math.nan
    if between == 0:
        return 0.0
    if within == 0:
        return math.inf
    return (between / (k - 1)) / (within / (n - k))
