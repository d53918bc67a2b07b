"""Like featuremaps.py, for a network that is cut after one layer."""

from basemodel.features.extract import cut_network, extract_job
from basemodel.networks import models
from basemodel.networks.truncation import cut
from basemodel.run.provenance import verify

verify(snakemake.params.code)
model = models.load(snakemake.input.weights, snakemake.input.card)
extract_job(snakemake, cut(model, int(snakemake.wildcards.layer)), cut_network)
