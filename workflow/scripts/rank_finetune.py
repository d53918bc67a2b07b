"""Fine-tune one candidate on the user's images with one seed, and test it on held-out ones.

input:  images: images.json of rank_images.py; card: card.json of rank_candidate.py, read by nothing
        here: it changes when the weights do
output: a JSON, see rank.tuning.tune; of a candidate that cannot be used, the reason and the remedy
settings: candidate: the fields of rank.names.Candidate; tuning: settings of the training; seed
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate
from basemodel.rank.tuning import failed, tune
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config
candidate, seed = Candidate(**settings["candidate"]), settings["seed"]
chosen = read_json(snakemake.input.images)
models = Path(config["results"], "models")
# Not yet the device itself: CUDA, once it has started, does not survive the fork.
allocated = config["runtime"]["device"], snakemake.resources
try:
    result = isolated(tune, candidate, chosen, models, settings["tuning"], seed, allocated)
    print(f"{candidate.label}, seed {seed}: test accuracy {result['accuracy']:.4f}")
except Unusable as error:
    result = failed(candidate, seed, error)
    print(f"{candidate.label}, seed {seed}: not fine-tuned: {error}")
write_json(snakemake.output[0], result)
