"""Choose the target's probe images, which metrics use: the same for every base model.

input:  labels: of the training images, int64 [N]
output: images: their rows, ascending in each class, class after class; labels: of these
"""

import numpy as np

from basemodel.data import probe_images
from basemodel.data.listing import DataError
from basemodel.files import write_npy
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings = snakemake.params.settings
target, labels = snakemake.wildcards.target, np.load(snakemake.input.labels)
try:
    rows = probe_images.choose(
        target, labels, settings["images_per_class"], settings["classes"], settings["seed"]
    )
except DataError as error:
    raise SystemExit(f"{target}: {error}") from None
write_npy(snakemake.output.images, rows)
write_npy(snakemake.output.labels, labels[rows])
print(f"{target}: {len(rows)} images")
