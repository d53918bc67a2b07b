"""The ranking: everything that the page, the terminal and the table say, in one dictionary."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from basemodel import metrics
from basemodel.files import printable
from basemodel.selection.mistakes import confusion, hard_images
from basemodel.selection.pooled_scores import (
    ERROR,
    PAIR,
    RHO,
    Beyond,
    larger_is_better,
    pooled_scores,
    trust,
)
from basemodel.selection.ranking_json import (
    Agreement,
    Evidence,
    Failure,
    RankedCandidate,
    Ranking,
    Score,
    StaticOrder,
    Tag,
    Timing,
)
from basemodel.selection.scores import PREDICTORS, labels_of, sample_of
from basemodel.statistics.measures import (
    average_precision,
    mean_absolute_error,
    rank_correlation,
)
from basemodel.statistics.possible_best import Compared, Sample, compare, difference, intervals
from basemodel.statistics.spearman import spearman

COPIED = (  # from a card
    "slug", "architecture", "parameters", "multiply_adds", "images_per_second", "licence",
    "source_classes", "sha256", "notes",
)  # fmt: skip
MEASURES = {"tags": "macro average precision", "number": "R²"}  # of PREDICTORS, but for classes
SCORING = "the log of its scores has more; leave it out"  # what to do if these fail


def ranking(
    chosen: Mapping[str, Any],
    cards: Sequence[Mapping[str, Any]],
    scored: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    by: str,
    weights: str,
    imagenet: Mapping[str, float],
    facts: Mapping[str, Any],
    seed: object,
) -> Ranking:
    """Rank candidates.

    chosen: images.json; cards and scored: of candidates and then of their untrained baselines, in
    one order; names: the metrics; by: the score that orders the candidates; weights: "balanced",
    each probe image counts the same, or "natural", each class as in the folder; imagenet: top-1
    accuracies in percent by slug, where known; facts: passed on: name, settings, versions, command,
    verify_command, candidates_folder.
    """
    cards = [
        {**card, "failed": card["failed"] or of_card.get("failed")}
        for card, of_card in zip(cards, scored, strict=True)
    ]
    pairs = zip(cards, scored, strict=True)
    used = [(card, of_card) for card, of_card in pairs if not card["failed"]]
    cards_used, scored_used = [card for card, _ in used], [of_card for _, of_card in used]
    measured = pooled_scores([each["scores"] for each in scored_used], names)
    task, labels = chosen["task"], labels_of(chosen)
    labelled = labels is not None
    untrained = [card["untrained"] for card in cards_used]
    names_shown = [printable(card["candidate"], 300) for card in cards_used]
    architectures = [card["architecture"] for card in cards_used]
    trained = [i for i, baseline in enumerate(untrained) if not baseline]

    compared, samples = None, {}
    if labelled and trained:
        groups = np.array([image.get("group") or image["file"] for image in chosen["probe"]])
        shares = _weights(chosen, labels, weights) if task == "classes" else None
        predicted = {
            name: [each["predictions"][name] for each in scored_used] for name in PREDICTORS
        }
        of_trained = [predicted[by][i] for i in trained]
        compared = compare(sample_of(task, of_trained, labels, shares, groups), seed)
        for name in PREDICTORS:
            samples[name] = sample = sample_of(task, predicted[name], labels, shares, groups)
            low, high = intervals(sample)
            if name == by:  # the leader's allows for its choice
                low[trained], high[trained] = compared.low, compared.high
            for one, *ends in zip(measured[name], low, high, strict=True):
                one |= dict(zip(("low", "high"), map(float, ends), strict=True))
            if weights == "natural":
                for one, value in zip(measured[name], sample.value, strict=True):
                    one["value"] = float(value)
        if task == "number":
            outputs = np.array(predicted[by])[:, :, 0]
            for name, measure in ((RHO, rank_correlation), (ERROR, mean_absolute_error)):
                samples[name] = sample = measure(outputs, labels[:, 0], groups)
                ends = zip(sample.value, *intervals(sample), strict=True)
                measured[name] = [
                    dict(zip(("value", "low", "high"), map(float, e), strict=True)) for e in ends
                ]

    rows = [
        _row(card, {name: measured[name][i] for name in measured}, imagenet.get(card["slug"]))
        for i, card in enumerate(cards_used)
    ]
    candidates = _ordered([rows[i] for i in trained], compared)
    leader = trained[compared.order[0]] if compared is not None else None
    ranked_by = []
    for name in [by, *(name for name in measured if name != by)]:
        beyond = _by_images(samples[name], larger_is_better(name)) if name in samples else None
        trusted = trust(name, measured[name], names_shown, architectures, untrained, beyond)
        ranked_by.append(_score(name, task, trusted))
    by_trained = [scored_used[i]["predictions"].get(by) for i in trained if task == "classes"]
    return {
        "folder": printable(chosen["images"], 1000),
        "labelled": labelled,
        "task": task,
        "images": {
            "probe": len(chosen["probe"]),
            "groups": _groups(chosen),
            "test": len(chosen["test"]),
            "use": chosen["use"],
            "classes": [
                {"name": printable(name), "images": images}
                for name, images in zip(chosen["classes"], _sizes(task, labels), strict=True)
            ],
            "problems": [printable(problem, 1000) for problem in chosen["problems"]],
        },
        "by": by if labelled else None,
        "scores": ranked_by,
        "candidates": candidates,
        "evidence": (
            None
            if compared is None
            else _evidence(compared, _guessing(task, labels, shares), ranked_by[0])
        ),
        "baselines": [row for row in rows if row["baseline"]],
        "failures": _failures(cards),
        "static_order": _static(candidates),
        "agreement": _agreement(candidates, measured),
        "tags": (
            _tags(chosen, labels, scored_used[leader]["predictions"][by])
            if leader is not None and task == "tags"
            else []
        ),
        "hard_images": hard_images(chosen, by_trained),
        "confusion": (
            confusion(chosen, scored_used[leader]["predictions"][by], names_shown[leader])
            if leader is not None and task == "classes"
            else None
        ),
        "verify": None,
        "timing": _timing(cards_used, scored_used),
        **facts,
    }


def _by_images(sample: Sample, larger: bool) -> Beyond:
    """Whether one model is better than another in all but `tail` of draws of images."""

    def beyond(one: int, other: int, tail: float) -> bool:
        _, low, high = difference(sample, one, other, tail)
        return low > 0 if larger else high < 0

    return beyond


def _tags(chosen: Mapping[str, Any], labels: np.ndarray, outputs: Sequence) -> list[Tag]:
    """outputs: of one candidate, for each image and tag."""
    parts = zip(chosen["classes"], np.array(outputs).T, labels.T, strict=True)
    return [
        {
            "name": printable(name),
            "images": int(of_tag.sum()),
            "average_precision": float(average_precision(given, of_tag)),
            "guessing": float(of_tag.mean()),
        }
        for name, given, of_tag in parts
    ]


def _groups(chosen: Mapping[str, Any]) -> int | None:
    """How many independent groups the probe images are, if some of them are in groups."""
    if not any(image.get("group") for image in chosen["probe"]):
        return None
    return len({image.get("group") or image["file"] for image in chosen["probe"]})


def _failures(cards: Sequence[Mapping[str, Any]]) -> list[Failure]:
    """A baseline that fails like all candidates of its architecture is not named again."""
    used = {card["architecture"] for card in cards if not card["untrained"] and not card["failed"]}
    return [
        {
            "name": printable(card["candidate"], 300),
            "reason": printable(card["failed"], 1000),
            "remedy": printable(card["remedy"] or SCORING, 1000),
        }
        for card in cards
        if card["failed"] and (not card["untrained"] or card["architecture"] in used)
    ]


def _row(
    card: Mapping[str, Any], scores: dict[str, dict[str, Any]], imagenet: float | None
) -> RankedCandidate:
    known = card["imagenet_top1"] if card["imagenet_top1"] is not None else imagenet
    return {
        "name": printable(card["candidate"], 300),
        **{key: card[key] for key in COPIED},
        "baseline": card["untrained"],
        "rank": None,
        "scores": {
            name: {
                key: value
                for key, value in one.items()
                if key != "halves" and (key != "note" or value)
            }
            for name, one in scores.items()
        },
        "possible_best": None,
        "behind": None,
        "side": card["input"] and card["input"][-1],
        "imagenet": None if known is None else known / 100,
        "python": card.get("python"),
    }


def _ordered(rows: list[RankedCandidate], compared: Compared | None) -> list[RankedCandidate]:
    """The trained candidates, best first; without labels as they were given."""
    if compared is None:
        return [row | {"rank": rank} for rank, row in enumerate(rows, start=1)]
    ends = {"value": compared.behind, "low": compared.behind_low, "high": compared.behind_high}
    found = []
    for rank, i in enumerate(compared.order, start=1):
        behind = {name: float(values[i]) for name, values in ends.items()} if rank > 1 else None
        possible = bool(compared.possible_best[i])
        found.append(rows[i] | {"rank": rank, "possible_best": possible, "behind": behind})
    return found


def _sizes(task: str | None, labels: np.ndarray | None) -> list[int]:
    """How many images each class, or each tag, has."""
    if task == "classes":
        return np.bincount(labels).tolist()
    return labels.sum(axis=0).astype(int).tolist() if task == "tags" else []


def _weights(chosen: Mapping[str, Any], labels: np.ndarray, weights: str) -> np.ndarray:
    """Of each probe image, float64 [images], adding to 1."""
    share = np.ones(len(labels))
    if weights == "natural":  # every class has `counts` training images, of which some are probed
        share = (np.array(chosen["counts"]) / np.bincount(labels))[labels]
    return share / share.sum()


def _guessing(task: str, labels: np.ndarray, shares: np.ndarray | None) -> float:
    """What guessing gets: the most frequent class, any order (the mean share of images with a
    tag), or the mean number."""
    match task:
        case "classes":
            return float(np.bincount(labels, shares).max())
        case "tags":
            return float(labels.mean())
    return 0.0


def _evidence(compared: Compared, guessing: float, by: Score) -> Evidence:
    """The verdict: the score is not to be trusted here; no candidate is better than guessing; any
    of them may be the best; some may; or one is."""
    leader, possible = compared.order[0], compared.possible_best
    verdict = "one" if possible.sum() == 1 else "any" if possible.all() else "some"
    if by["trust"] == "untrusted":
        verdict = "untrusted"
    elif compared.low[leader] <= guessing:
        verdict = "guessing"
    return {
        "verdict": verdict,
        "corrected": compared.leader,
        "guessing": guessing,
        "shown": None if np.isnan(compared.shown) else compared.shown,
    }


def _score(name: str, task: str | None, trusted: tuple[str, str]) -> Score:
    trust, why = trusted
    if name == PAIR:
        label, words = PAIR, "the paper's best pair: S5 and S6, scaled over the candidates"
    elif name == RHO:
        label, words = "Spearman's ρ", "of the probe's predictions with the numbers"
    elif name == ERROR:
        label, words = ERROR, "mean absolute error of the probe's predictions"
    else:
        label, words = metrics.load(name).LABEL, metrics.load(name).NAME
    unit = "%" if name in PREDICTORS else ""
    if name in PREDICTORS and task in MEASURES:
        measure, of = MEASURES[task], words.removeprefix("accuracy")
        words = f"{measure}{of}"
    if name == RHO or (name in PREDICTORS and task == "number"):
        unit = "0.01"
    return {
        "name": name,
        "label": "linear probe" if name == "LinearProbe" else label,
        "words": words,
        "unit": unit,
        "larger_is_better": larger_is_better(name),
        "trust": trust,
        "why": why,
    }


def _static(candidates: Sequence[RankedCandidate]) -> StaticOrder:
    """By ImageNet accuracy if all have one, else by size; only those that are networks."""
    networks = [candidate for candidate in candidates if candidate["parameters"] is not None]
    by = "parameters"
    if networks and all(candidate["imagenet"] is not None for candidate in networks):
        by = "imagenet"
    ordered = sorted(networks, key=lambda candidate: -candidate[by])
    return {"by": by, "slugs": [candidate["slug"] for candidate in ordered]}


def _agreement(candidates: Sequence[RankedCandidate], measured: Mapping[str, Any]) -> Agreement:
    """Spearman's ρ between scores over the candidates for which both have a value."""
    columns = {}
    for name in measured:
        sign = 1 if larger_is_better(name) else -1
        column = [candidate["scores"][name]["value"] for candidate in candidates]
        if any(value is not None for value in column):
            columns[name] = np.array([np.nan if v is None else sign * v for v in column])
    sizes = [np.nan if c["parameters"] is None else float(c["parameters"]) for c in candidates]
    if not np.isnan(sizes).all():
        columns["parameters"] = np.array(sizes)
    rho = [[_rho(first, second) for second in columns.values()] for first in columns.values()]
    return {"scores": list(columns), "rho": rho}


def _rho(first: np.ndarray, second: np.ndarray) -> float | None:
    both = ~(np.isnan(first) | np.isnan(second))
    if both.sum() < 3:
        return None
    rho = float(spearman(first[both], second[both]))
    return None if np.isnan(rho) else rho


def _timing(cards: Sequence[Mapping[str, Any]], scored: Sequence[Mapping[str, Any]]) -> Timing:
    """Seconds of all jobs together, and the share of them that networks computed."""
    seconds = sum(card["seconds"]["all"] for card in cards) + sum(s["seconds"] for s in scored)
    network = sum(card["seconds"]["network"] for card in cards)
    devices = sorted({card["device"] for card in cards if card["device"]})
    return {
        "seconds": seconds,
        "in_networks": network / seconds if devices else None,
        "device": ", ".join(devices),
        "threads": max((card["threads"] for card in cards if card["threads"]), default=None),
    }
