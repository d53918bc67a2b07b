"""What is computed from one candidate's arrays: metrics, and predictions for held-out images."""

import traceback
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from basemodel import metrics
from basemodel.models.failures import told
from basemodel.seeds import seed_of

PREDICTORS = ("LinearProbe", "kNN")  # metrics that predict the classes of held-out images
NEED_ZEROS = ("S5", "S6")
HALVES = 10  # random half-samples of the images, without replacement
MISSING = {
    "labels": "needs labelled images",
    "featuremaps": "there is no single featuremap",
    "embeddings": "there are no embeddings",
    "probabilities": "no source classes are predicted",
    "card": "known of this project's base models only",
}
NO_ZEROS = "not applicable: the featuremaps hold no exact zeros"


def scored(
    given: Mapping[str, np.ndarray],
    names: Iterable[str],
    seed: object,
    predicted: Mapping[str, list[int]],
    groups: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Each metric of one candidate.

    given: the arrays that there are, by their names in metrics.INPUTS; predicted: `predictions`,
    whose accuracies are not computed again; groups: of images that are not independent, int64 [n],
    of which only half-samples know: each has all of a group or none. Of each metric: `terms`, as
    its compute returns them, and `halves`, a list of terms on half-samples of the images, for
    metrics that need no featuremaps; or else `note`, why there is no value. Half-samples are
    stratified by class and the same for all candidates. Their spread is that of the score on all
    images. (Images that appear twice, as in a bootstrap, spoil most metrics.)
    """
    found = {}
    for name in names:
        if name in predicted:
            right = np.array(predicted[name]) == given["labels"]
            found[name] = {"terms": {"value": float(right.mean())}, "halves": []}
        else:
            found[name] = _score_or_note(name, given, seed, groups)
    return found


def predictions(
    given: Mapping[str, np.ndarray], groups: np.ndarray | None = None
) -> dict[str, list[int]]:
    """The label predicted for each image by each of PREDICTORS, while its group is held out.

    groups: int64 [n]; by default each image is one. Empty without labels or with one class only.
    """
    if "labels" not in given:
        return {}
    found = {
        name: metrics.load(name).predict(given["embeddings"], given["labels"], groups)
        for name in PREDICTORS
    }
    return {name: labels.tolist() for name, labels in found.items() if labels is not None}


def halves(
    labels: np.ndarray | None, n: int, seed: object, groups: np.ndarray | None = None
) -> list[np.ndarray]:
    """Rows of random halves of n images, ascending; of an odd class one more or one less.

    groups: int64 [n]; each is in a half as a whole, and counts as one of its first image's class.
    """
    rng = np.random.default_rng(seed_of("halves", n, seed))
    labels = np.zeros(n) if labels is None else labels
    first = group = np.arange(n)
    if groups is not None:
        _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    found = []
    for number in range(HALVES):
        chosen = np.zeros(len(first), bool)
        for position, label in enumerate(np.unique(labels)):
            of_class = rng.permutation(np.flatnonzero(labels[first] == label))
            extra = len(of_class) % 2 * ((number + position) % 2)
            chosen[of_class[: len(of_class) // 2 + extra]] = True
        found.append(np.flatnonzero(chosen[group]))
    return found


def _score_or_note(
    name: str, given: Mapping[str, np.ndarray], seed: object, groups: np.ndarray | None
) -> dict[str, Any]:
    try:
        return _score(name, given, seed, groups)
    except Exception as error:
        traceback.print_exc()
        return {"note": f"it failed: {told(error)}"}


def _score(
    name: str, given: Mapping[str, np.ndarray], seed: object, groups: np.ndarray | None
) -> dict[str, Any]:
    wanted = metrics.inputs(name)
    for what in wanted:
        if what not in given:
            return {"note": MISSING[what]}
    try:
        terms = metrics.compute(name, given)
    except metrics.NotApplicable as error:
        return {"note": str(error)}
    if name in NEED_ZEROS and not (given["featuremaps"] == 0).any():
        return {"note": NO_ZEROS}
    rows = []
    if "featuremaps" not in wanted and name not in PREDICTORS:
        rows = halves(given.get("labels"), len(given["embeddings"]), seed, groups)
    of_halves = [metrics.compute(name, {key: given[key][part] for key in wanted}) for part in rows]
    return {"terms": terms, "halves": of_halves}
