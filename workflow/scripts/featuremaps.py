"""Pass probe images through a base model and save everything that metrics are computed from."""

from basemodel.features.extract import extract_job, whole_network
from basemodel.networks import models
from basemodel.run.provenance import verify

verify(snakemake.params.code)
model = models.load(snakemake.input.weights, snakemake.input.card)
extract_job(snakemake, model, whole_network)
