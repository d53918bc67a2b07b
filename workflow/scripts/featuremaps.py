"""Pass probe images through a base model and save everything that metrics are computed from.

input:  weights, card: of the base model; images: of the packed split; probe: rows of it, an .npy
output: featuremaps, embeddings, probabilities: .npy; card: JSON (compute.extract.extract_packed)
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

model = trained.load(snakemake.input.weights, snakemake.input.card)
write_json(snakemake.output.card, extract_packed(model, split, probe, arrays, dtype, where))
