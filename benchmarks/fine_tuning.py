"""What the intervals and the choice of `snakemake rank_verify` hold, by simulation.

    python benchmarks/fine_tuning.py [--simulations 400]

Images and seeds are both random. A network is right about an image if a sum is positive: how good
its model is, how hard the image is for all models and for this one, how good the seed is, and what
is peculiar to the image and the seed. So the true accuracies are known. Prints tables in Markdown;
takes two minutes on one core.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from basemodel.selection.quality import sample
from basemodel.selection.rounds import decide
from basemodel.statistics.possible_best import difference, intervals

# Standard deviations: of an image for all models, for one model, and of an image and a seed. They
# give two seeds of one model 4 times as many images in common as two models have.
IMAGE, OWN, BOTH = 1.0, 0.5, 0.5
ROUNDS, BUDGET = 5, 100


def truth(good: Sequence[float], seeds: float) -> np.ndarray:
    """The accuracy of each model over all images and seeds, float64 [models]."""
    return stats.norm.cdf(np.asarray(good) / np.sqrt(IMAGE**2 + OWN**2 + BOTH**2 + seeds**2))


class World:
    """Models with these qualities; `seeds`: the standard deviation of a seed's. Each part of the
    images (validation or test) is drawn once, and seeds do as well with one as with the other."""

    def __init__(self, rng: np.random.Generator, good: Sequence[float], seeds: float):
        self._rng, self._good = rng, np.asarray(good)
        self._seeds = seeds * rng.standard_normal((len(good), ROUNDS))

    def answers(self, images: int) -> np.ndarray:
        """Right (1) or wrong (0), int [models, ROUNDS seeds, images]."""
        models, draw = len(self._good), self._rng.standard_normal
        image = IMAGE * draw(images) + OWN * draw((models, images))
        both = BOTH * draw((models, ROUNDS, images))
        total = self._good[:, None, None] + image[:, None] + self._seeds[:, :, None] + both
        return (total > 0).astype(int)


def covered(
    simulations: int, images: int, taken: tuple[int, int], seeds: float
) -> tuple[float, float, float]:
    """How often the interval of the difference of two models, fine-tuned with `taken` seeds, and
    that of the first one's accuracy cover the truth; the mean width of the difference's."""
    rng, good = np.random.default_rng([images, *taken]), (1.1, 0.9)
    first, second = truth(good, seeds)
    rows = []
    for _ in range(simulations):
        found = World(rng, good, seeds).answers(images)
        both = [of[:count] for of, count in zip(found, taken, strict=True)]
        measured = sample("classes", both, np.ones(images, int))
        _, low, high = difference(measured, 0, 1)
        lows, highs = intervals(measured)
        own = lows[0] <= first <= highs[0]
        rows.append([low <= first - second <= high, own, high - low])
    return tuple(np.mean(rows, axis=0))


def chosen(
    simulations: int, images: int, good: Sequence[float], seeds: float
) -> tuple[float, float, float, float]:
    """All rounds on so many validation images, and the end on as many test images.

    How often the true best is dropped; how often the interval of the chosen one's accuracy covers;
    what the choice loses, in accuracy; and how many fine-tunings it took."""
    rng, true = np.random.default_rng([images, len(good)]), truth(good, seeds)
    checked = [{"file": str(i), "label": 1} for i in range(images)]
    labels, rows = [1] * images, []
    for _ in range(simulations):
        world = World(rng, good, seeds)
        found, tests = world.answers(images), world.answers(images)
        names, spent = [*range(len(good))], 2 * len(good)
        for number in range(1, ROUNDS + 1):
            results = {
                m: [{"failed": None, "value": a.mean(), "answers": a} for a in found[m, :number]]
                for m in names
            }
            decided = decide(names, results, checked, "classes", spent, ROUNDS, BUDGET)
            if decided["stop"]:
                break
            names, spent = decided["left"], spent + len(decided["left"])
        best = decided["best"]
        low, high = intervals(sample("classes", [tests[best, :number]], labels))
        rows.append(
            [
                int(true.argmax()) not in decided["left"],
                low[0] <= true[best] <= high[0],
                true.max() - true[best],
                spent,
            ]
        )
    return tuple(np.mean(rows, axis=0))


def coverage(simulations: int) -> Iterator[str]:
    yield (
        "| images | seeds | deviation of a seed, points | difference covered | width, points "
        "| accuracy covered |"
    )
    yield "|---|---|---|---|---|---|"
    for images in (40, 200, 1000):
        for taken in ((1, 1), (3, 3), (5, 1), (5, 5)):
            for seeds in (0.0, 0.1):
                one, own, width = covered(simulations, images, taken, seeds)
                points = 100 * (truth([1 + seeds], 0) - truth([1], 0))[0]
                cells = [images, f"{taken[0]} and {taken[1]}", f"{points:.1f}"]
                cells += [f"{100 * one:.0f}", f"{100 * width:.0f}", f"{100 * own:.0f}"]
                yield "| " + " | ".join(map(str, cells)) + " |"


def choices(simulations: int) -> Iterator[str]:
    yield (
        "| models | images | the best is dropped | accuracy covered | lost, points | fine-tunings |"
    )
    yield "|---|---|---|---|---|---|"
    cases = {
        "4 equal": [1.0] * 4,
        "one better": [1.2, 1.0, 0.9, 0.8],
        "2 near": [1.1, 1.0, 0.5, 0.3],
    }
    for name, good in cases.items():
        for images in (40, 200, 1000):
            dropped, own, lost, spent = chosen(simulations, images, good, 0.1)
            yield (
                f"| {name} | {images} | {100 * dropped:.1f} | {100 * own:.0f} | {100 * lost:.1f} "
                f"| {spent:.1f} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=400)
    arguments = parser.parse_args()
    for table in (coverage, choices):
        for line in table(arguments.simulations):
            print(line, flush=True)
        print()
