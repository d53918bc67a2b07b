"""What does this machine do in a minute? In about ten, a table for docs/costs.md.

It measures the GPU, or the CPU where there is none, and says so first:

1. how long a job takes to start, and from how many multiply-adds on a GPU is worth its start;
2. jobs a minute of a slice of the default run, with 1, 2, 4, 8 and 16 jobs a GPU, and on the CPU;
3. images a second at 224 pixels: of the training loop (a), of the same step on one batch that never
   changes (b), of the same step fed by torchvision's DataLoader over JPEG files (c), and in passes;
4. the GPU memory of these jobs.

With --rates the rates are written to a file for `snakemake plan`.

Usage: python benchmarks/device.py [--minutes 10] [--rates FILE]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import speeds
import torch
from slices import JOBS, Slice
from starts import core_speed, gpu_from, start

from basemodel.compute.device import device
from basemodel.compute.feeding import load

CPU = torch.device("cpu")
AT_ONCE = (1, 2, 4, 8, 16)  # jobs a GPU
ORDER = ("alexnet", "resnet18", "vgg16")  # the slow one last: time may run out
SECONDS = 10  # of a measurement; a single step may take longer


def starts(where: torch.device) -> tuple[dict[str, float], int]:
    """Print how jobs start; the rates of starting, and the bytes that CUDA takes in a process."""
    on_cpu, _ = start(CPU)
    speed, default = core_speed(), gpu_from()
    print("\n| a job in the fork server | |\n|---|---|")
    print(f"| start, to the first convolution on the CPU | {on_cpu:.2f} s |")
    print(f"| one core, passing images | {speed:.1e} multiply-adds a second |")
    if where.type == "cpu":
        print(
            f"| `runtime.gpu_from`, by default {default:.0e} | {default / speed:.0f} s of a core |"
        )
        return {"job": on_cpu, "cpu_job": on_cpu}, 0
    on_gpu, context = start(where)
    print(f"| start, to the first convolution on the GPU | {on_gpu:.2f} s |")
    print(f"| `runtime.gpu_from` that pays | {speed * (on_gpu - on_cpu):.0e} ({default:.0e} set) |")
    print(f"| GPU memory that CUDA takes in each process | {context / 1e9:.2f} GB |")
    return {"job": on_gpu, "cpu_job": on_cpu}, context


def jobs_a_minute(cores: int, deadline: float) -> None:
    """Print how many of the default run's jobs are done in a minute, until the deadline."""
    settings = [(f"CPU, {cores} cores", {"device": "cpu"})]
    if gpus := torch.cuda.device_count():
        settings += [
            (f"{gpus} x GPU, {jobs} at once on each", {"device": "cuda", "gpu_jobs": jobs})
            for jobs in AT_ONCE
            if jobs == 1 or gpus * jobs <= cores
        ]
    print(f"\n| {len(JOBS)} jobs of the default run | jobs a minute | GPU memory |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        part = Slice(Path(folder), cores)
        part.prepare()
        for what, runtime in settings:
            if time.monotonic() > deadline:
                print(f"| {what} | not measured: no time left | |", flush=True)
                continue
            rate, memory = part.run(**runtime)
            taken = f"{memory / 1e9:.2f} GB" if runtime["device"] == "cuda" else ""
            print(f"| {what} | {rate:.0f} | {taken} |", flush=True)


def networks(where: torch.device, context: int, deadline: float) -> tuple[list[dict], float]:
    """Print how fast networks train at 224 pixels; the entries for `plan`, and JPEGs a second."""
    options = SimpleNamespace(
        side=224, width=1, seconds=SECONDS, least=1, workers=len(os.sched_getaffinity(0)),
        compile=False, precision=speeds.own_precision(where),
    )  # fmt: skip
    print(
        f"\n| 224 pixels, {options.precision} | batch | (a) loop | (b) limit | a/b | "
        "(c) DataLoader | a/c | passes | GPU memory |\n|---|---|---|---|---|---|---|---|---|"
    )
    entries, packed = [], 0.0
    for name in ORDER:
        if time.monotonic() > deadline:
            print(f"| {name} | not measured: no time left | | | | | | | |", flush=True)
            continue
        options.batch, found = (256 if where.type == "cuda" else 32), None
        while found is None:
            options.images = options.batch * (4 if where.type == "cuda" else 1)
            try:
                found = measured(name, options, where)
            except torch.OutOfMemoryError:
                if options.batch == 1:
                    raise
            if found is None:  # not in the handler: there, the tensors are still held
                options.batch //= 2
                torch.cuda.empty_cache()
        a, b, c, passes, memory, packed = found
        taken = f"{(memory + context) / 1e9:.1f} GB" if where.type == "cuda" else ""
        print(
            f"| {name} | {options.batch} | {a:.1f} | {b:.1f} | {a / b:.2f} | {c:.1f} | "
            f"{a / c:.1f} | {passes:.1f} | {taken} |",
            flush=True,
        )
        entries.append(speeds.entry(name, options, a, passes))
    if entries:
        print(f"\nImages a second. One core decodes and resizes {packed:.0f} JPEG files a second.")
    return entries, packed


def measured(name: str, options: SimpleNamespace, where: torch.device) -> tuple:
    """Images a second (a), (b), (c) and in passes; bytes of a training step; JPEGs a second."""
    pictures = speeds.pictures(options.images, 256, 256)
    images = load(pictures, None, where, room=float("inf"))
    labels = torch.randint(speeds.CLASSES, (options.images,))
    a, b = speeds.loop_and_limit(name, options, where, images, labels)
    memory = 0
    if where.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        paths = speeds.write_jpegs(Path(folder), options)
        packed, _ = speeds.packing(paths, 256)
        c = speeds.data_loader(name, options, where, Path(folder))
    if where.type == "cuda":
        memory = torch.cuda.max_memory_reserved() - images.nbytes
    passes = speeds.forward(name, options, where, images)
    return a, b, c, passes, memory, packed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rates", help="a file to keep the rates in, for `snakemake plan`")
    options = parser.parse_args()
    began = time.monotonic()
    where, cores = device(), len(os.sched_getaffinity(0))
    name = speeds.machine(where)
    print(
        f"{name}; torch {torch.__version__}"
        if where.type == "cuda"
        else f"No GPU here, so this measures the CPU: {name}; torch {torch.__version__}",
        flush=True,
    )
    if (busy := psutil.cpu_percent(interval=2) / 100 * (os.cpu_count() or 1)) > 0.2:
        print(f"Other work has {busy:.1f} of {cores} cores: these numbers are too low.", flush=True)
    rates, context = starts(where)
    jobs_a_minute(cores, deadline=began + 0.5 * 60 * options.minutes)
    # The last network may take as long as all before it.
    entries, packed = networks(where, context, deadline=began + 0.8 * 60 * options.minutes)
    if options.rates and entries:
        facts = {"machine": name, "pack": packed, **rates, "networks": entries}
        speeds.keep(options.rates, facts)
    print(f"Measured in {(time.monotonic() - began) / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
