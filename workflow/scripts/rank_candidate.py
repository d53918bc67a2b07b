"""Pass the chosen images through one candidate, or take their rows of the user's embeddings; one
that cannot be used only gets a card.

input:  images: images.json of rank_images.py
output: card: card.json; arrays: a folder of those of models.model.OUTPUTS that the network has,
        whose checksums are on the card; failures: json, the reasons for which the candidate could
        not be used, of this run and of earlier ones, in order
settings: candidate: the fields of rank.names.Candidate; dtype: of the featuremaps; weights: the
        state of its file; failures: how many there were
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.models.model import OUTPUTS
from basemodel.rank.check import check_needed
from basemodel.rank.embeddings import take
from basemodel.rank.extract import clear, extract, failed
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate, candidates
from basemodel.run.provenance import verify
from basemodel.zoo.models import SHELF, models

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config
candidate, dtype = Candidate(**settings["candidate"]), settings["dtype"]
chosen, arrays = read_json(snakemake.input.images), Path(snakemake.output.arrays)
failures = Path(snakemake.output.failures)
reasons = read_json(failures) if failures.exists() else []
outputs = {name: arrays / f"{name}.npy" for name in OUTPUTS}
arrays.mkdir(exist_ok=True)
base_models = Path(config["results"], "models")
kept = Path(snakemake.input.images).parent / "cropped"  # by candidates, until all are done
# Not yet the device itself: CUDA, once it has started, does not survive the fork.
allocated = config["runtime"]["device"], snakemake.resources
try:
    if candidate.untrained:
        named = [] if config["models"] == SHELF else config["models"]
        trained = {*candidates(config["candidates"]), *models(named)}
        check_needed(candidate, trained, base_models)
    if candidate.source == "embeddings":
        facts = isolated(take, candidate, chosen, outputs["embeddings"])
    else:
        facts = isolated(extract, candidate, chosen, outputs, base_models, kept, dtype, allocated)
except Unusable as error:
    clear(outputs.values())
    facts = failed(candidate, error)
    reasons.append(facts["failed"])
    print(f"{candidate.label}: not ranked: {error}")
write_json(failures, reasons)
write_json(snakemake.output.card, facts)
