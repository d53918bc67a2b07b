"""LEEP: how well the source task's predictions predict the labels."""

import numpy as np

from basemodel.metrics._embeddings import check_probabilities
from basemodel.metrics._leep import leep

LABEL = "LEEP"
NAME = "log expected empirical prediction"
LARGER_IS_BETTER = True
INPUTS = ("probabilities", "labels")
COMPARES_ARCHITECTURES = False


def compute(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """(1/N) Σ_i log Σ_z P̂(y_i|z) θ_z(x_i), in nats, at most 0.

    Nguyen et al., "LEEP: A New Measure to Evaluate Transferability of Learned Representations",
    ICML 2020. θ_z(x) is the probability of source class z; P̂(y|z) comes from the mean of θ_z over
    the images of class y.

    probabilities: float [N, Z], rows sum to 1; labels: int64 [N]. The number of features does not
    enter. A source class whose probability is 0 for all images adds 0. A class of one image is a
    class like others. Constant probabilities: minus the entropy of the labels. One class: 0.
    The more source classes, the closer they fit the labels of few images: base models with
    different numbers of source classes are not on equal terms. Raises ValueError for NaN, infinity,
    rows that are no probabilities, or labels that do not fit.

    Does not compare architectures: in sample, noise scores high if predictions are sharp or source
    classes are many, and the features behind the predictions are not looked at.
    """
    theta, y, classes = check_probabilities(LABEL, probabilities, labels)
    return {"value": leep(theta, y, classes)}
