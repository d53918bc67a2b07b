"""Pass probe images through one network cut after one layer; keep that layer's featuremaps."""

from pathlib import Path

from basemodel import versions
from basemodel.features import extract as dumps
from basemodel.files import write_json
from basemodel.fingerprint import verify
from basemodel.networks import models
from basemodel.networks.truncation import cut

verify(snakemake.params.code)

model = models.load(snakemake.input.weights, snakemake.input.card)
dumps.write(
    snakemake.output.maps,
    cut(model, int(snakemake.wildcards.layer)),
    Path(snakemake.input.images).parent,
    snakemake.input.probe,
    snakemake.params.crop,
    snakemake.params.dtype,
)
write_json(snakemake.output.card, {"versions": versions.of(versions.NETWORKS)})
