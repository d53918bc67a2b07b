"""Tell which candidates cannot be used, before any image is passed through a network.

settings: candidates: the fields of names.Candidate of each; labels: their names, by slug;
        rows: how many the table of labels has; weights, failures: what may have changed since
output: a JSON: the reason and the remedy of each that cannot be used, by slug
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import shown, write_json
from basemodel.run.provenance import verify
from basemodel.selection.check import fault
from basemodel.selection.names import Candidate

verify(snakemake.params.code)
settings, models = snakemake.params.settings, Path(snakemake.config["results"], "models")
found = {}
for candidate in (Candidate(**fields) for fields in settings["candidates"]):
    if error := fault(candidate, models, settings["rows"]):
        found[candidate.slug] = [error.reason, error.remedy]
        print(shown(f"{settings['labels'][candidate.slug]}: {error}"), flush=True)
write_json(snakemake.output[0], found)
