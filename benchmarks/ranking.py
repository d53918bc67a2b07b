"""How much of a ranking is spent in the networks?

1. The pass: images a second of what a candidate's job does with images that are cropped already
   (standardise, network, checks, three arrays to disk), and of a bare loop of the same network on
   one batch that never changes, batch normalisation folded in both; then of the bare loop of the
   network as its library makes it. The three take turns; printed are medians, and of the ratio to
   the bare loop.

2. Decoding: CPU seconds that an image of 24 megapixels takes until it is checked and cropped in all
   ways of the shelf, decoded once, and decoded again for each way.

3. The whole: `snakemake rank`, as a user runs it, of the first models of the shelf, with random
   weights in files, and their untrained baselines. Printed are seconds in jobs, and of these in the
   networks, elsewhere in the jobs of candidates, in metrics, and in metrics without half-samples of
   the images, computed once more.

    python benchmarks/ranking.py [--models 20] [--images 300] [--cores 2]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import growth
import numpy as np
import speeds
import torch
from safetensors.torch import save_file
from torch import Tensor

from basemodel.compute.cropped import kept_at, writing_all
from basemodel.compute.extract import extract
from basemodel.compute.image_files import ImageFiles
from basemodel.files import read_json
from basemodel.metrics import available
from basemodel.models.fused import fuse
from basemodel.models.load import load
from basemodel.models.model import OUTPUTS, Model
from basemodel.selection.cropping import ways
from basemodel.selection.decoding import look
from basemodel.selection.measured import measured
from basemodel.selection.scores import labels_of, predictions, scored
from basemodel.selection.shelf import shelf

NAMES = ("torchvision:resnet18", "timm:tf_efficientnet_lite0", "torchvision:resnet50")
BATCH, PASSED, ROUNDS = 8, 64, 7  # images at a time and in each pass; turns
CLASSES = 10
LARGE = 3  # images of 24 megapixels


def untrained(name: str) -> Model:
    library, _, model = name.partition(":")
    return load(library, model, untrained=True)


def bare(model: Model, images: Tensor) -> Callable[[], None]:
    module = model.to(torch.device("cpu")).module
    batch = model.preprocessing.normalise(images[:BATCH])

    def loop() -> None:
        with torch.inference_mode():
            for _ in range(0, PASSED, BATCH):
                module(batch)

    return loop


def job(model: Model, images: Tensor, folder: Path) -> Callable[[], None]:
    outputs = {what: folder / f"{what}.npy" for what in OUTPUTS}

    def whole() -> None:
        with redirect_stdout(None):
            extract(model, images.split(BATCH), PASSED, outputs, size=BATCH)

    return whole


def passes(folder: Path) -> None:
    print(f"{'images a second':30} {'pass':>6} {'bare':>6} {'ratio':>6} {'not folded':>11}")
    for name in NAMES:
        model, folded, plain = untrained(name), untrained(name), untrained(name)
        for each in (model, folded):
            fuse(each)
        images = torch.randint(0, 256, (PASSED, 3, *model.preprocessing.side), dtype=torch.uint8)
        ways = job(model, images, folder), bare(folded, images), bare(plain, images)
        rates = []
        for _ in range(ROUNDS + 1):
            rates.append([])
            for way in ways:
                began = time.perf_counter()
                way()
                rates[-1].append(PASSED / (time.perf_counter() - began))
        found = np.array(rates[1:])  # the first warms up
        ratio = np.median(found[:, 0] / found[:, 1])
        one, other, third = np.median(found, axis=0)
        print(f"{name:30} {one:6.1f} {other:6.1f} {ratio:6.2f} {third:11.1f}", flush=True)


def decoding(folder: Path) -> None:
    files = speeds.save_jpegs(folder, speeds.pictures(LARGE, 4000, 6000))
    each = ways(shelf(), Path())

    def cropped(kept: Path | None = None) -> None:
        for way in each:
            place = kept and kept_at(kept, way)
            for _ in ImageFiles(files, way, BATCH, 1, place, known).batches():
                pass

    began = time.process_time()
    known = [look(file)["sha256"] for file in files]
    cropped()
    again = (time.process_time() - began) / LARGE
    began = time.process_time()
    with writing_all(folder, each) as keep:
        for file in files:
            look(file, keep)
    cropped(folder)
    once = (time.process_time() - began) / LARGE
    print(f"\n24 megapixels, {len(each)} ways: {once:.2f} s an image, {again:.2f} s decoded again")


def networks(folder: Path, count: int) -> Iterator[dict[str, str]]:
    """Entries of `candidates`: architectures of the shelf with random weights."""
    folder.mkdir()
    for candidate in list(shelf())[:count]:
        file = folder / f"{candidate.slug}.safetensors"
        state = untrained(f"{candidate.library}:{candidate.model}").module.state_dict()
        save_file({name: values.contiguous() for name, values in state.items()}, file)
        yield {"file": str(file), "architecture": candidate.architecture}


def without_halves(ranked: Path) -> float:
    """Seconds that all metrics of all candidates take if no half-samples are taken."""
    chosen, names = read_json(ranked / "images.json"), measured(available())
    began = time.perf_counter()
    for card in (ranked / "candidates").glob("*/card.json"):
        arrays = read_json(card)["arrays"]
        given = {
            name: np.load(card.parent / "arrays" / f"{name}.npy", mmap_mode="r") for name in arrays
        }
        given["labels"] = labels_of(chosen)
        with redirect_stdout(None):
            scored(given, names, 0, predictions(given), spread=False)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        passes(folder)
        decoding(folder / "large")
        named = list(networks(folder / "weights", given.models))
        drawn = speeds.pictures(given.images * 5 // 4, 375, 500)  # a fifth is held out
        speeds.save_jpegs(folder / "pictures", drawn, CLASSES)
        found = growth.rank(
            folder / "ranking", named, folder / "pictures", given.images, given.cores
        )
        [ranked] = (folder / "ranking" / "results" / "rank").iterdir()
        plain = without_halves(ranked)
    resampling = found.scores - plain
    print(
        f"\n{given.models} models and their baselines, {given.images} images, {given.cores} cores"
    )
    rows = {
        "in jobs": found.jobs,
        "in the networks": found.networks,
        "elsewhere in candidates' jobs": found.candidates,
        "in metrics": found.scores,
        "of these on half-samples": resampling,
    }
    for what, seconds in rows.items():
        print(f"{what:30} {seconds:6.1f} s")
    share = found.networks / found.jobs
    aside = found.networks / (found.jobs - resampling)
    print(f"{'share of the networks':30} {share:6.1%}, half-samples aside {aside:.1%}")


if __name__ == "__main__":
    main()
