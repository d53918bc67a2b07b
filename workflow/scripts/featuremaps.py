"""Pass probe images through one network; keep the featuremaps of its last convolutional layer."""

from pathlib import Path

from basemodel import versions
from basemodel.features import extract as dumps
from basemodel.files import write_json
from basemodel.fingerprint import verify
from basemodel.networks import models

verify(snakemake.params.code)

weights = Path(snakemake.input.weights)
if weights.is_dir():  # of normal training
    weights /= f"{snakemake.wildcards.epoch}.safetensors"
model = models.load(weights, snakemake.input.card)
dumps.write(
    snakemake.output.maps,
    model.trunk,
    Path(snakemake.input.images).parent,
    snakemake.input.probe,
    snakemake.params.crop,
    snakemake.params.dtype,
)
write_json(snakemake.output.card, {"versions": versions.of(versions.NETWORKS)})
