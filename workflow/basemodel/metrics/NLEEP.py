"""NLEEP: LEEP with clusters of the embeddings in the place of source classes."""

import numpy as np

from basemodel.metrics import NotApplicable
from basemodel.metrics._embeddings import centred, check, principal_components
from basemodel.metrics._leep import leep
from basemodel.metrics._mixture import responsibilities
from basemodel.seeds import seed_of

LABEL = "NLEEP"
NAME = "LEEP of Gaussian clusters"
LARGER_IS_BETTER = True
INPUTS = ("embeddings", "labels")
COMPARES_ARCHITECTURES = False

SHARE = 0.8  # of the variance, kept by the principal components
PER_CLASS = 5  # clusters
SMALLEST = 5  # images a cluster, on average
MOST_POSTERIORS = 20_000_000  # images × clusters: a minute, more or less


def compute(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """LEEP of the posteriors of a Gaussian mixture, in nats, at most 0.

    Also returns "clusters" and "features", the numbers of both that were used.
    Li et al., "Ranking Neural Checkpoints", CVPR 2021. The embeddings are reduced to the fewest
    principal components that hold 80 % of their variance; a mixture of normal distributions with
    diagonal covariances is fitted to them; its posteriors replace θ in LEEP.

    embeddings: float [N, D]; labels: int64 [N], K classes. The paper has 5K clusters.
    **Choice**: min(5K, N/5). With ten images a class, 5K would leave two images to a cluster, whose
    variances mean nothing, and LEEP would count pairs; so there are 2K.
    With N < D there are fewer than N components. The start is random (k-means++), from a fixed
    seed, so the order of the images matters a little. A class of one image counts like others.
    Constant embeddings: minus the entropy of the labels. One class: 0. Raises ValueError for NaN,
    infinity, or labels that do not fit; NotApplicable, where there would be more posteriors than
    MOST_POSTERIORS.

    Does not compare architectures: in sample, noise of few features scores above a signal that is
    spread over many, because few clusters are told apart in many dimensions.
    """
    x, y, classes = check(LABEL, embeddings, labels)
    x = centred(x)
    clusters = max(1, min(PER_CLASS * classes, len(x) // SMALLEST))
    if len(x) * clusters > MOST_POSTERIORS:
        raise NotApplicable(f"{LABEL}: not applicable to {len(x):,} images in {classes:,} classes")
    theta, kept = np.ones((len(x), 1)), 0
    if x.any():
        x, variance = principal_components(x)
        share = np.cumsum(variance) / variance.sum()
        kept = int(np.searchsorted(share, SHARE - 1e-12)) + 1
        generator = np.random.default_rng(seed_of("NLEEP"))
        theta = responsibilities(x[:, :kept], clusters, generator)
    return {"value": leep(theta, y, classes), "clusters": clusters, "features": kept}
