"""Pass the chosen images through one candidate; one that cannot be used only gets a card.

input:  images: images.json of rank_images.py
output: card: card.json. The arrays (rank.extract.ARRAYS) are written next to it, as far as the
        network has them, and the card has their checksums.
settings: candidate: the fields of rank.names.Candidate; dtype: of the featuremaps; weights: the
        state of its file
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.features.device import lent_to
from basemodel.files import read_json, write_json
from basemodel.rank.extract import clear, extract, failed
from basemodel.rank.failures import Unusable
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate
from basemodel.run.provenance import verify

verify(snakemake.params.code)
settings = snakemake.params.settings
candidate = Candidate(**settings["candidate"])
chosen = read_json(snakemake.input.images)
card = Path(snakemake.output.card)
clear(card.parent)  # of an earlier run: Snakemake knows the card only
try:
    models = Path(snakemake.config["results"], "models")
    cropped = Path(snakemake.input.images).parent / "cropped"  # by candidates, until all are done
    dtype, lent = settings["dtype"], lent_to(snakemake)
    facts = isolated(extract, candidate, chosen, card.parent, models, cropped, dtype, lent)
except Unusable as error:
    clear(card.parent)
    facts = failed(candidate, error)
    print(f"{candidate.label}: not ranked: {error}")
write_json(card, facts)
