"""Scores and accuracies of all models on all targets as one long table, for statistics.outside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from basemodel.selection.pooled_scores import larger_is_better, pooled_scores, trust
from basemodel.selection.quality import value

# What is known of a model whatever the target is, by its name on the card.
STATIC = {
    "parameters": "parameters_without_classifier",
    "ImageNet accuracy": "imagenet_top1",
    "source classes": "source_classes",
}
COLUMNS = [
    *("target", "model", "family", "architecture", "seed"),
    *("accuracy", "metric", "score", "larger_is_better"),
]

FAILURES = ["target", "model", "lacks", "reason"]
IMAGES = ["target", "classes", "train", "validation", "test", "scores", "told"]


def rows(
    target: str,
    cards: Sequence[Mapping[str, Any]],
    scored: Sequence[Mapping[str, Any]],
    tested: Sequence[Mapping[str, Any]],
    labels: Sequence[int],
    names: Sequence[str],
) -> Iterator[tuple]:
    """The rows of one target, COLUMNS: one for each model, seed and metric.

    cards: of trained models, with model, family and architecture as well; scored: of
    scripts/rank_scores.py; tested: of scripts/rank_test.py; all in one order. labels: of the test
    images; names: of metrics. Scores that are relative to the models compared are so to the trained
    ones of this target. Score is None where there is none; a model without any accuracy has no row.
    """
    there = [i for i, one in enumerate(scored) if not one["failed"]]
    pooled = pooled_scores([scored[i]["scores"] for i in there], names) if there else {}
    for i, (card, test) in enumerate(zip(cards, tested, strict=True)):
        scores = {name: (card.get(key), True) for name, key in STATIC.items()}
        if i in there:
            place = there.index(i)
            scores |= {
                name: (each[place]["value"], larger_is_better(name))
                for name, each in pooled.items()
            }
        of_model = card["model"], card["family"], card["architecture"]
        for seed, answers in enumerate(test["answers"]):
            if answers is None:
                continue
            accuracy = value("classes", answers, labels)
            for metric, (score, larger) in scores.items():
                yield target, *of_model, seed, accuracy, metric, score, larger


def trusted(
    target: str,
    cards: Sequence[Mapping[str, Any]],
    scored: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> Iterator[tuple[str, str, str, str]]:
    """Target, metric, verdict and reason of pooled_scores.trust for each metric.

    cards, scored: of models and then of their untrained baselines, which are not part of any ρ:
    every score would look better that only tells them from trained models.
    """
    there = [i for i, one in enumerate(scored) if not one["failed"]]
    if not there:
        return
    of = [cards[i] for i in there]
    for metric, measured in pooled_scores([scored[i]["scores"] for i in there], names).items():
        parts = ([card[key] for card in of] for key in ("model", "architecture", "untrained"))
        yield target, metric, *trust(metric, measured, *parts)


def failures(
    target: str,
    cards: Sequence[Mapping[str, Any]],
    scored: Sequence[Mapping[str, Any]],
    tested: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[str, str, str, str]]:
    """The rows of FAILURES: each model that has no score, or lacks accuracies, on one target.

    lacks: "all", or "scores", or the seeds of the fine-tunings that failed: "0 and 2".
    """
    for card, scores, test in zip(cards, scored, tested, strict=True):
        lost = [str(seed) for seed, answers in enumerate(test["answers"]) if answers is None]
        if len(lost) == len(test["answers"]):
            yield target, card["model"], "all", test["failed"] or scores["failed"]
        elif lost:
            yield target, card["model"], " and ".join(lost), test["failed"]
        elif scores["failed"]:
            yield target, card["model"], "scores", scores["failed"]


def images(target: str, chosen: Mapping[str, Any], divided: Mapping[str, Any]) -> tuple:
    """The row of IMAGES of one target. chosen: images.json; divided: of rank_tests.py."""
    numbers = (len(divided[part]) for part in ("train", "validation", "test"))
    told = [*chosen["problems"], *divided["problems"]]
    return target, len(chosen["classes"]), *numbers, len(chosen["probe"]), "; ".join(told)
