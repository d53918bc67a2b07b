"""Turn a data set into arrays: uint8 images and int64 labels of both splits, and a description."""

import hashlib
from pathlib import Path

import numpy as np

from basemodel import versions
from basemodel.data import digits, glyphs, packed
from basemodel.files import write_json
from basemodel.fingerprint import verify

verify(snakemake.params.code)

name = snakemake.wildcards.dataset
settings = snakemake.params.dataset
size = snakemake.params.size
folder = Path(snakemake.output.meta).parent

if settings["kind"] == "glyphs":
    classes = list("".join(settings["characters"]))
    splits = {}
    for split in ("train", "test"):
        count = settings[split]
        images = glyphs.dataset(name, split, classes, count, size, snakemake.params.seed)
        splits[split] = images, np.repeat(np.arange(len(classes)), count)
else:
    classes = list("0123456789")
    splits = digits.splits(settings["train"], settings["test"], size)

for split, (images, labels) in splits.items():
    packed.save(folder / split, images, labels)
    print(f"{name} {split}: {len(labels)} images of {len(classes)} classes, {size} x {size}")

write_json(
    snakemake.output.meta,
    {
        "dataset": name,
        "kind": settings["kind"],
        "classes": classes,
        "images": {split: len(labels) for split, (_, labels) in splits.items()},
        "sha256": {
            split: hashlib.sha256(images.tobytes()).hexdigest()
            for split, (images, _) in splits.items()
        },
        "versions": versions.of(
            versions.GLYPHS if settings["kind"] == "glyphs" else versions.DIGITS
        ),
    },
)
