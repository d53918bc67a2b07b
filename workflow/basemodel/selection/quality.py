"""How good fine-tuned networks are: accuracy, macro-averaged precision or R², and how sure that is.

`answers` of a network are, for each image: the class that it names; a score for each tag, larger
for more likely; or a number. `labels`: the class; a list of tags; or the number.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from basemodel.statistics.measures import macro_average_precision, r_squared, table_of_tags
from basemodel.statistics.possible_best import Sample, accuracies

NAMES = {"classes": "accuracy", "tags": "mean average precision", "number": "R²"}
# What seeds change if no candidate was fine-tuned with two: a standard deviation, and how many
# seeds' worth of evidence that is.
SEEDS, EVIDENCE = 0.02, 2

Answers = Sequence[Any]  # of one network, to all images


def value(task: str, answers: Answers, labels: Sequence[Any]) -> float:
    """Accuracy; the mean of the tags' average precisions, without tags that no image has; or R²,
    which is 0 for the mean of the labels, and less for what is worse."""
    if task == "classes":  # exact, where the weighted sum is rounded
        return float(np.mean(np.asarray(answers) == np.asarray(labels)))
    return float(_of(task, answers, labels, None).value[0])


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
    values, influences, spread, degrees = [], [], 0.0, 0
    for of_model in answers:
        found = [_of(task, each, labels, groups) for each in of_model]
        each = np.array([one.value[0] for one in found])
        influence = np.array([one.influence[0] for one in found])
        values.append(each.mean())
        influences.append(influence.mean(axis=0))
        spread += ((each - each.mean()) ** 2).sum() - ((influence - influence.mean(0)) ** 2).sum()
        degrees += len(found) - 1
    seeds = np.array([len(of_model) for of_model in answers])
    variance = (EVIDENCE * SEEDS**2 + max(0.0, spread)) / (EVIDENCE + degrees)
    return replace(
        found[0],
        value=np.array(values),
        influence=np.array(influences),
        step=found[0].step / seeds.max(),
        retraining=1.0,
        own=variance / seeds,
    )


def _of(task: str, answers: Answers, labels: Sequence[Any], groups: Sequence[Any] | None) -> Sample:
    """One network's."""
    if task == "classes":
        return accuracies((np.asarray(answers) == np.asarray(labels))[None], groups=groups)
    outputs = np.asarray(answers, float)
    if task == "number":
        return r_squared(outputs[None], np.asarray(labels, float), groups)
    tags = table_of_tags(labels, outputs.shape[1])
    there = tags.any(axis=0)
    return macro_average_precision(outputs[None][:, :, there], tags[:, there], groups)
