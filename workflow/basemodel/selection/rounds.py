"""Which candidates are fine-tuned once more, and when that ends.

All of the shortlist with one seed each, at two rates. Then, round by round, those that may still be
the best on the validation images, with a further seed at the better rate. The test images have no
part in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from basemodel.selection.quality import sample
from basemodel.statistics.possible_best import compare

RATES = 2  # that are tried with the first seed
# Passes of an image through the network, forwards, that take as long as one in training on a CPU.
# Multiply-adds would say 3. AlexNet, ResNet-18 and VGG-16 take 3.5 to 5 on a quiet CPU
# (docs/costs.md), EfficientNet-Lite 3.4 to 8 beside other work.
PASSES = 5

Result = dict[str, Any]  # what tuning.tune or tuning.failed returns


def shortlist(order: Sequence[str], static: str | None, k: int, budget: int) -> list[str]:
    """The slugs to fine-tune: the first k by the score, and the first by a static order.

    As many as the budget allows at RATES fine-tunings each; the static first is left out first.
    """
    first = list(order[:k])
    found = first if static is None or static in first else [*first, static]
    return found[: max(1, budget // RATES)]


def decide(
    names: Sequence[str],
    results: Mapping[str, Sequence[Result]],
    checked: Sequence[Mapping[str, Any]],
    task: str,
    spent: int,
    most: int,
    budget: int,
) -> dict[str, Any]:
    """What became of the candidates after a round, and which are fine-tuned in the next.

    names: those of this round, by slug, in the order of the shortlist; results: of each, one per
    seed; checked: the validation images' rows; spent: fine-tunings so far; most: rounds at most.

    Returns round; left, slugs that may be the best; dropped, those that are worse; failed, by slug
    why; best, the slug of the best on average, and seed, that of its best network (None, if all
    failed); values, by slug, one per seed; spent; stop: why there is no further round, or "".
    """
    done = max((len(results[slug]) for slug in names), default=0)
    failures = {slug: _failure(results[slug]) for slug in names}
    used = [slug for slug in names if not failures[slug]]
    values = {slug: [result["value"] for result in results[slug]] for slug in used}
    found = {
        "round": done,
        "left": used,
        "dropped": [],
        "failed": {slug: why for slug, why in failures.items() if why},
        "best": None,
        "seed": None,
        "values": values,
        "spent": spent,
    }
    if used:
        best = max(used, key=lambda slug: sum(values[slug]) / len(values[slug]))
        found |= {"best": best, "seed": values[best].index(max(values[best]))}
    groups = [row.get("group") or row["file"] for row in checked]
    if len(used) > 1 and len(set(groups)) > 1:
        answers = [[result["answers"] for result in results[slug]] for slug in used]
        labels = [row["label"] for row in checked]
        possible = compare(sample(task, answers, labels, groups), "rank_verify").possible_best
        found["left"] = [slug for slug, may in zip(used, possible, strict=True) if may]
        found["dropped"] = [slug for slug in used if slug not in found["left"]]
    return found | {"stop": _stop(found, most, budget)}


def _stop(found: Mapping[str, Any], most: int, budget: int) -> str:
    if len(found["left"]) < 2:
        return "one is left" if found["left"] else "none is left"
    if found["round"] >= most:
        return f"{most} rounds"
    if found["spent"] + len(found["left"]) > budget:
        return f"the budget of {budget}"
    return ""


def _failure(results: Sequence[Result]) -> str:
    return next((result["failed"] for result in results if result["failed"]), "")


def seconds(
    speeds: Sequence[float | None], trained: int, validation: int, settings: Mapping[str, Any]
) -> list[float] | None:
    """How long it takes to fine-tune each of these candidates once.

    speeds: images a second through each network, as measured when it was ranked; None if one is not
    known. What is trained on frozen features passes each image once.
    """
    if not all(speeds):
        return None
    passes = trained + validation
    if settings["trainable"] == "all":
        passes = PASSES * settings["epochs"] * trained + validation
    return [passes / speed for speed in speeds]


def plan(
    first: Sequence[float] | None,
    further: Sequence[float] | None,
    candidates: int,
    rounds: int,
    budget: int,
    jobs: int,
) -> str:
    """What is going to be done, and how long that takes, in a line.

    first, further: seconds of fine-tuning each candidate once with all rates, or with one; jobs:
    how many run at once.
    """
    runs = RATES * candidates
    at_most = max(runs, min(budget, runs + (rounds - 1) * candidates if candidates > 1 else runs))
    text = f"fine-tunes {candidates} candidates: {runs} fine-tunings, then at most {at_most - runs}"
    if first is None or further is None:
        return f"{text} more"
    jobs = min(jobs, candidates)
    once = _together(first, jobs)
    longest = once + _together(further, jobs) * (at_most - runs) / candidates
    number = "one" if jobs == 1 else jobs
    return (
        f"{text} more; about {duration(once)}, at most {duration(longest)}, {number} at a time, if "
        "nothing else runs"
    )


def _together(seconds: Sequence[float], jobs: int) -> float:
    """How long these take if so many run at once: at least as long as the longest."""
    return max(max(seconds), sum(seconds) / jobs)


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3 h"."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}\u00a0{unit}"
    return f"{seconds:.0f}\u00a0s"
