"""How does the cost of a ranking grow with its candidates, its images and its classes?

Runs `snakemake rank` as a user does, with all metrics, on tiny networks of timm (random weights, in
files) and drawn pictures. One of the three sizes grows while the others are as small as possible;
the images of more classes are the most that are given. Printed for each ranking:

* CPU seconds of all its processes, the start of Snakemake and imports among them;
* the memory of the largest process, resident: what it maps of files counts, too;
* seconds by the clock: in all jobs; and of all candidates in networks, elsewhere in the jobs with
  networks, and in those with metrics.

Below stand the exponents: the slope of log cost over log size, which the start makes smaller; and
from three sizes on the p with which a + b · size^p fits best, whatever the start takes. A cost that
grows linearly has a p of 1.

    python benchmarks/growth.py [--candidates 5 10 20] [--images 100 200 400] [--classes 5 20 50]

With one value for each it is a single ranking. On one core 500 candidates took 9 minutes, and 2 on
30,000 images of 1,000 classes as long.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import yaml
from checkouts import ROOT, environment
from PIL import Image
from safetensors.torch import save_file

from basemodel.files import read_json

ARCHITECTURES = ("test_resnet", "test_efficientnet", "test_byobnet", "test_convnext")
SIDE = 64  # pixels
LEAST = 5  # pictures of a class: one is held out


@dataclass(frozen=True)
class Cost:
    """Of a ranking; all in seconds but memory, which is in MB."""

    cpu: float
    memory: float
    jobs: float
    networks: float
    candidates: float
    scores: float


def networks(folder: Path, count: int) -> list[dict[str, str]]:
    """Entries of `candidates`; weights that are not there are written to the folder."""
    folder.mkdir(exist_ok=True)
    found = []
    for number in range(count):
        name = ARCHITECTURES[number % len(ARCHITECTURES)]
        file = folder / f"{name}-{number}.safetensors"
        if not file.exists():
            torch.manual_seed(number)
            state = timm.create_model(name).state_dict()
            save_file({key: value.contiguous() for key, value in state.items()}, file)
        found.append({"file": str(file), "architecture": f"timm:{name}@{SIDE}"})
    return found


def pictures(folder: Path, images: int, classes: int) -> Path:
    """A folder of class folders, drawn if it is not there: half of a picture is the class's."""
    if folder.exists():
        return folder
    rng = np.random.default_rng(0)

    def squares() -> np.ndarray:
        return rng.integers(0, 256, (8, 8, 3)).repeat(SIDE // 8, 0).repeat(SIDE // 8, 1)

    for label in range(classes):
        (folder / f"class {label}").mkdir(parents=True)
        of_class = squares()
        for number in range(images // classes):
            pixels = (of_class + squares()) / 2 + rng.normal(0, 10, (SIDE, SIDE, 3))
            picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"class {label}" / f"{number}.jpg", quality=90)
    return folder


def rank(folder: Path, candidates: Sequence[Any], images: Path, most: int, cores: int) -> Cost:
    """Rank the candidates on all images, at most `most` of a class, in a new folder."""
    folder.mkdir()
    settings, log = folder / "settings.yaml", folder / "log"
    asked = {"images": str(images), "candidates": candidates, "rank": {"images_per_class": most}}
    settings.write_text(yaml.safe_dump({"results": "results", **asked}), encoding="utf-8")
    command = [
        sys.executable, "-m", "snakemake", "--cores", str(cores),
        "--directory", str(folder), "--configfile", str(settings), "--", "rank",
    ]  # fmt: skip
    with log.open("w") as printed:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=printed, stderr=subprocess.STDOUT
        )
        # With what all processes took that it, or one that it started, has waited for.
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(encoding="utf-8")
    of_each = [*(folder / "results").glob("rank/*/candidates/*")]
    cards = [read_json(one / "card.json") for one in of_each]
    if process.returncode or not cards or any(card["failed"] for card in cards):
        raise RuntimeError(f"the ranking failed: {said[-2000:]}")
    [*hours, minutes, seconds] = re.search(r"time in jobs ([\d:]+)", said)[1].split(":")
    passing = sum(card["seconds"]["network"] for card in cards)
    return Cost(
        cpu=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss * 1024 / 1e6,
        jobs=3600 * sum(map(int, hours)) + 60 * int(minutes) + int(seconds),
        networks=passing,
        candidates=sum(card["seconds"]["all"] for card in cards) - passing,
        scores=sum(read_json(one / "scores.json")["seconds"] for one in of_each),
    )


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Of log cost over log size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The p from 0.05 to 4 with which a + b · size^p is nearest to the costs; NaN for fewer than
    three sizes."""
    if len(sizes) < 3:
        return float("nan")
    relative = np.array(sizes) / max(sizes)

    def error(p: float) -> float:
        terms = np.stack([np.ones(len(sizes)), relative**p], axis=1)
        fitted = terms @ np.linalg.lstsq(terms, np.array(costs), rcond=None)[0]
        return float(((fitted - costs) ** 2).sum())

    return min((float(p) for p in np.arange(1, 81) / 20), key=error)


def table(title: str, sizes: Sequence[int], costs: Sequence[Cost]) -> None:
    names = [field.name for field in fields(Cost)]
    units = {"cpu": "CPU s", "memory": "memory MB"}
    print(f"\n{title:>12}" + "".join(f"{units.get(name, f'{name} s'):>14}" for name in names))
    for size, cost in zip(sizes, costs, strict=True):
        print(f"{size:12,}" + "".join(f"{value:14.1f}" for value in astuple(cost)))
    rows: list[tuple[str, Callable]] = [("slope", slope), ("p", exponent)]
    for name, of in rows if len(sizes) > 1 else []:
        columns = zip(*map(astuple, costs), strict=True)
        print(f"{name:>12}" + "".join(f"{of(sizes, column):14.2f}" for column in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, nargs="+", default=[5, 10, 20])
    parser.add_argument(
        "--images", type=int, nargs="+", default=[100, 200, 400], help="a fifth is held out"
    )
    parser.add_argument("--classes", type=int, nargs="+", default=[5, 20, 50])
    parser.add_argument("--cores", type=int, default=1)
    given = parser.parse_args()
    models, images, classes = (
        sorted(set(each)) for each in (given.candidates, given.images, given.classes)
    )
    for most, of in ((classes[0], images[0]), (classes[-1], images[-1])):
        if of < LEAST * most:
            parser.error(f"{most} classes need {LEAST * most} images at least, not {of}")
    known: dict[tuple[int, int, int], Cost] = {}
    print(f"{given.cores} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)

        def cost(count: int, of: int, into: int) -> Cost:
            if (count, of, into) not in known:
                drawn = pictures(folder / f"pictures-{of}-{into}", of, into)
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    named = networks(folder / "weights", count)
                    known[count, of, into] = rank(
                        Path(place, "ranking"), named, drawn, of, given.cores
                    )
            return known[count, of, into]

        few, some, least = models[0], images[0], classes[0]
        table("candidates", models, [cost(count, some, least) for count in models])
        if len(images) > 1:
            table("images", images, [cost(few, of, least) for of in images])
        if len(classes) > 1:
            table("classes", classes, [cost(few, images[-1], into) for into in classes])


if __name__ == "__main__":
    main()
