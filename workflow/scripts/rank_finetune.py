"""Fine-tune one candidate on the user's images with one seed: the first at two learning rates,
further ones at the better of these.

input:  images: images.json of rank_images.py; tests: json of rank_tests.py; card: card.json of
        rank_candidate.py, read by nothing here: it changes when the weights do; first: the result
        with seed 0, of further seeds
output: result: a JSON, see tuning.tune; of a candidate that cannot be used, the reason and the
        remedy; network: safetensors, the weights that were trained, or none; failures: json, the
        reasons for which it could not be used, of this run and of earlier ones, in order
settings: candidate: the fields of names.Candidate; tuning: settings of the training; seed;
        failures: how many there were

A job that was stopped is resumed (basemodel.training.checkpoints).
"""

from pathlib import Path

import torch  # before the fork  # noqa: F401

from basemodel.files import read_json, write_json
from basemodel.models.failures import Unusable
from basemodel.models.own_weights import save
from basemodel.run.provenance import verify
from basemodel.selection.isolated import isolated
from basemodel.selection.names import Candidate
from basemodel.selection.quality import NAMES
from basemodel.selection.tuning import failed, tune
from basemodel.training.checkpoints import of_job

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config
candidate, seed = Candidate(**settings["candidate"]), settings["seed"]
chosen = read_json(snakemake.input.images) | read_json(snakemake.input.tests)
first = read_json(snakemake.input.first) if snakemake.input.get("first") else {}
network, failures = Path(snakemake.output.network), Path(snakemake.output.failures)
reasons = read_json(failures) if failures.exists() else []
models = Path(config["results"], "models")
# Not yet the device itself: CUDA, once it has started, does not survive the fork.
allocated = config["runtime"]["device"], snakemake.resources


def checkpoint(rate, where):
    return of_job(
        network.with_name(f"{seed}-{rate}"),
        snakemake.input,
        snakemake.params,
        config["runtime"],
        where,
    )


try:
    if first.get("failed"):
        raise Unusable(first["failed"], first["remedy"])
    rates = [first["rate"]] if first else []
    result = isolated(
        tune, candidate, chosen, models, settings["tuning"], seed, network, rates, checkpoint,
        allocated,
    )  # fmt: skip
    measure = NAMES[chosen.get("task", "classes")]
    print(f"{candidate.label}, seed {seed}: {measure} on validation images {result['value']:.4f}")
except Unusable as error:
    result = failed(candidate, seed, error)
    reasons.append(result["failed"])
    save({}, network)
    print(f"{candidate.label}, seed {seed}: not fine-tuned: {error}")
write_json(failures, reasons)
write_json(snakemake.output.result, result)
for left in network.parent.glob(f".{seed}-*.checkpoint"):
    left.unlink()
