"""Pass the chosen images through one candidate; one that cannot be used only gets a card.

input:  images: images.json of rank_images.py
output: card: card.json; arrays: a folder of those of rank.extract.ARRAYS that the network has,
        whose checksums are on the card; failures: json, the reasons for which the candidate could
        not be used, of this run and of earlier ones, in order
settings: candidate: the fields of rank.names.Candidate; dtype: of the featuremaps; weights: the
        state of its file; failures: how many there were
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
arrays, failures = Path(snakemake.output.arrays), Path(snakemake.output.failures)
reasons = read_json(failures) if failures.exists() else []
arrays.mkdir(exist_ok=True)
try:
    models = Path(snakemake.config["results"], "models")
    cropped = Path(snakemake.input.images).parent / "cropped"  # by candidates, until all are done
    dtype, lent = settings["dtype"], lent_to(snakemake)
    facts = isolated(extract, candidate, chosen, arrays, models, cropped, dtype, lent)
except Unusable as error:
    clear(arrays)
    facts = failed(candidate, error)
    reasons.append(facts["failed"])
    print(f"{candidate.label}: not ranked: {error}")
write_json(failures, reasons)
write_json(snakemake.output.card, facts)
