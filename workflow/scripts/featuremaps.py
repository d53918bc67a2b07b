"""Pass probe images through one network; keep the featuremaps of its last convolutional layer."""

from pathlib import Path

from basemodel import dumps, models

model = models.load(snakemake.input.weights, snakemake.input.card)
dumps.write(
    snakemake.output[0],
    model.trunk,
    Path(snakemake.input.images).parent,
    snakemake.input.probe,
    snakemake.params.crop,
    snakemake.params.dtype,
)
