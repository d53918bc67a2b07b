"""What the ranking's intervals and its choice of possible best models hold, by simulation.

    python benchmarks/intervals.py [--simulations 200] [--quick]

Every simulation draws images anew, trains the linear probe on them again and compares models whose
true accuracies are known: `accuracy` of many further draws. Two ways in one run: "before" is the
percentile bootstrap of images within their classes, with all pairs of models compared; "now" is
basemodel.statistics.possible_best. Prints tables in Markdown; takes some minutes on one core.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from basemodel.metrics.LinearProbe import outputs, predict
from basemodel.statistics.measures import (
    macro_average_precision,
    r_squared,
    rank_correlation,
)
from basemodel.statistics.possible_best import Sample, accuracies, compare, intervals

FEATURES = 64
SHARED = 0.5  # of the models' noise: they tend to err on the same images
MODELS = (1, 3, 10, 20)
RESAMPLES = 500  # of "before"


def embeddings(
    rng: np.random.Generator, images: int, classes: int, strengths: np.ndarray, copies: int = 1
) -> tuple[list[np.ndarray], np.ndarray]:
    """One array [N, FEATURES] per model, and labels: noise around class means.

    `images`: of each class, in groups of `copies` that are nearly the same. `strengths`: how far
    apart each model's class means are.
    """
    labels = np.repeat(np.arange(classes), images)
    pictures, n = images * classes // copies, len(labels)
    means = np.eye(classes, FEATURES)[labels]

    def noise() -> np.ndarray:
        shown = np.repeat(rng.standard_normal((pictures, FEATURES)), copies, axis=0)
        return shown if copies == 1 else shown + 0.1 * rng.standard_normal((n, FEATURES))

    common = noise()
    mixed = [np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * noise() for _ in strengths]
    return [x + s * means for x, s in zip(mixed, strengths, strict=True)], labels


def answers(
    rng: np.random.Generator, images: int, classes: int, strengths: np.ndarray, copies: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Which images each model's probe gets right, bool [models, N]; labels; groups."""
    arrays, labels = embeddings(rng, images, classes, strengths, copies)
    groups = None if copies == 1 else np.arange(len(labels)) // copies
    kwargs = {} if groups is None else {"groups": groups}
    return np.array([predict(x, labels, **kwargs) == labels for x in arrays]), labels, groups


@cache
def strength(images: int, classes: int, accuracy: float) -> float:
    """With which a probe of so many images has this expected accuracy, by bisection."""
    rng = np.random.default_rng(images * classes)
    low, high, draws = 0.0, 30.0, max(4, 1500 // (images * classes))
    for _ in range(10):
        middle = (low + high) / 2
        found = np.mean(
            [answers(rng, images, classes, np.array([middle]))[0].mean() for _ in range(draws)]
        )
        low, high = (middle, high) if found < accuracy else (low, middle)
    return middle


def before(correct: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The leader, its 95 % interval, and who differs significantly from it."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((RESAMPLES, len(labels)))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        share = np.full(len(rows), 1 / len(rows))
        counts[:, rows] = rng.multinomial(len(rows), share, RESAMPLES)
    drawn = counts @ correct.T / len(labels)
    value = correct.mean(axis=1)
    leader = int(value.argmax())
    differences = drawn[:, :, None] - drawn[:, None, :]
    observed = value[:, None] - value[None, :]
    error = differences.std(axis=0)
    largest = np.abs(differences - observed) / np.where(error > 0, error, np.inf)
    reach = np.quantile(largest.max(axis=(1, 2)), 0.95) * error[leader]
    low, high = np.quantile(drawn[:, leader], [0.025, 0.975])
    behind = observed[leader] - reach, observed[leader] + reach
    found = {"low": low, "high": high, "estimate": value[leader], "worse": behind[0] > 0}
    return found | {"behind": behind}


def now(
    correct: np.ndarray, labels: np.ndarray, seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The same, and the corrected estimate."""
    found = compare(accuracies(correct, groups=groups), seed)
    leader = found.order[0]
    low, high = found.low[leader], found.high[leader]
    result = {"low": low, "high": high, "estimate": found.leader, "worse": ~found.possible_best}
    return result | {"behind": (found.behind_low, found.behind_high)}


def leaders(simulations: int, sizes: list[int], counts: list[int]) -> Iterator[str]:
    """The leader among equal models: coverage, width, bias; and models wrongly called worse."""
    yield (
        "| classes | images each | accuracy | models | covers, before | now | width, before | now "
        "| bias, before | now | a true best is ruled out, before | now | any, before | now |"
    )
    yield "|" + "---|" * 14
    for classes in counts:
        for images in sizes:
            for accuracy in (0.6, 0.8, 0.98):
                rng = np.random.default_rng([classes, images])
                equal = np.full(max(MODELS), strength(images, classes, accuracy))
                drawn = [answers(rng, images, classes, equal) for _ in range(simulations)]
                truth = np.mean([correct.mean() for correct, *_ in drawn])
                for models in MODELS:
                    rows = []
                    for seed, (correct, labels, _) in enumerate(drawn):
                        both = [way(correct[:models], labels, seed) for way in (before, now)]
                        rows.append([_facts(found, truth) for found in both])
                    cells = np.mean(rows, axis=0).T  # [fact, way]
                    shown = [f"{100 * each:.1f}" for pair in cells for each in pair]
                    yield f"| {classes} | {images} | {truth:.2f} | {models} | " + (
                        " | ".join(shown) + " |"
                    )


def _facts(found: dict[str, np.ndarray], truth: float) -> list[float]:
    covers = found["low"] <= truth <= found["high"]
    width, bias = found["high"] - found["low"], found["estimate"] - truth
    return [covers, width, bias, found["worse"].mean(), found["worse"].any()]


def power(simulations: int, cases: list[tuple[str, int, list[float]]]) -> Iterator[str]:
    """How often a worse model is ruled out, on average over them; whether the best is; and whether
    the intervals of how far the worse ones are behind cover that."""
    yield (
        "| | worse ones ruled out, before | now | the best ruled out, before | now "
        "| distance covered, before | now |"
    )
    yield "|---|---|---|---|---|---|---|"
    for name, images, accuracy in cases:
        rng = np.random.default_rng(images)
        strengths = np.array([strength(images, 10, each) for each in accuracy])
        best = np.array(accuracy) == max(accuracy)
        rows, values = [], []
        for seed in range(simulations):
            correct, labels, _ = answers(rng, images, 10, strengths)
            values.append(correct.mean(axis=1))
            rows.append([way(correct, labels, seed) for way in (before, now)])
        # How far behind the best each is: known from all simulations.
        behind = np.mean(values, axis=0)[best].mean() - np.mean(values, axis=0)
        cells = [
            [np.mean([way["worse"][of].mean() for way in ways]) for ways in zip(*rows, strict=True)]
            for of in (~best, best)
            if of.any()
        ]
        cells.append([np.mean([_covers(way, behind, ~best) for way in ways])
                      for ways in zip(*rows, strict=True)])  # fmt: skip
        shown = [f"{100 * each:.0f}" for pair in cells for each in pair]
        yield f"| {name} | " + " | ".join(shown) + " |"


def _covers(found: dict[str, np.ndarray], behind: np.ndarray, of: np.ndarray) -> float:
    low, high = found["behind"]
    return ((low <= behind) & (behind <= high))[of].mean()


def shuffled(simulations: int, sizes: list[int]) -> Iterator[str]:
    """How often the leader of two seems better than guessing although labels mean nothing."""
    yield "| images each | before: always told to start from it | now |"
    yield "|---|---|---|"
    for images in sizes:
        rng = np.random.default_rng(images)
        above = []
        for seed in range(simulations):
            correct, labels, _ = answers(rng, images, 10, np.zeros(2))
            above.append(now(correct, labels, seed)["low"] > 0.1)
        yield f"| {images} | 100 | {100 * np.mean(above):.1f} |"


def copies(simulations: int) -> Iterator[str]:
    """Coverage with groups of ten that are nearly copies, if groups are known and if not."""
    yield "| images each | covers, groups unknown | known | width | known |"
    yield "|---|---|---|---|---|"
    for images in (20, 60):
        rng = np.random.default_rng(images)
        s = np.array([strength(images // 10, 5, 0.8)])
        drawn = [answers(rng, images, 5, s, copies=10) for _ in range(simulations)]
        truth = np.mean([correct.mean() for correct, *_ in drawn])
        rows = []
        for seed, (correct, labels, groups) in enumerate(drawn):
            both = [now(correct, labels, seed), now(correct, labels, seed, groups)]
            rows.append([_facts(found, truth)[:2] for found in both])
        cells = np.mean(rows, axis=0).T.ravel()
        yield f"| {images} | " + " | ".join(f"{100 * each:.1f}" for each in cells) + " |"


def retraining(simulations: int) -> Iterator[str]:
    """The variance of cross-validated accuracies over that of independent images' answers."""
    yield "| classes | images each | accuracy | of one model | of a difference |"
    yield "|---|---|---|---|---|"
    for classes, images in ((2, 10), (2, 30), (10, 3), (10, 10), (10, 30)):
        for accuracy in (0.6, 0.8, 0.95):
            rng = np.random.default_rng([classes, images])
            equal = np.full(2, strength(images, classes, accuracy))
            drawn = [answers(rng, images, classes, equal)[0] for _ in range(simulations)]
            values = np.array([correct.mean(axis=1) for correct in drawn])
            differences = [one.astype(float) - other for one, other in drawn]
            n = classes * images
            one = values[:, 0].var(ddof=1) * n / np.mean([c[0].var(ddof=1) for c in drawn])
            two = np.subtract(*values.T).var(ddof=1) * n
            two /= np.mean([each.var(ddof=1) for each in differences])
            yield f"| {classes} | {images} | {values.mean():.2f} | {one:.2f} | {two:.2f} |"


SHARES = (0.5, 0.3, 0.2, 0.1, 0.1)  # of images that have each tag
LEAST = 5  # images with each tag, as in selection.images


def samples(
    rng: np.random.Generator, task: str, images: int, strength: float, models: int
) -> dict[str, Sample]:
    """The measures of equal models for new images with tags, or with numbers (normal or, skewed,
    exponential), by probes trained on them."""
    if task == "tags":
        known = np.zeros((images, len(SHARES)))
        while (known.sum(axis=0) < LEAST).any():
            known = (rng.uniform(size=known.shape) < SHARES).astype(float)
        signal = strength * known @ np.eye(len(SHARES), FEATURES)
    else:
        draw = rng.standard_normal if task == "numbers" else rng.standard_exponential
        known = draw((images, 1))
        signal = strength * known @ np.full((1, FEATURES), FEATURES**-0.5)
    common = rng.standard_normal((images, FEATURES))
    found = []
    for _ in range(models):
        own = rng.standard_normal((images, FEATURES))
        x = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        found.append(outputs(x + signal, known))
    given = np.array(found)
    if task == "tags":
        return {"mAP": macro_average_precision(given, known)}
    both = given[:, :, 0], known[:, 0]
    return {"R²": r_squared(*both), "ρ": rank_correlation(*both)}


def tags_and_numbers(simulations: int, sizes: list[int]) -> Iterator[str]:
    """Coverage of each model alone, and of the leader of 3 and of 10; and a true best ruled out."""
    yield (
        "| | images | true value | variance over the jackknife's | interval covers | width "
        "| leader of 3 covers | of 10 | bias of 10 | a true best ruled out, of 3 | of 10 |"
    )
    yield "|" + "---|" * 11
    for task, strengths in (("tags", (1.5, 4)), ("numbers", (0.7, 3)), ("skewed", (0.7, 3))):
        for images in sizes:
            for level in strengths:
                rng = np.random.default_rng(images)
                drawn = [samples(rng, task, images, level, 10) for _ in range(simulations)]
                for name in drawn[0]:
                    cells = _of_measure([each[name] for each in drawn])
                    yield f"| {task}, {name} | {images} | {cells} |"


def _of_measure(drawn: list[Sample]) -> str:
    values = np.array([each.value for each in drawn])
    truth = values.mean()
    ratio = values.var(axis=0, ddof=1).mean()
    ratio /= np.mean([(each.influence**2).sum(axis=1) for each in drawn])
    ends = np.array([intervals(each) for each in drawn])
    covers = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    shown = [covers.mean(), (ends[:, 1] - ends[:, 0]).mean()]
    rows = []
    for models in (3, 10):
        facts = []
        for seed, each in enumerate(drawn):
            some = replace(each, value=each.value[:models], influence=each.influence[:models])
            found = compare(some, seed)
            leader = found.order[0]
            covered = found.low[leader] <= truth <= found.high[leader]
            facts.append([covered, found.leader - truth, (~found.possible_best).mean()])
        rows.append(np.mean(facts, axis=0))
    three, ten = rows
    shown += [three[0], ten[0], ten[1], three[2], ten[2]]
    told = " | ".join(f"{100 * each:.1f}" for each in shown)
    return f"{truth:.2f} | {ratio:.2f} | {told}"


CASES = [
    ("2 models, 150 images: 80 and 75 %", 15, [0.80, 0.75]),
    ("10 models, 150 images: one 85 among nine 80 %", 15, [0.85, *[0.80] * 9]),
    ("2 models, 300 images: 90 and 85 %", 30, [0.90, 0.85]),
    ("10 models, 300 images: one 90 among nine 80 %", 30, [0.90, *[0.80] * 9]),
    ("2 (nearly) equal models, 100 images", 10, [0.8, 0.79999]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="a tenth of all, to see that it runs")
    asked = parser.parse_args()
    n = max(4, asked.simulations // (10 if asked.quick else 1))
    sizes, counts = ([5], [2]) if asked.quick else ([3, 5, 10, 30], [2, 10])
    for title, lines in (
        ("Retraining", retraining(n)),
        ("The leader among equal models", leaders(n, sizes, counts)),
        ("Power", power(n, CASES[:1] if asked.quick else CASES)),
        ("Shuffled labels, two models, ten classes", shuffled(n, sizes)),
        ("Groups of ten near copies, five classes, 80 %", copies(n)),
        ("Tags and numbers", tags_and_numbers(n, [60] if asked.quick else [60, 150, 300])),
    ):
        print(f"\n## {title}: %, {n} simulations each\n", flush=True)
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
