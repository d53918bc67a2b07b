"""What a network costs when it is cut after each of its layers, the target's new layer included.

input:  targets: list of a meta.json for each target
params: networks: {architecture: {width, stem}}; side: of an image as the networks see it, pixels
output: csv architecture, target, layer, parameters, multiply_adds (for one image)
"""

import pandas as pd
import torch
from torch import nn

from basemodel.architectures import NETWORKS
from basemodel.depths import layers
from basemodel.files import read_json
from basemodel.tables import write_csv
from basemodel.truncation import cost, truncated

targets = [read_json(path) for path in snakemake.input.targets]
rows = []
with torch.device("meta"):  # shapes without numbers: VGG16 costs no memory
    for architecture, network in snakemake.params.networks.items():
        model = NETWORKS[architecture](1, width=network["width"], stem=network["stem"])
        for target in targets:
            for layer in range(layers(architecture)):
                whole = nn.Sequential(*truncated(model, layer, len(target["classes"])))
                spent = cost(whole, snakemake.params.side)
                rows.append((architecture, target["dataset"], layer, *spent))

columns = ["architecture", "target", "layer", "parameters", "multiply_adds"]
write_csv(snakemake.output[0], pd.DataFrame(rows, columns=columns))
