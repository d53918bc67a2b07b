"""Generate a data set: uint8 images and int64 labels of both splits, and a description.

output: meta: a description (json); train, test: images (npy); train_labels, test_labels (npy)
"""

import hashlib
from pathlib import Path

from basemodel.data import digits, glyphs, packed
from basemodel.files import write_json
from basemodel.run import versions
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings = snakemake.params.settings
name, size, dataset = snakemake.wildcards.dataset, settings["size"], settings["dataset"]
if dataset["kind"] == "glyphs":
    classes, packages = list("".join(dataset["characters"])), versions.GLYPHS
    counts = {split: dataset[split] for split in ("train", "test")}
    splits = glyphs.splits(name, classes, counts, size, settings["seed"])
else:
    classes, packages = list("0123456789"), versions.DIGITS
    splits = digits.splits(dataset["train"], dataset["test"], size)

for split, (images, labels) in splits.items():
    packed.save(Path(snakemake.output[split]).parent, images, labels)
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
        "versions": versions.of(packages),
    },
)
