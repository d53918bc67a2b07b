"""The scores of all candidates together, and which of them to trust."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from basemodel import metrics
from basemodel.files import read_json
from basemodel.models.failures import told
from basemodel.selection.scores import NO_ZEROS
from basemodel.statistics import published
from basemodel.statistics.pairs import scale
from basemodel.statistics.possible_best import TAIL

PAIR = f"C_{published.FIRST[1:]},{published.SECOND[1:]}({published.ALPHA:g})"
RHO = "rho"  # Spearman's, of predicted numbers
ERROR = "MAE"  # the mean absolute error of predicted numbers
SIGMAS = 1.96  # of a normal 95 % interval

Beyond = Callable[[int, int, float], bool | None]


def read(path: str | Path) -> dict[str, Any]:
    """The scores of one candidate, from the file of scripts/rank_scores.py.

    Its predictions become arrays: as lists, those of many candidates for many images would take
    several GB.
    """
    found = read_json(path)
    for name, values in found.get("predictions", {}).items():
        given = np.array(values)
        found["predictions"][name] = given.astype(np.int32) if given.dtype.kind == "i" else given
    return found


def pooled_scores(
    scored: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Of each metric, and of the paper's pair: value, low, high, note and halves of each candidate.

    scored: `scores` of scripts/rank_scores.py of each candidate, untrained baselines included:
    metrics whose terms are scaled by their extremes are scaled over all of them. Intervals are
    normal, from the spread of the half-samples; None where there is no value or no half-sample.
    halves: the values on the half-samples, which are the same for all; only where there are any.
    """
    found = {name: _of_metric_or_note(name, [each[name] for each in scored]) for name in names}
    if {published.FIRST, published.SECOND} <= set(names):
        found[PAIR] = _of_pair(found)
    return found


def larger_is_better(name: str) -> bool:
    """The pair's metrics are oriented before they are added."""
    return name in (PAIR, RHO) or (name != ERROR and metrics.sign(name) > 0)


def trust(
    name: str,
    measured: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    architectures: Sequence[str],
    untrained: Sequence[bool],
    beyond: Beyond | None = None,
) -> tuple[str, str]:
    """How far a score can be believed here, and why not.

    All in one order of candidates: measured, of `pooled_scores`; labels: names; architectures;
    untrained: whether it is a baseline. "n/a": no trained candidate has a value. "untrusted": an
    untrained network is put above a trained candidate that it may be compared with (any, or if the
    score cannot compare architectures, one of its own). "within": only candidates of one
    architecture can be compared. "trusted": none of these.

    A score is not trusted even if the difference may be chance: that it is not misleading would
    have to be shown. Which it is, the reason says, of a pair that differs by more than chance if
    there is one. beyond: whether the first of two candidates is above the second by more than
    chance explains with such a probability, None if that is not known; by default the half-samples
    say it. The probability is divided by the number of pairs that are looked at.
    """
    beyond = beyond or _by_halves(name, measured)
    known = [i for i, each in enumerate(measured) if each["value"] is not None]
    trained, baselines = ([i for i in known if untrained[i] == kind] for kind in (False, True))
    if not trained:
        notes = [
            each.get("note") for each, alone in zip(measured, untrained, strict=True) if not alone
        ]
        return "n/a", next(filter(None, notes), "undefined for every candidate")
    across = name in (RHO, ERROR) or (name != PAIR and metrics.compares_architectures(name))
    sign = 1 if larger_is_better(name) else -1
    pairs = [
        (baseline, rival)
        for baseline, rival in product(baselines, trained)
        if across or architectures[rival] == architectures[baseline]
    ]
    why = ""
    for baseline, rival in pairs:
        better = sign * (measured[baseline]["value"] - measured[rival]["value"])
        if better < 0:
            continue
        where = "above" if better > 0 else "level with"
        told = f"puts {labels[baseline]} {where} {labels[rival]}"
        shown = beyond(baseline, rival, TAIL / len(pairs)) if better > 0 else None
        if shown:
            return "untrusted", f"{told}, by more than chance explains"
        why = why or told + (", by what may be chance" if shown is False else "")
    if why:
        return "untrusted", why
    if not across:
        return "within", "its values do not compare architectures"
    return "trusted", ""


def _by_halves(name: str, measured: Sequence[Mapping[str, Any]]) -> Beyond:
    """By Student's t of the differences on half-samples."""
    sign = 1 if larger_is_better(name) else -1

    def beyond(one: int, other: int, tail: float) -> bool | None:
        halves = [measured[i].get("halves") for i in (one, other)]
        if None in halves:
            return None
        reach = stats.t.isf(tail, len(halves[0]) - 1) * np.subtract(*halves).std(ddof=1)
        return bool(sign * (measured[one]["value"] - measured[other]["value"]) > reach)

    return beyond


def _of_metric_or_note(name: str, each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A metric that cannot be scaled over the candidates is no reason to lose the others."""
    try:
        return _of_metric(name, each)
    except Exception as error:
        traceback.print_exc()
        return [
            {"value": None, "low": None, "high": None, "note": f"it failed: {told(error)}"}
            for _ in each
        ]


def _of_metric(name: str, each: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    have = [i for i, one in enumerate(each) if "terms" in one]
    found: list[dict[str, Any]] = [
        {"value": None, "low": None, "high": None, "note": one.get("note")} for one in each
    ]
    full = _pooled(name, [each[i]["terms"] for i in have])
    halves = min((len(each[i]["halves"]) for i in have), default=0)
    of_halves = [_pooled(name, [each[i]["halves"][h] for i in have]) for h in range(halves)]
    for position, i in enumerate(have):
        value = full[position]
        if not np.isfinite(value):
            found[i]["note"] = "undefined for these images"
            continue
        found[i]["value"] = float(value)
        spread = np.array([half[position] for half in of_halves])
        if len(spread) > 1 and np.isfinite(spread).all():
            reach = SIGMAS * float(spread.std(ddof=1))
            found[i] |= {"low": float(value) - reach, "high": float(value) + reach}
            found[i]["halves"] = spread.tolist()
    return found


def _pooled(name: str, terms: Sequence[Mapping[str, float]]) -> list[float]:
    return [row["value"] for row in metrics.values_in_pool(name, [dict(one) for one in terms])]


def _of_pair(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """(1−α)·S5 + α·S6, both oriented and scaled by their extremes over the candidates."""
    columns = np.array(
        [
            [np.nan if one["value"] is None else -one["value"] for one in found[name]]
            for name in (published.FIRST, published.SECOND)
        ]
    )
    columns[:, np.isnan(columns).any(axis=0)] = np.nan
    pair = [None] * columns.shape[1]
    if not np.isnan(columns).all():
        first, second = scale(columns[:, None])[:, 0]
        mixed = (1 - published.ALPHA) * first + published.ALPHA * second
        pair = [None if np.isnan(value) else float(value) for value in mixed]
    notes = [one.get("note") or NO_ZEROS for one in found[published.FIRST]]
    return [
        {"value": value, "low": None, "high": None, "note": note if value is None else None}
        for value, note in zip(pair, notes, strict=True)
    ]
