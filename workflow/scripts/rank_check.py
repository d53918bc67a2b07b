"""Check what can be checked before any image is passed through a network: names, files of weights,
the table of accuracies.

settings: candidates: the fields of rank.names.Candidate of each; labels: their names, by slug;
        metadata: the user's table and its checksum, or null; weights, failures: what may have
        changed since
output: a JSON: by slug, null or the reason and the remedy. A baseline fails if all candidates of
        its architecture do
Ends the run if so many fail that nothing is left to compare.
"""

import sys
from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.data.listing import DataError
from basemodel.files import shown, write_json
from basemodel.models.failures import Unusable
from basemodel.models.load import check
from basemodel.rank import metadata
from basemodel.rank.isolated import isolated
from basemodel.rank.names import Candidate
from basemodel.run.provenance import verify

LEAST = 2  # candidates, or nothing is compared

verify(snakemake.params.code)
settings = snakemake.params.settings
if settings["metadata"]:
    try:
        metadata.read(settings["metadata"][0])
    except DataError as error:
        sys.exit(shown(f"rank.metadata: {error}"))
candidates = [Candidate(**fields) for fields in settings["candidates"]]
models = Path(snakemake.config["results"], "models")
found = {}
for candidate in candidates:
    if candidate.untrained:
        continue
    found[candidate.slug] = None
    arguments = candidate.arguments
    try:
        isolated(check, *(arguments[name] for name in ("library", "name", "file", "key")), models)
    except Unusable as error:
        found[candidate.slug] = [error.reason, error.remedy]
        print(shown(f"{settings['labels'][candidate.slug]}: {error}"), flush=True)
usable = [one for one in candidates if not one.untrained and not found[one.slug]]
if len(usable) < min(LEAST, len(found)):
    sys.exit("Fewer than two candidates could be used: see the reasons above.")
needed = {one.architecture for one in usable}
NOT_NEEDED = ["no candidate of its architecture can be used", "see there"]
for candidate in candidates:
    if candidate.untrained:
        found[candidate.slug] = None if candidate.architecture in needed else NOT_NEEDED
write_json(snakemake.output[0], found)
