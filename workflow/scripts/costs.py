"""The cost of a network cut after each of its layers, including the target's new layer.

input:  targets: list of a meta.json for each target
settings: networks: {architecture: {width, stem}}; side of the networks' input images, in pixels
output: csv architecture, target, layer, parameters, multiply_adds (for one image)
"""

import pandas as pd
import torch

from basemodel.files import read_json
from basemodel.models.architectures import build
from basemodel.models.catalog import layers
from basemodel.models.cost import count
from basemodel.models.truncation import channels_of, cut
from basemodel.run.provenance import verify
from basemodel.tables import write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings

classes = {
    meta["dataset"]: len(meta["classes"]) for meta in map(read_json, snakemake.input.targets)
}
rows = []
with torch.device("meta"):  # shapes without values: VGG16 takes no memory
    for architecture in settings["architectures"]:
        network = settings["networks"][architecture]
        model = build(architecture, 1, network["width"], network["stem"])
        for layer in range(layers(architecture)):
            trunk = cut(model, layer)
            cost, channels = count(trunk, settings["side"]), channels_of(trunk)
            for target, number in classes.items():
                weights = channels * number  # the new layer's, without its biases
                spent = cost.parameters + weights + number, cost.multiply_adds + weights
                rows.append((architecture, target, layer, *spent))

columns = ["architecture", "target", "layer", "parameters", "multiply_adds"]
write_csv(snakemake.output[0], pd.DataFrame(rows, columns=columns))
