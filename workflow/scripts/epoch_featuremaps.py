"""Like featuremaps.py, for a network as it was after one epoch of normal training."""

from pathlib import Path

from basemodel.features.extract import extract_job, whole_network
from basemodel.networks import models
from basemodel.run.provenance import verify

verify(snakemake.params.code)
weights = Path(snakemake.input.weights, f"{snakemake.wildcards.epoch}.safetensors")
extract_job(snakemake, models.load(weights, snakemake.input.card), whole_network)
