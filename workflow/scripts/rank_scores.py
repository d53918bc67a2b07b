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
    probe = read_json(snakemake.input.images)["probe"]
    labels, groups = [image["label"] for image in probe], None
    if None not in labels:
        given["labels"] = np.array(labels)
    if any("group" in image for image in probe):
        known = [image.get("group", image["file"]) for image in probe]
        groups = np.unique(known, return_inverse=True)[1]
    settings = snakemake.params.settings
    found["predictions"] = predictions(given, groups)
    found["scores"] = scored(
        given, settings["metrics"], settings["seed"], found["predictions"], groups
    )
found["seconds"] = time.perf_counter() - started
write_json(snakemake.output[0], found)
