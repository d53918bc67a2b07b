"""Is the device kept busy? Training speed in images per second, three ways, for each architecture.

(a) this project's loop: images as bytes on the device, cropped, flipped and normalised there;
(b) the same step on one batch that never changes: the upper limit, with no work on data at all;
(c) the same step fed by a DataLoader over JPEG files with all cores, as in torchvision's reference
    recipe.

(a) and (b) take turns, so that fluctuations of the machine affect both. Also measured, for
`snakemake plan`: passes without gradients, and packing of JPEG files. With --rates the rates are
written to a file for it. Computes in bfloat16 on a GPU that has it, else in float32.

Usage: python benchmarks/training.py [--side 224] [--batch 32] [--seconds 20] [--rates FILE]
"""

import argparse
import os
import tempfile
from pathlib import Path

import torch
from speeds import (
    CLASSES,
    data_loader,
    entry,
    forward,
    keep,
    loop_and_limit,
    machine,
    own_precision,
    packing,
    pictures,
    write_jpegs,
)

from basemodel.compute.device import device
from basemodel.compute.feeding import load
from basemodel.models import catalog


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", nargs="+", default=catalog.available())
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--width", type=float, default=1)
    parser.add_argument("--batch", type=int, default=256 if torch.cuda.is_available() else 32)
    parser.add_argument("--images", type=int, help="in an epoch; four batches unless given")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--precision", default=own_precision(device()), choices=["float32", "bfloat16"]
    )
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rates", help="a file to keep the rates in, for `snakemake plan`")
    options = parser.parse_args()
    options.images = options.images or 4 * options.batch
    options.least = 3
    where = device()
    options.precision = options.precision or own_precision(where)
    size = round(options.side * 256 / 224)
    print(
        f"{machine(where)}; torch {torch.__version__}; side {options.side}, batch {options.batch}, "
        f"precision {options.precision}, compile {options.compile}, {options.workers} workers"
    )
    images = load(pictures(options.images, size, size), None, where, room=float("inf"))
    labels = torch.randint(CLASSES, (options.images,))
    entries = []
    print("images/s        (a) loop  (b) limit  (c) loader  forward    a/b     a/c")
    with tempfile.TemporaryDirectory() as folder:
        paths = write_jpegs(Path(folder), options)
        packed, faster = packing(paths, size)
        for name in options.architectures:
            a, b = loop_and_limit(name, options, where, images, labels)
            c = data_loader(name, options, where, Path(folder))
            passes = forward(name, options, where, images)
            print(
                f"{name:14} {a:9.1f}  {b:9.1f}  {c:10.1f}  {passes:7.1f}  {a / b:5.2f}  "
                f"{a / c:6.2f}",
                flush=True,
            )
            entries.append(entry(name, options, a, passes))
    print(
        f"packing, one core: {packed:.1f} JPEG files a second, to {size} pixels; "
        f"{faster:.1f} with torchvision's decoder and resize"
    )
    if options.rates:
        keep(options.rates, {"machine": machine(where), "pack": packed, "networks": entries})


if __name__ == "__main__":
    main()
