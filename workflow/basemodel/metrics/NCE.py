"""NCE: how much the predicted source class says about the label."""

import numpy as np

from basemodel.metrics._embeddings import check_probabilities

LABEL = "NCE"
NAME = "negative conditional entropy"
LARGER_IS_BETTER = True
INPUTS = ("probabilities", "labels")
COMPARES_ARCHITECTURES = False


def compute(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """−H(Y|Z) = Σ_{y,z} P̂(y,z) log(P̂(y,z) / P̂(z)), in nats, at most 0.

    Tran, Nguyen and Hassner, "Transferability and Hardness of Supervised Classification Tasks",
    ICCV 2019. Z is the most probable source class of an image (the first, if tied).

    probabilities: float [N, Z], rows sum to 1; labels: int64 [N]. The number of features does not
    enter. A source class that no image is assigned to adds 0, as 0 · log 0. One class: 0. An image
    that is alone in its source class adds 0 as well, which favours many source classes. Raises
    ValueError for NaN, infinity, rows that are no probabilities, or labels that do not fit.

    Does not compare architectures: in sample, noise scores high if predictions are sharp or source
    classes are many, and the features behind the predictions are not looked at.
    """
    theta, y, classes = check_probabilities(LABEL, probabilities, labels)
    joint = np.zeros((classes, theta.shape[1]))
    np.add.at(joint, (y, theta.argmax(axis=1)), 1 / len(y))
    of_source = np.broadcast_to(joint.sum(axis=0), joint.shape)
    seen = joint > 0
    return {"value": float((joint[seen] * np.log(joint[seen] / of_source[seen])).sum())}
