"""Test the fine-tuned networks of one candidate on the images that were held out for this.

input:  images: images.json; tests: json of rank_tests.py; networks, results: of rank_finetune.py,
        one per seed
output: json: slug; failed: null, or why it could not be fine-tuned (with one of the seeds); answers
        to the test images, one list per seed (selection.quality), null if it could not
settings: candidate: the fields of names.Candidate; tuning: settings of the training
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.run.provenance import verify
from basemodel.selection.isolated import isolated
from basemodel.selection.names import Candidate
from basemodel.selection.tuning import test

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config
candidate = Candidate(**settings["candidate"])
chosen = read_json(snakemake.input.images) | read_json(snakemake.input.tests)
models, folder = Path(config["results"], "models"), Path(snakemake.output[0]).parent
allocated = config["runtime"]["device"], snakemake.resources
results = [read_json(path) for path in snakemake.input.results]
trained = [seed for seed, result in enumerate(results) if not result["failed"]]
answers: list = [None] * len(results)
if trained:
    networks = [snakemake.input.networks[seed] for seed in trained]
    scale = results[trained[0]]["scale"]
    try:
        found = isolated(
            test, candidate, chosen, models, settings["tuning"], networks, scale, folder, allocated
        )
    except Unusable as error:  # it could be used a moment ago
        raise SystemExit(f"{candidate.label}: {error}") from None
    for seed, of_seed in zip(trained, found, strict=True):
        answers[seed] = of_seed
failed = next((result["failed"] for result in results if result["failed"]), None)
write_json(snakemake.output[0], {"slug": candidate.slug, "failed": failed, "answers": answers})
