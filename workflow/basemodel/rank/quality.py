"""How good fine-tuned networks are: accuracy, macro-averaged precision or R², and how sure that is.

`answers` of a network are, for each image: the class that it names; a score for each tag, larger
for more likely; or a number. `labels`: the class; a list of tags; or the number.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, r2_score

from basemodel.seeds import seed_of
from basemodel.statistics.possible_best import Sample

NAMES = {"classes": "accuracy", "tags": "mean average precision", "number": "R²"}
BLOCKS = 100  # of images that are left out in turn
# What seeds change if no candidate was fine-tuned with two: a standard deviation, and how many
# seeds' worth of evidence that is.
SEEDS, EVIDENCE = 0.02, 2

Answers = Sequence[Any]  # of one network, to all images


def value(task: str, answers: Answers, labels: Sequence[Any]) -> float:
    """Accuracy; the mean of the tags' average precisions, without tags that no image has; or R²,
    which is 0 for the mean of the labels, and less for what is worse."""
    if task == "classes":
        return float(np.mean(np.asarray(answers) == np.asarray(labels)))
    if task == "tags":
        return _precision(np.asarray(answers, float), _table(labels, len(answers[0])))
    return float(r2_score(np.asarray(labels, float), np.asarray(answers, float)))


def sample(
    task: str,
    answers: Sequence[Sequence[Answers]],
    labels: Sequence[Any],
    groups: Sequence[Any] | None = None,
) -> Sample:
    """What statistics.possible_best compares: of each model the mean over its seeds.

    answers: [models][seeds], the numbers of seeds may differ; groups: of images that are not
    independent. Both images and seeds are random. The variance between seeds is what is left of it
    beyond that of single images' answers, which the images' contributions hold already; it is taken
    to be the same for all models, and with one seed each to be SEEDS².
    """
    units = np.unique(range(len(labels)) if groups is None else groups, return_inverse=True)[1]
    values, influences, spread, degrees = [], [], 0.0, 0
    for of_model in answers:
        found = [_influence(task, each, labels, units) for each in of_model]
        each = np.array([value for value, _, _ in found])
        influence = np.array([influence for _, influence, _ in found])
        weight = found[0][2]
        values.append(each.mean())
        influences.append(influence.mean(axis=0))
        spread += ((each - each.mean()) ** 2).sum() - ((influence - influence.mean(0)) ** 2).sum()
        degrees += len(found) - 1
    variance = (EVIDENCE * SEEDS**2 + max(0.0, spread)) / (EVIDENCE + degrees)
    seeds = np.array([len(of_model) for of_model in answers])
    return Sample(
        value=np.array(values),
        influence=np.array(influences),
        weight=weight,
        independent=len(labels) if task == "classes" else len(weight),
        share=task != "number",
        step=float((weight**2).sum()) / seeds.max() if task == "classes" else 0.0,
        retraining=1.0,
        own=variance / seeds,
    )


def _influence(
    task: str, answers: Answers, labels: Sequence[Any], units: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """A network's value, how much each block of images moves it, adding to 0, and their weights.

    Of classes, blocks are the units; otherwise at most BLOCKS of them, left out in turn (the
    jackknife of blocks: Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
    """
    if task == "classes":
        right = (np.asarray(answers) == np.asarray(labels)).astype(float)
        mean, n = right.mean(), len(right)
        return mean, np.bincount(units, right - mean) / n, np.bincount(units) / n
    count = units.max() + 1
    block = np.random.default_rng(seed_of("blocks", count)).permutation(count) % BLOCKS
    block = block[units]
    answers = np.asarray(answers, float)
    known = np.asarray(labels, float) if task == "number" else _table(labels, answers.shape[1])
    of = r2_score if task == "number" else lambda known, answers: _precision(answers, known)
    whole, weight = float(of(known, answers)), np.bincount(block) / len(block)
    without = [float(of(known[block != b], answers[block != b])) for b in range(len(weight))]
    influence = (1 - weight) * (whole - np.array(without))
    return whole, influence - influence.mean(), weight


def _table(labels: Sequence[Sequence[int]], tags: int) -> np.ndarray:
    """Which tags images have, bool [n, tags]."""
    found = np.zeros((len(labels), tags), bool)
    for row, of_image in enumerate(labels):
        found[row, list(of_image)] = True
    return found


def _precision(scores: np.ndarray, known: np.ndarray) -> float:
    there = known.any(axis=0)
    if not there.any():
        return 0.0
    return float(average_precision_score(known[:, there], scores[:, there], average="macro"))
