"""Check what can be checked before any image is passed through a network: names, files of weights,
the table of accuracies.

settings: candidates: the fields of rank.names.Candidate of each; labels: their names, by slug;
        metadata: the user's table and its checksum, or null; rows: how many the table of labels
        has; weights, failures: what may have changed since
output: a JSON: the reason and the remedy of each that cannot be used, by slug
Ends the run if so many cannot that there is nothing to compare.
"""

import sys
from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.data.listing import DataError
from basemodel.files import shown, write_json
from basemodel.rank import metadata
from basemodel.rank.check import fault
from basemodel.rank.names import Candidate
from basemodel.run.provenance import verify

LEAST = 2  # candidates, or nothing is compared

verify(snakemake.params.code)
settings, models = snakemake.params.settings, Path(snakemake.config["results"], "models")
if settings["metadata"]:
    try:
        metadata.read(settings["metadata"][0])
    except DataError as error:
        sys.exit(shown(f"rank.metadata: {error}"))
found = {}
for candidate in (Candidate(**fields) for fields in settings["candidates"]):
    if error := fault(candidate, models, settings["rows"]):
        found[candidate.slug] = [error.reason, error.remedy]
        print(shown(f"{settings['labels'][candidate.slug]}: {error}"), flush=True)
if found and len(settings["candidates"]) - len(found) < LEAST:
    sys.exit("Fewer than two candidates could be used: see the reasons above.")
write_json(snakemake.output[0], found)
