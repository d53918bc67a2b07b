"""Like featuremaps.py, for a network that is cut after one layer, which has no probabilities.

input:  weights, card: of the whole network; images: of the packed split; probe: rows of it, an .npy
output: featuremaps, embeddings: .npy; card: JSON (compute.extract.extract_packed)
settings: dtype: of the featuremaps
"""

from pathlib import Path

from basemodel.compute.device import allocated_device
from basemodel.compute.extract import extract_packed
from basemodel.files import write_json
from basemodel.models import trained
from basemodel.run.provenance import verify

verify(snakemake.params.code)
split, probe = Path(snakemake.input.images).parent, snakemake.input.probe
arrays = {name: path for name, path in snakemake.output.items() if name != "card"}
dtype, resources = snakemake.params.settings["dtype"], snakemake.resources
device = snakemake.config["runtime"]["device"]
where = allocated_device(device, resources.get("gpu", 0), resources.get("gpu_share"))

network = trained.load(snakemake.input.weights, snakemake.input.card)
model = trained.truncated(network, int(snakemake.wildcards.layer))
write_json(snakemake.output.card, extract_packed(model, split, probe, arrays, dtype, where))
