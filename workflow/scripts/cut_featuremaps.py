"""Pass probe images through one network cut after one layer; keep that layer's featuremaps."""

from pathlib import Path

from basemodel import dumps, models
from basemodel.truncation import cut

model = models.load(snakemake.input.weights, snakemake.input.card)
dumps.write(
    snakemake.output[0],
    cut(model, int(snakemake.wildcards.layer)),
    Path(snakemake.input.images).parent,
    snakemake.input.probe,
    snakemake.params.crop,
    snakemake.params.dtype,
)
