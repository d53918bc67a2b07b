"""Pass the chosen images through one candidate, or take their rows of the user's embeddings; one
that cannot be used only gets a card. What basemodel.rank has computed already is taken.

input:  images: images.json of rank_images.py
output: card: card.json; arrays: a folder of those of models.model.OUTPUTS that the network has,
        whose checksums are on the card; failures: json, the reasons for which the candidate could
        not be used, of this run and of earlier ones, in order
settings: candidate: the fields of names.Candidate; dtype: of the featuremaps; weights: the state of
        its file; failures: how many there were
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.run.provenance import verify
from basemodel.selection.names import PYTHON, Candidate, candidates
from basemodel.selection.one_candidate import card_of
from basemodel.zoo.models import SHELF, models

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config
candidate = Candidate(**settings["candidate"])
failures, folder = Path(snakemake.output.failures), Path(snakemake.input.images).parent
reasons = read_json(failures) if failures.exists() else []
named = [] if config["models"] == SHELF else config["models"]
facts = card_of(
    candidate,
    {*candidates(config["candidates"]), *models(named)},
    read_json(snakemake.input.images),
    Path(snakemake.output.arrays),
    Path(config["results"], "models"),
    folder / "cropped",  # by candidates, kept until all are done
    settings["dtype"],
    # Not yet the device itself: CUDA, once it has started, does not survive the fork.
    (config["runtime"]["device"], snakemake.resources),
    [folder / PYTHON / "candidates" / candidate.slug],
)
if facts["failed"]:
    reasons.append(facts["failed"])
write_json(failures, reasons)
write_json(snakemake.output.card, facts)
