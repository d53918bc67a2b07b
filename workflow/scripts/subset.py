"""List the classes and the training images of one source task."""

import numpy as np

from basemodel.data.subsets import policy, select
from basemodel.files import read_json, write_json
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings = snakemake.params.settings

name = snakemake.wildcards.subset
count = len(read_json(snakemake.input.meta)["classes"])
classes, rows = select(name, np.load(snakemake.input.labels), count, settings["seed"])
write_json(
    snakemake.output[0],
    {"subset": name, "policy": policy(name), "classes": classes, "images": rows.tolist()},
)
print(f"{name}: {len(rows)} images of {len(classes)} classes")
