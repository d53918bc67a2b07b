"""What do the metrics cost on featuremaps of real size, and what does float16 change in them?

For each architecture it makes a file of featuremaps as for CUB-200 (200 classes, ten images each).
For each metric it prints seconds and peak memory, to be compared with

* `read`: the seconds to read the file once, from the system's cache, which is the lower limit;
* `product`: for S4, the seconds of its matrix products alone;
* `formula`: the seconds of a plain NumPy loop that follows the formula, measured on a few images
  and scaled to all.

Later metrics are computed from random embeddings of the architecture's width, and from source
probabilities of 1,000 classes; `halves` are the seconds on either half of the images, which a run
computes as well. Then it compares each metric of the same maps in float32 and in float16. Maps are
random, rectified and sparse like those of networks; --dump names a real file of featuremaps for
the second table.

Two other questions, each instead of these tables:

* --growth: how seconds of CPU and peak memory of the later metrics grow with N images and D
  features, as exponents between two sizes, and what they are at `--size` N D K;
* --against REVISION: seconds of CPU of all metrics at the default experiment's sizes, halves
  included, with the code here and with that of another commit, alternately in one run, and the
  largest relative difference between their values.

Usage: python benchmarks/metrics.py [--images 2000] [--rates FILE] [--dump FILE LABELS]
       OMP_NUM_THREADS=1 python benchmarks/metrics.py --growth [--size 20000 2048 1000]
       OMP_NUM_THREADS=1 python benchmarks/metrics.py --against main
"""

import argparse
import itertools
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from basemodel import metrics

sys.path.insert(0, str(Path(__file__).parent))
from checkouts import ROOT, extract
from speeds import keep, machine

SHAPES = {"alexnet": (256, 13, 13), "vgg16": (512, 14, 14), "resnet18": (512, 7, 7)}
WIDTHS = {"alexnet": 4096, "vgg16": 4096, "resnet18": 512}  # of the embeddings
SOURCE_CLASSES = 1000
NAMES = ["S1", "S2", "S3", "S4", "S5", "S6"]
LATER = [
    name
    for name in metrics.available()
    if name not in NAMES and not {"featuremaps", "card"} & set(metrics.inputs(name))
]
# Images, features, classes and featuremaps of some of the default experiment's targets and networks
DEFAULT = [
    (n, features, n // 10, maps)
    for n in (100, 240)
    for features, maps in ((1024, (64, 4, 4)), (512, (64, 4, 4)), (96, (96, 4, 4)))
]
FEW = 20  # images that plain loops go through; S4's, with its 130,816 pairs an image, one


def write_dump(path, images, classes, shape):
    """float32 [n, C, H, W] and labels: rectified noise around a mean that depends on the class."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), -(-images // classes))[:images]
    centres = rng.normal(-0.5, 0.7, (classes, *shape)).astype("f4")
    dump = np.lib.format.open_memmap(path, "w+", np.float32, (images, *shape))
    for row, label in enumerate(labels):
        noise = rng.standard_normal(shape, dtype="f4")
        dump[row] = np.maximum(2 * (centres[label] + noise), 0)
    dump.flush()
    return labels


def read_once(path):
    """Seconds to read a file, the second time."""
    buffer = bytearray(4 * 2**20)
    for _ in range(2):
        began = time.perf_counter()
        with Path(path).open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - began


def value(name, maps, labels):
    return metrics.compute(name, {"featuremaps": maps, "labels": labels})["value"]


def measured(name, maps, labels):
    """Seconds of one computation, and peak memory of another, because tracing takes time."""
    value(name, maps[:10], labels[:10])  # warm-up
    began = time.perf_counter()
    value(name, maps, labels)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    value(name, maps, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


def by_formula(name, maps, labels):
    """The formulas of docs/paper.md, one image (and for S4 one pair of channels) at a time."""
    maps = maps.astype(np.float64)
    if name == "S4":
        flat = maps.reshape(*maps.shape[:2], -1)
        return sum(
            abs(np.corrcoef(image[i], image[j])[0, 1])
            for image in flat
            for i, j in itertools.combinations(range(flat.shape[1]), 2)
        )
    if name == "S5":
        return np.mean([1 - (image == 0).sum() / image.size for image in maps])
    if name == "S6":
        return np.mean([(image.max() - image < 1).sum() / (image == 0).sum() for image in maps])
    overall, between, within = maps.mean(axis=0), 0.0, 0.0
    for label in np.unique(labels):
        of_class = maps[labels == label]
        centre = of_class.mean(axis=0)
        between += len(of_class) * ((centre - overall) ** 2).sum()
        for image in of_class:
            within += ((image - centre) ** 2).sum()
    count, classes = len(labels), len(np.unique(labels))
    ratio = (between / (classes - 1)) / (within / (count - classes))
    return {"S1": between, "S2": within, "S3": ratio}[name]


def products(maps):
    """Seconds of one product of the channels with themselves per image, and nothing else."""
    unit = maps[:FEW].astype(np.float64).reshape(min(FEW, len(maps)), maps.shape[1], -1)
    began = time.perf_counter()
    for image in unit:
        image @ image.T
    return (time.perf_counter() - began) * len(maps) / len(unit)


def formula_seconds(name, maps, labels):
    """Seconds of a plain loop over a few images (whole classes), scaled to all images."""
    few = 1 if name == "S4" else min(FEW, len(maps))
    part = np.array(maps[:few])
    began = time.perf_counter()
    formula = by_formula(name, part, labels[:few])
    seconds = time.perf_counter() - began
    ours = value(name, part, labels[:few])
    assert np.isclose(formula, ours, rtol=1e-6), (name, formula, ours)
    return seconds * len(maps) / few


def costs(architecture, options, folder):
    """Print a table; returns the entry for the file of rates."""
    shape = SHAPES[architecture]
    path = Path(folder, f"{architecture}.npy")
    classes = max(2, options.images // 10)
    labels = write_dump(path, options.images, classes, shape)
    read = read_once(path)
    maps = np.load(path, mmap_mode="r")
    size = path.stat().st_size / 1e9
    print(f"\n{architecture}: {options.images} x {shape}, {size:.2f} GB, read once in {read:.2f} s")
    print("metric  seconds   x read  peak MB  product  formula  x faster")
    total = 0.0
    for name in NAMES:
        seconds, peak = measured(name, maps, labels)
        total += seconds
        formula = formula_seconds(name, maps, labels)
        product = f"{products(maps):8.2f}" if name == "S4" else " " * 8
        print(
            f"{name:6} {seconds:8.2f} {seconds / read:8.1f} {peak / 1e6:8.1f} {product} "
            f"{formula:8.1f} {formula / seconds:9.1f}",
            flush=True,
        )
    total += sum(seconds_on(part, labels[rows], NAMES) for part, rows in in_halves(maps))
    total += later(architecture, labels, read + total)
    elements = int(np.prod(shape))
    differences(maps, labels)
    path.unlink()
    return {
        "architecture": architecture,
        "elements": elements,
        "seconds": total / options.images,
    }


def in_halves(maps):
    """What rules/scores.smk's `halves` are: every second image."""
    return [(maps[start::2], slice(start, None, 2)) for start in (0, 1)]


def seconds_on(maps, labels, names):
    began = time.perf_counter()
    for name in names:
        value(name, maps, labels)
    return time.perf_counter() - began


def later(architecture, labels, before):
    """Print the seconds of the later metrics; returns their sum, with halves."""
    rng = np.random.default_rng(1)
    given = {
        "embeddings": rng.standard_normal((len(labels), WIDTHS[architecture]), dtype="f4"),
        "probabilities": rng.dirichlet(np.ones(SOURCE_CLASSES), len(labels)).astype("f4"),
    }
    given["embeddings"] += rng.standard_normal((labels.max() + 1, WIDTHS[architecture]))[labels]
    total = 0.0
    print("\nmetric        seconds   halves")
    for name in LATER:
        spent = []
        for rows in (slice(None), slice(0, None, 2), slice(1, None, 2)):
            part = {what: array[rows] for what, array in given.items()} | {"labels": labels[rows]}
            began = time.perf_counter()
            metrics.compute(name, part)
            spent.append(time.perf_counter() - began)
        total += sum(spent)
        print(f"{name:12} {spent[0]:8.2f} {spent[1] + spent[2]:8.2f}", flush=True)
    print(f"all later    {total:8.2f}   ({total / before:.1f} x reading and S1 to S6 with halves)")
    return total


def differences(maps, labels):
    """Each metric in float32 and in float16."""
    rounded = np.array(maps).astype(np.float16)
    print("metric         float32         float16  relative difference")
    for name in NAMES:
        exact, half = (value(name, m, labels) for m in (maps, rounded))
        print(f"{name:6} {exact:15.8g} {half:15.8g}  {abs(half - exact) / abs(exact):9.2g}")


def made_up(n, features, classes, sources, maps=(1, 1, 1)):
    """Inputs of every metric; `maps`: the shape of featuremaps."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), -(-n // classes))[:n]
    given = {"labels": labels, "probabilities": np.empty((n, sources), "f4")}
    for name, shape in (("embeddings", (features,)), ("featuremaps", maps)):
        centres = 0.5 * rng.standard_normal((classes, *shape), dtype="f4")
        given[name] = np.empty((n, *shape), "f4")
        for row, label in zip(given[name], labels, strict=True):
            row[...] = np.maximum(centres[label] + rng.standard_normal(shape, dtype="f4"), 0)
    for row in given["probabilities"]:
        np.exp(2 * rng.standard_normal(sources, dtype="f4"), out=row)
        row /= row.sum()
    return given


def cost(name, n, features, classes, sources=SOURCE_CLASSES):
    """Seconds of CPU and peak bytes beyond the inputs; NaN where a metric is not applicable."""
    given = made_up(n, features, classes, sources if "probabilities" in metrics.inputs(name) else 1)
    metrics.compute(name, made_up(20, 8, 2, 3))
    before, began = _peak(), time.process_time()
    try:
        metrics.compute(name, given)
    except metrics.NotApplicable:
        return math.nan, math.nan
    return time.process_time() - began, _peak() - before


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def growth(size):
    """Print exponents of time and memory, and both at `size`."""
    base, longer, wider = (4000, 500, 100), (8000, 500, 100), (4000, 1000, 100)
    print(f"exponents from {base} to {longer} and {wider}: images, features, classes; and {size}")
    print("metric        N: seconds memory  D: seconds memory   seconds     GB")
    # A process each, whose peak is that of one metric at one size
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in LATER:
            first, second, third, large = (
                pool.apply(cost, (name, *shape)) for shape in (base, longer, wider, size)
            )
            n, d = (np.log2(np.array(larger) / first) for larger in (second, third))
            print(
                f"{name:12} {n[0]:11.1f} {n[1]:6.1f} {d[0]:11.1f} {d[1]:6.1f} "
                f"{large[0]:9.1f} {large[1] / 1e9:6.2f}",
                flush=True,
            )


def default_run(ways, rounds=5):
    """Seconds of CPU and values of each metric at DEFAULT, halves included, as JSON.

    ways: folders with the package basemodel; a process each, which take turns.
    """
    seconds, values = {}, {}
    for way in [*ways] * rounds:
        answer = subprocess.run(
            [sys.executable, __file__, "--once"], env=os.environ | {"PYTHONPATH": str(way)},
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name, (spent, found) in json.loads(answer).items():
            seconds.setdefault(name, {}).setdefault(way, []).append(spent)
            values.setdefault(name, {})[way] = found
    return seconds, values


def once():
    """Print the seconds and values of every metric, the second time that it is computed."""
    results = {}
    for shape in DEFAULT:
        given = made_up(*shape[:3], SOURCE_CLASSES, shape[3])
        parts = [{what: array[rows] for what, array in given.items()}
                 for rows in (slice(None), slice(0, None, 2), slice(1, None, 2))]  # fmt: skip
        for name in metrics.available():
            if metrics.inputs(name) == ("card",):
                continue
            for _ in range(2):
                began = time.process_time()
                found = [metrics.compute(name, part) for part in parts]
                spent = time.process_time() - began
            before = results.setdefault(name, (0, []))
            results[name] = (before[0] + spent, before[1] + found)
    print(json.dumps(results))


def against(revision):
    """Print the seconds of each metric here and at another commit."""
    with tempfile.TemporaryDirectory() as folder:
        extract(revision, folder, "workflow/basemodel")
        here, there = ROOT / "workflow", Path(folder, "workflow")
        seconds, values = default_run((here, there))
    shared = {name: [1000 * min(by[way]) for way in (here, there)]
              for name, by in seconds.items() if len(by) == 2}  # fmt: skip
    print(f"metric          here  {revision}  ratio  difference   (ms; {len(DEFAULT)} sizes)")
    for name in sorted(shared, key=lambda name: -shared[name][1]):
        off = max(
            abs(a[term] - b[term]) / (abs(b[term]) or 1)
            for a, b in zip(values[name][here], values[name][there], strict=True)
            for term in set(a) & set(b)
        )
        ours, theirs = shared[name]
        print(f"{name:12} {ours:7.1f} {theirs:7.1f} {ours / theirs:6.2f} {off:9.1g}")
    ours, theirs = np.sum(list(shared.values()), axis=0)
    print(f"{'sum':12} {ours:7.1f} {theirs:7.1f} {ours / theirs:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--folder", help="where the files are written; a temporary folder")
    parser.add_argument("--rates", help="a file to keep the rates in, for `snakemake plan`")
    parser.add_argument("--dump", nargs=2, metavar=("FILE", "LABELS"), help="float16 of these only")
    parser.add_argument("--growth", action="store_true", help="exponents of time and memory")
    parser.add_argument("--size", nargs=3, type=int, default=(20000, 2048, 1000), metavar="N")
    parser.add_argument("--against", metavar="REVISION", help="the metrics of another commit")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.growth:
        return growth(tuple(options.size))
    if options.against:
        return against(options.against)
    if options.once:
        return once()
    if options.dump:
        file, labels = options.dump
        differences(np.load(file, mmap_mode="r"), np.load(labels))
        return
    import torch

    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{machine(where)}; numpy {np.__version__}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        entries = [costs(name, options, folder) for name in options.architectures]
    if options.rates:
        keep(options.rates, {"machine": machine(where), "metrics": entries})


if __name__ == "__main__":
    main()
