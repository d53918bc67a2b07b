"""What following the score would have cost: candidates that were fine-tuned, compared.

A score is worth its cost if its first choice is about as good, once fine-tuned, as the best of the
others. The best of all candidates is not known: only a few are fine-tuned.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from basemodel.models.failures import Unusable
from basemodel.rank.ranking_json import Verified, VerifiedRow
from basemodel.statistics.bootstrap import percentiles, resample_runs

SPACE = "\u00a0"  # between a number and its unit
ENDINGS = {1: "st", 2: "nd", 3: "rd"}

Result = dict[str, Any]  # what rank.tuning.tune or rank.tuning.failed returns
Titles = list[str]  # how a candidate was chosen


def shortlist(order: list[str], static: str | None, k: int) -> list[str]:
    """The slugs to fine-tune: the first k by the score, and the first by a static order."""
    first = order[:k]
    return first if static is None or static in first else [*first, static]


def compare_shortlist(
    order: list[str],
    static: str | None,
    results: list[Result],
    k: int,
    by: str = "linear probe",
    static_by: str = "parameters",
    fixed: Mapping[str, str] | None = None,
) -> Verified:
    """Compare the shortlist by accuracy on the test images, as ranking.json has it under `verify`.

    `order`: slugs, best first by the score, whose name is `by`; `static`: the first by the static
    order, whose name is `static_by`, or None. `results`: one per candidate and seed, in any order;
    those of candidates that are not on the shortlist are ignored. `fixed`: names by slug of
    those in the order that cannot be fine-tuned, as they are embeddings; the next ones are instead.

    A candidate that failed with any seed is not compared. Raises ValueError if a candidate of the
    shortlist has no results, or if the numbers of test images or of seeds are not the same for all.
    """
    fixed = fixed or {}
    wanted = shortlist([slug for slug in order if slug not in fixed], static, k)
    grouped = {slug: _of(slug, results) for slug in wanted}
    titles = {slug: _chosen_as(slug, order, static, by, static_by) for slug in wanted}
    rows = [_row(slug, titles[slug], grouped[slug]) for slug in wanted]
    compared = [row for row in rows if row["failed"] is None]
    correct = {row["slug"]: _correct(grouped[row["slug"]]) for row in compared}
    if len({of.shape for of in correct.values()}) > 1:
        raise ValueError("candidates have different numbers of test images or of seeds")
    found: dict[str, Any] = dict.fromkeys(("regret", "difference", "low", "high"))
    first = rows[0]
    others = [row for row in compared if row is not first]
    if first["failed"] is None and others:
        rival = max(others, key=_mean)  # of equal ones the first in the order
        found["difference"] = rival["mean"] - first["mean"]
        found["regret"] = max(0.0, found["difference"])
        found["low"], found["high"] = interval(
            correct[rival["slug"]], correct[first["slug"]], f"{rival['slug']} {first['slug']}"
        )
    seeds = len(grouped[first["slug"]])
    sentence = _sentence(rows, found, titles, static, seeds)
    if left_out := [fixed[slug] for slug in order[:k] if slug in fixed]:
        sentence += f" Left out, as embeddings cannot be fine-tuned: {', '.join(left_out)}."
    return {"rows": rows, **found, "sentence": sentence}


def interval(one: np.ndarray, other: np.ndarray, name: str = "") -> tuple[float, float]:
    """A 95 % interval of the difference of two candidates' accuracies, a fraction.

    one, other: bool [seeds, tests], right or wrong. A percentile bootstrap (resample_runs): test
    images are resampled together for both, seeds for each by itself, as fine-tunings with one seed
    share nothing. With one seed the interval covers the images only. `name` seeds the resamples.

    It is cautious: what is peculiar to one image and one seed counts with both. If fine-tunings of
    one candidate disagree at random, and in nothing else, it is up to about 1.7 times too wide.
    """
    differences = [
        (one[first].mean(0) - other[second].mean(0)) @ images
        for images, (first, second) in resample_runs(*one.shape, name)
    ]
    low, high = percentiles(np.array(differences))
    return float(low), float(high)


def _of(slug: str, results: list[Result]) -> list[Result]:
    found = sorted((r for r in results if r["slug"] == slug), key=lambda r: r["seed"])
    if not found:
        raise ValueError(f"{slug} is on the shortlist and was not fine-tuned")
    return found


def _chosen_as(slug: str, order: list[str], static: str | None, by: str, static_by: str) -> Titles:
    """ "2nd by linear probe" and "1st by parameters", or one of them."""
    ranks = [f"{_ordinal(order.index(slug) + 1)} by {by}"] if slug in order else []
    return ranks + ([f"1st by {static_by}"] if slug == static else [])


def _row(slug: str, titles: Titles, results: list[Result]) -> VerifiedRow:
    done = [result["accuracy"] for result in results if not result.get("failed")]
    why = next((result for result in results if result.get("failed")), None)
    failed = str(Unusable(why["failed"], why["remedy"])) if why else None
    title = ", ".join(titles)
    return {
        "name": results[0]["candidate"],
        "slug": slug,
        "why": f"{title}; failed: {failed}" if failed else title,
        "accuracies": done,
        "mean": None if failed else sum(done) / len(done),
        "failed": failed,
    }


def _correct(results: list[Result]) -> np.ndarray:
    """Which test images were right, bool [seeds, tests]."""
    rows = [result["correct"] for result in results]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{results[0]['candidate']} has different numbers of test images")
    return np.array([[digit == "1" for digit in row] for row in rows])


def _mean(row: VerifiedRow) -> float:
    return row["mean"]


def _sentence(
    rows: list[VerifiedRow],
    found: dict[str, Any],
    titles: dict[str, Titles],
    static: str | None,
    seeds: int,
) -> str:
    compared = [row for row in rows if row["mean"] is not None]
    lost = [f"{row['name']} failed ({row['failed']})" for row in rows if row["mean"] is None]
    if not compared:
        return f"None of the {len(rows)} could be fine-tuned: {'; '.join(lost)}."
    best, first = max(compared, key=_mean), rows[0]
    runs = "1 seed" if seeds == 1 else f"{seeds} seeds"
    of_best = f"{100 * best['mean']:.1f}{SPACE}%"
    if len(compared) == 1:
        said = f"Only {best['name']} was fine-tuned, with {runs} ({of_best}): nothing to compare"
    else:
        said = (
            f"Of the {len(compared)} that were fine-tuned with {runs}, {best['name']}, "
            f"{_the(titles[best['slug']])}, was best ({of_best})"
        )
        said += _cost_of_first(rows, found, titles, best)
        if static not in (None, first["slug"], best["slug"]):
            other = next(row for row in rows if row["slug"] == static)
            if other["mean"] is not None:
                points = _points(best["mean"] - other["mean"])
                said += f"; {other['name']}, {_the(titles[static])}, lost {points}"
    return ". ".join([said, *lost]) + "."


def _cost_of_first(
    rows: list[VerifiedRow], found: dict[str, Any], titles: dict[str, Titles], best: VerifiedRow
) -> str:
    """How the first choice compares with the best of the others, if it could be fine-tuned."""
    if found["difference"] is None:
        return ""
    first, low, high = rows[0], found["low"], found["high"]
    if best is not first:
        of_first = f"{first['name']}, {_the(titles[first['slug']])},"
        bounds = f"{_number(low)} to {_number(high)}"
        return f"; {of_first} lost {_points(found['regret'])} ({bounds})"
    points, bounds = _points(-found["difference"]), f"{_number(-high)} to {_number(-low)}"
    return f", {points} ahead of the next ({bounds})"


def _the(titles: Titles) -> str:
    """As in a sentence: "the 1st by linear probe and the 1st by parameters"."""
    return " and ".join(f"the {title}" for title in titles)


def _points(fraction: float) -> str:
    return f"{_number(fraction)}{SPACE}points"


def _number(fraction: float) -> str:
    """In percentage points, with a minus sign, and no minus zero."""
    text = f"{100 * fraction:.1f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else ENDINGS.get(number % 10, 'th')}"
