"""Turn a data set into arrays: uint8 images and int64 labels of both splits, and a description."""

import hashlib
from pathlib import Path

import numpy as np

from basemodel.data import digits, glyphs, packed
from basemodel.files import write_json
from basemodel.run import versions
from basemodel.run.provenance import verify

verify(snakemake.params.code)

name = snakemake.wildcards.dataset
settings = snakemake.params.settings
dataset, size = settings["dataset"], settings["size"]
folder = Path(snakemake.output.meta).parent

if dataset["kind"] == "glyphs":
    classes = list("".join(dataset["characters"]))
    splits = {}
    for split in ("train", "test"):
        count = dataset[split]
        images = glyphs.dataset(name, split, classes, count, size, settings["seed"])
        splits[split] = images, np.repeat(np.arange(len(classes)), count)
else:
    classes = list("0123456789")
    splits = digits.splits(dataset["train"], dataset["test"], size)

for split, (images, labels) in splits.items():
    packed.save(folder / split, images, labels)
    print(f"{name} {split}: {len(labels)} images of {len(classes)} classes, {size} x {size}")

write_json(
    snakemake.output.meta,
    {
        "dataset": name,
        "kind": dataset["kind"],
        "classes": classes,
        "images": {split: len(labels) for split, (_, labels) in splits.items()},
        "sha256": {
            split: hashlib.sha256(images.tobytes()).hexdigest()
            for split, (images, _) in splits.items()
        },
        "versions": versions.of(
            versions.GLYPHS if dataset["kind"] == "glyphs" else versions.DIGITS
        ),
    },
)
