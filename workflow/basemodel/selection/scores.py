"""What is computed from one candidate's arrays: metrics, and predictions for held-out images."""

import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from basemodel import metrics
from basemodel.models.failures import told
from basemodel.run import versions
from basemodel.seeds import seed_of
from basemodel.selection import earlier
from basemodel.selection.measured import BY
from basemodel.statistics.measures import macro_average_precision, r_squared, table_of_tags
from basemodel.statistics.possible_best import Sample, accuracies

PREDICTORS = tuple(BY.values())  # metrics that predict the labels of held-out images
NEED_ZEROS = ("S5", "S6")
HALVES = 10  # random half-samples of the images, without replacement
MISSING = {
    "labels": "needs labelled images",
    "featuremaps": "there is no single featuremap",
    "embeddings": "there are no embeddings",
    "probabilities": "no source classes are predicted",
    "card": "known of this project's base models only",
}
NOT_CLASSES = {
    "tags": "needs classes, and these are tags",
    "number": "needs classes, and these are numbers",
}
NO_ZEROS = "not applicable: the featuremaps hold no exact zeros"


def scores_of(
    card: Mapping[str, Any],
    arrays: Path,
    chosen: Mapping[str, Any],
    names: Sequence[str],
    seed: object,
    folders: Iterable[Path] = (),
) -> dict[str, Any]:
    """The scores of one candidate, from the arrays that one_candidate.card_of has written.

    `names`: of the metrics; `folders`: of this candidate, where its scores may be already. Returns
    slug; failed, None or the reason: the card's, or that nothing can be predicted; scores
    (`scored`); predictions, of held-out images (`predictions`); seconds.
    """
    started = time.perf_counter()
    found = {"slug": card["slug"], "failed": card["failed"]}
    if card["failed"]:
        return found | {"seconds": 0.0}
    made_from = scores_from(card, chosen, names, seed)
    for folder in folders:
        if there := earlier.scores_in(folder, made_from):
            print(f"{card['candidate']}: its scores are in {folder}")
            return there
    given = {name: np.load(arrays / f"{name}.npy", mmap_mode="r") for name in card["arrays"]}
    probe, task, groups = chosen["probe"], chosen["task"], None
    if task:
        given["labels"] = labels_of(chosen)
    if any("group" in image for image in probe):
        known = [image.get("group", image["file"]) for image in probe]
        groups = np.unique(known, return_inverse=True)[1]
    try:
        found["predictions"] = predictions(given, groups, task)
    except Exception as error:  # without them it has no place in the order
        traceback.print_exc()
        found["failed"] = f"its images' labels cannot be predicted: {told(error)}"
    found["scores"] = scored(given, names, seed, found.get("predictions", {}), groups, task)
    return found | {"made_from": made_from, "seconds": time.perf_counter() - started}


def scores_from(
    made: Mapping[str, Any], chosen: Mapping[str, Any], names: Sequence[str], seed: object
) -> str:
    """All that a candidate's scores depend on. `made`: its card; `names`: of the metrics."""
    return earlier.hash_of(
        ["basemodel.selection.scores", *metrics.module_names(names)],
        arrays=made["arrays"],
        labels=[image["label"] for image in chosen["probe"]],
        groups=[image.get("group") for image in chosen["probe"]],
        task=chosen["task"],
        metrics=list(names),
        seed=seed,
        versions=versions.of(("numpy", "scipy")),
    )


def labels_of(chosen: Mapping[str, Any]) -> np.ndarray | None:
    """The probe images' labels, or None if they have none. chosen: images.json.

    Classes are int64 [n]; tags 0 or 1, float64 [n, tags]; numbers float64 [n, 1].
    """
    labels = [image["label"] for image in chosen["probe"]]
    match chosen["task"]:
        case "classes":
            return np.array(labels)
        case "tags":
            return table_of_tags(labels, len(chosen["classes"]))
        case "number":
            return np.array(labels, float)[:, None]
    return None


def scored(
    given: Mapping[str, np.ndarray],
    names: Iterable[str],
    seed: object,
    predicted: Mapping[str, list],
    groups: np.ndarray | None = None,
    task: str | None = "classes",
    spread: bool = True,
) -> dict[str, dict[str, Any]]:
    """Each metric of one candidate.

    given: the arrays that there are, by their names in metrics.INPUTS; labels are those of
    `labels_of`; predicted: `predictions`, whose scores are not computed again; task: what the
    labels are; groups: of images that are not independent, int64 [n], of which only half-samples
    know: each has all of a group or none. Of each metric: `terms`, as its compute returns them, and
    `halves`, a list of terms on half-samples of the images, for
    metrics that need no featuremaps; or else `note`, why there is no value. Half-samples are
    stratified by class and the same for all candidates. Their spread is that of the score on all
    images. (Images that appear twice, as in a bootstrap, spoil most metrics.) Without `spread` no
    half-samples are taken.
    """
    found = {}
    for name in names:
        if name in predicted:
            if task == "classes":
                value = (np.array(predicted[name]) == given["labels"]).mean()
            else:
                [value] = sample_of(task, [predicted[name]], given["labels"]).value
            found[name] = {"terms": {"value": float(value)}, "halves": []}
        else:
            found[name] = _score_or_note(name, given, seed, groups, task, spread)
    return found


def sample_of(
    task: str,
    predicted: Sequence[Sequence],
    labels: np.ndarray,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Sample:
    """The measure of the task for each model: accuracy, macro average precision, or R².

    predicted: of each model, as `predictions` returns them; labels: of `labels_of`; weights: of
    images, for accuracies only; groups: of images that are not independent.
    """
    given = np.array(predicted)
    match task:
        case "classes":
            return accuracies(given == labels, weights, groups)
        case "tags":
            return macro_average_precision(given, labels, groups)
    return r_squared(given[:, :, 0], labels[:, 0], groups)


def predictions(
    given: Mapping[str, np.ndarray],
    groups: np.ndarray | None = None,
    task: str | None = "classes",
) -> dict[str, list]:
    """The label predicted for each image by each of PREDICTORS, while its group is held out.

    Of tags and numbers, a list of outputs for each image, one per tag. groups: int64 [n]; by
    default each image is one. Empty without labels or with one class only. Raises ValueError if
    all images are of one group, so that tags or numbers cannot be predicted.
    """
    if "labels" not in given:
        return {}
    if task != "classes":
        outputs = {
            name: metrics.load(name).outputs(given["embeddings"], given["labels"], groups)
            for name in PREDICTORS
        }
        if any(np.isnan(each).any() for each in outputs.values()):
            raise ValueError("all images are of one group")
        return {name: each.tolist() for name, each in outputs.items()}
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
    name: str,
    given: Mapping[str, np.ndarray],
    seed: object,
    groups: np.ndarray | None,
    task: str | None,
    spread: bool,
) -> dict[str, Any]:
    try:
        if task in NOT_CLASSES and "labels" in metrics.inputs(name):
            return _of_targets(name, given, seed, groups, task, spread)
        return _score(name, given, seed, groups, spread)
    except Exception as error:
        traceback.print_exc()
        return {"note": f"it failed: {told(error)}"}


def _score(
    name: str,
    given: Mapping[str, np.ndarray],
    seed: object,
    groups: np.ndarray | None,
    spread: bool,
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
    if spread and "featuremaps" not in wanted and name not in PREDICTORS:
        labels = given.get("labels")
        labels = None if labels is None or labels.ndim > 1 else labels  # of tags and numbers none
        rows = halves(labels, len(given["embeddings"]), seed, groups)
    of_halves = [metrics.compute(name, {key: given[key][part] for key in wanted}) for part in rows]
    return {"terms": terms, "halves": of_halves}


def _of_targets(
    name: str,
    given: Mapping[str, np.ndarray],
    seed: object,
    groups: np.ndarray | None,
    task: str,
    spread: bool,
) -> dict[str, Any]:
    """A metric that compares outputs with tags or numbers: LogME only, and the predictors."""
    if name != "LogME":
        return {"note": NOT_CLASSES[task]}
    both = given["embeddings"], given["labels"]
    evidence = metrics.load(name).evidence
    rows = halves(None, len(both[0]), seed, groups) if spread else []
    return {
        "terms": {"value": evidence(*both)},
        "halves": [{"value": evidence(*(each[part] for each in both))} for part in rows],
    }
