"""Pass the chosen images through one candidate; one that cannot be used only gets a card.

input:  images: images.json of rank_images.py
output: card: card.json. The arrays (models.model.OUTPUTS) are written next to it, as far as the
        network has them, and the card has their checksums.
settings: candidate: the fields of rank.names.Candidate; dtype: of the featuremaps; weights: the
        state of its file
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.fingerprint import verify
from basemodel.models.failures import Unusable
from basemodel.models.model import OUTPUTS
from basemodel.rank.extract import clear, extract, failed
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate

verify(snakemake.params.code)
settings, config, resources = snakemake.params.settings, snakemake.config, snakemake.resources
candidate, dtype = Candidate(**settings["candidate"]), settings["dtype"]
chosen, card = read_json(snakemake.input.images), Path(snakemake.output.card)
outputs = {name: card.with_name(f"{name}.npy") for name in OUTPUTS}
models = Path(config["results"], "models")
kept = Path(snakemake.input.images).parent / "cropped"  # by candidates, until all are done
# Not yet the device itself: CUDA, once it has started, does not survive the fork.
allocated = config["runtime"]["device"], resources.get("gpu", 0), resources.get("gpu_share")
clear(outputs.values())  # of an earlier run: Snakemake knows the card only
try:
    facts = isolated(extract, candidate, chosen, outputs, models, kept, dtype, allocated)
except Unusable as error:
    clear(outputs.values())
    facts = failed(candidate, error)
    print(f"{candidate.label}: not ranked: {error}")
write_json(card, facts)
