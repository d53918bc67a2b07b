"""What fine-tuning shows: who may be the best, and what following the score would have cost.

The candidates were chosen on the validation images (rounds.py), so that what the test images say of
the chosen one is not too good. They are looked at once, for those that were left, and for the first
by the score and by the static order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from basemodel.selection.quality import NAMES, sample, value
from basemodel.selection.ranking_json import Verified, VerifiedRow
from basemodel.selection.rounds import duration
from basemodel.statistics.possible_best import Sample, compare, difference, intervals

SPACE = "\u00a0"  # between a number and its unit
ENDINGS = {1: "st", 2: "nd", 3: "rd"}

Titles = list[str]  # how a candidate was chosen


def verified(
    shortlist: Mapping[str, Any],
    rounds: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
    tested: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    task: str,
    order: Sequence[str],
    by: str = "linear probe",
    static_by: str = "parameters",
    fixed: Mapping[str, str] | None = None,
    kept: str | None = None,
) -> Verified:
    """What ranking.json has under `verify`.

    shortlist: what rank_shortlist.py writes; rounds: what rounds.decide has found, in order;
    results: of tuning.tune, of all candidates and seeds, with the names to show; tested: slug
    and answers to the test images, whose rows are `tests`; order: slugs, best first by the score,
    whose name is `by`; `static_by`: the name of the static order. fixed: names by slug of those in
    the order that cannot be fine-tuned, as they are embeddings. kept: where the best network is.

    A candidate that failed with any seed is not compared. Without a second group of test images
    there are no intervals.
    """
    slugs, first, static = shortlist["slugs"], shortlist["first"], shortlist["static"]
    last, fixed = rounds[-1], fixed or {}
    names = {result["slug"]: result["candidate"] for result in results}
    titles = {slug: _chosen_as(slug, order, static, by, static_by) for slug in slugs}
    # The best by validation is the first, then the others likewise; all that were tested.
    means = {slug: np.mean(v) for each in rounds for slug, v in each["values"].items()}
    answers = {each["slug"]: each["answers"] for each in tested}
    there = sorted(answers, key=lambda slug: (slug != last["best"], -means[slug]))
    measured, labels = None, [row["label"] for row in tests]
    if there:
        groups = [row.get("group") or row["file"] for row in tests]
        measured = sample(task, [answers[slug] for slug in there], labels, groups)
    enough = measured is not None and len(measured.weight) > 1
    possible = _possible(measured, there, last["left"]) if enough and last["left"] else last["left"]
    rows = [
        _row(
            slug, names[slug], titles[slug], results, rounds, means, there, measured, possible,
            [value(task, each, labels) for each in answers.get(slug, ())],
        )
        for slug in slugs
    ]  # fmt: skip
    found: dict[str, Any] = dict.fromkeys(("regret", "difference", "low", "high"))
    if first in there and len(there) > 1:
        rival = there.index(last["best"] if last["best"] != first else there[1])
        ahead, low, high = difference(measured, rival, there.index(first))
        found |= {"difference": ahead, "regret": max(0.0, ahead) if rival == 0 else 0.0}
        if enough:
            found |= {"low": low, "high": high}
    runs, seconds = last["spent"], sum(result.get("seconds", 0) for result in results)
    told = _sentences(
        rows, found, titles, last, shortlist, task, measured, there, possible, enough, by
    )
    told.append(f"{runs} fine-tunings took {duration(seconds)}")
    if last["stop"].startswith("the budget") and len(possible) > 1:
        told.append(f"More were not done: {last['stop']} is used up")
    if left_out := [fixed[slug] for slug in order[: len(slugs)] if slug in fixed]:
        told.append(f"Left out, as embeddings cannot be fine-tuned: {', '.join(left_out)}")
    if kept:
        told.append(f"The best network is {kept}")
    return {
        "rows": rows,
        **found,
        "measure": NAMES[task],
        "best": last["best"],
        "kept": kept,
        "fine_tunings": runs,
        "seconds": seconds,
        "sentence": ". ".join(told) + ".",
    }


def _possible(measured: Sample, there: Sequence[str], left: Sequence[str]) -> list[str]:
    """Of those that were left, which may be the best by the test images as well."""
    those = [i for i, slug in enumerate(there) if slug in left]
    few = replace(
        measured,
        value=measured.value[those],
        influence=measured.influence[those],
        own=measured.own[those],
    )
    may = compare(few, "rank_verify").possible_best
    return [there[i] for i, possible in zip(those, may, strict=True) if possible]


def _chosen_as(
    slug: str, order: Sequence[str], static: str | None, by: str, static_by: str
) -> Titles:
    """ "2nd by linear probe" and "1st by parameters", or one of them."""
    ranks = [f"{_ordinal(order.index(slug) + 1)} by {by}"] if slug in order else []
    return ranks + ([f"1st by {static_by}"] if slug == static else [])


def _row(
    slug: str,
    name: str,
    titles: Titles,
    results: Sequence[Mapping[str, Any]],
    rounds: Sequence[Mapping[str, Any]],
    means: Mapping[str, float],
    there: Sequence[str],
    measured: Sample | None,
    possible: Sequence[str],
    each_seed: list[float],
) -> VerifiedRow:
    own = [result for result in results if result["slug"] == slug]
    why = next((f"{r['failed']}; {r['remedy']}" for r in own if r["failed"]), None)
    done = [result for result in own if not result["failed"]]
    dropped = next((each["round"] for each in rounds if slug in each["dropped"]), None)
    title = ", ".join(titles)
    if why:
        title += f"; failed: {why}"
    elif dropped:
        title += f"; worse on the validation images after round {dropped}"
    return {
        "name": name,
        "slug": slug,
        "why": title,
        "optimizer": done[0]["optimizer"] if done else None,
        "rate": done[0]["rate"] if done else None,
        "validation": float(means[slug]) if slug in means and not why else None,
        "accuracies": each_seed,
        "mean": float(measured.value[there.index(slug)]) if slug in there else None,
        "possible_best": slug in possible and not why,
        "failed": why,
    }


def _sentences(
    rows: Sequence[VerifiedRow],
    found: Mapping[str, Any],
    titles: Mapping[str, Titles],
    last: Mapping[str, Any],
    shortlist: Mapping[str, Any],
    task: str,
    measured: Sample | None,
    there: Sequence[str],
    possible: Sequence[str],
    enough: bool,
    by: str,
) -> list[str]:
    named = {row["slug"]: row["name"] for row in rows}
    lost = [f"{row['name']} failed ({row['failed']})" for row in rows if row["failed"]]
    if last["best"] is None:
        return [f"None of the {len(rows)} could be fine-tuned: {'; '.join(lost)}"]
    best, first, static = last["best"], shortlist["first"], shortlist["static"]
    chosen = named[best]
    reached = f"{_amount(task, measured.value[0])} on the test images"
    if enough:
        low, high = intervals(measured)
        reached += f" ({_number(low[0], task)} to {_number(high[0], task)})"
    others = [slug for slug in possible if slug != best]
    if sum(row["failed"] is None for row in rows) == 1:
        start = f"Only {chosen} was fine-tuned: {reached}; nothing to compare"
    elif others or best not in possible:
        names = [named[slug] for slug in (best, *others)]
        few = "Either" if len(names) == 2 else f"Any of {len(names)}"
        start = f"{few} may be the best after fine-tuning: {' or '.join(names)}"
        start += f". {chosen}, {_the(titles[best])}, was chosen on the validation images: {reached}"
    else:
        start = f"{chosen}, {_the(titles[best])}, is the best of {len(rows)} after fine-tuning: "
        start += reached
    told = [start]
    if found["difference"] is not None:
        told.append(_cost(found, named, titles, best, first, by, task))
    if static in there and static not in (first, best):
        behind = measured.value[0] - measured.value[there.index(static)]
        told[-1] += f"; {named[static]}, {_the(titles[static])}, lost {_points(behind, task)}"
    worse = [row["name"] for row in rows if "; worse" in row["why"]]
    if worse:
        told.append(f"Worse on the validation images: {', '.join(worse)}")
    return told + lost


def _cost(
    found: Mapping[str, Any],
    named: Mapping[str, str],
    titles: Mapping[str, Titles],
    best: str,
    first: str,
    by: str,
    task: str,
) -> str:
    """What the first choice of the score lost, or by how much it is ahead."""
    value, low, high = found["difference"], found["low"], found["high"]
    if best != first:
        bounds = "" if low is None else f" ({_number(low, task)} to {_number(high, task)})"
        did = "cost" if value >= 0 else "gained"
        if value < 0 and low is not None:
            bounds = f" ({_number(-high, task)} to {_number(-low, task)})"
        points = _points(abs(value), task)
        return f"Following the {by} to {named[first]} would have {did} {points}{bounds}"
    bounds = "" if low is None else f" ({_number(-high, task)} to {_number(-low, task)})"
    return (
        f"It is {_points(-value, task)} ahead of the next{bounds}: following the {by} cost nothing"
    )


def _the(titles: Titles) -> str:
    """As in a sentence: "the 1st by linear probe and the 1st by parameters"."""
    return " and ".join(f"the {title}" for title in titles)


def _amount(task: str, value: float) -> str:
    if task == "classes":
        return f"{_number(value, task)}{SPACE}%"
    return f"{NAMES[task]} {_number(value, task)}"


def _points(difference: float, task: str) -> str:
    """Of a share percentage points; of R² the difference."""
    return _number(difference, task) + ("" if task == "number" else f"{SPACE}points")


def _number(value: float, task: str) -> str:
    """In per cent, R² as it is; with a minus sign, and no minus zero."""
    text = f"{value:.3f}" if task == "number" else f"{100 * value:.1f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else ENDINGS.get(number % 10, 'th')}"
