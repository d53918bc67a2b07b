"""The scores of one candidate, from the arrays that rank_candidate.py has written.

input:  card: card.json; arrays: the folder of its arrays; images: images.json of rank_images.py
settings: metrics: list; seed
output: json: slug; failed, null or the card's reason; scores (rank.scores.scored); predictions, of
        held-out images (rank.scores.predictions); seconds
"""

import time
from pathlib import Path

import numpy as np

from basemodel.files import read_json, write_json
from basemodel.rank.scores import predictions, scored
from basemodel.run.provenance import verify

verify(snakemake.params.code)
started = time.perf_counter()
card = read_json(snakemake.input.card)
found = {"slug": card["slug"], "failed": card["failed"]}
if not card["failed"]:
    folder = Path(snakemake.input.arrays)
    given = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in card["arrays"]}
    labels = [image["label"] for image in read_json(snakemake.input.images)["probe"]]
    if None not in labels:
        given["labels"] = np.array(labels)
    settings = snakemake.params.settings
    found["predictions"] = predictions(given)
    found["scores"] = scored(given, settings["metrics"], settings["seed"], found["predictions"])
found["seconds"] = time.perf_counter() - started
write_json(snakemake.output[0], found)
