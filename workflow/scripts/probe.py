"""Choose the target images that the metrics use, the same for every base model."""

import numpy as np

from basemodel.files import write_npy
from basemodel.run.provenance import verify
from basemodel.seeds import seed_of

verify(snakemake.params.code)
settings = snakemake.params.settings

target = snakemake.wildcards.target
count = settings["images_per_class"]
labels = np.load(snakemake.input.labels)
rows = []
for label in np.unique(labels)[: settings["classes"]]:
    of_class = np.flatnonzero(labels == label)
    if len(of_class) < count:
        raise SystemExit(
            f"{target}: class {label} has {len(of_class)} training images, fewer than the "
            f"{count} that probe.images_per_class asks for: lower it or leave the class out"
        )
    rng = np.random.default_rng(seed_of("probe", target, label, settings["seed"]))
    rows.append(np.sort(rng.choice(of_class, count, replace=False)))
rows = np.concatenate(rows)
write_npy(snakemake.output.images, rows)
write_npy(snakemake.output.labels, labels[rows])
print(f"{target}: {len(rows)} images")
