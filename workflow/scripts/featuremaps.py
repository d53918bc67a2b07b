"""Pass probe images through a base model and save everything that metrics are computed from.

input:  weights, card: of the base model; images: of the packed split; probe: rows of it, an .npy
output: featuremaps, embeddings, probabilities: .npy; card: JSON (compute.extract.extract_packed)
settings: dtype: of the featuremaps
wildcards: epoch, if it is there: weights is a folder of those after each epoch, and this one is
        taken; layer, if it is there: the model is cut after it, and has no probabilities
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
dtype = snakemake.params.settings["dtype"]
where = allocated_device(snakemake.config["runtime"]["device"], snakemake.resources)

weights, which = snakemake.input.weights, snakemake.wildcards
if epoch := which.get("epoch"):
    weights = Path(weights, f"{epoch}.safetensors")
model = trained.load(weights, snakemake.input.card)
if layer := which.get("layer"):
    model = trained.truncated(model, int(layer))
write_json(snakemake.output.card, extract_packed(model, split, probe, arrays, dtype, where))
