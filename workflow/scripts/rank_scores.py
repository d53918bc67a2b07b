"""The scores of one candidate, from the arrays that rank_candidate.py has written.

input:  card: card.json; arrays: the folder of its arrays; images: images.json of rank_images.py
settings: metrics: list; seed
output: json: slug; failed, null or the reason: the card's, or that nothing can be predicted; scores
        (scores.scored); predictions, of held-out images (scores.predictions); seconds
"""

import time
import traceback
from pathlib import Path

import numpy as np

from basemodel.files import read_json, write_json
from basemodel.models.failures import told
from basemodel.run.provenance import verify
from basemodel.selection.scores import labels_of, predictions, scored

verify(snakemake.params.code)
started = time.perf_counter()
card = read_json(snakemake.input.card)
found = {"slug": card["slug"], "failed": card["failed"]}
if not card["failed"]:
    folder = Path(snakemake.input.arrays)
    given = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in card["arrays"]}
    chosen, groups = read_json(snakemake.input.images), None
    probe, task = chosen["probe"], chosen["task"]
    if task:
        given["labels"] = labels_of(chosen)
    if any("group" in image for image in probe):
        known = [image.get("group", image["file"]) for image in probe]
        groups = np.unique(known, return_inverse=True)[1]
    settings = snakemake.params.settings
    try:
        found["predictions"] = predictions(given, groups, task)
    except Exception as error:  # without them it has no place in the order
        traceback.print_exc()
        found["failed"] = f"its images' labels cannot be predicted: {told(error)}"
    predicted = found.get("predictions", {})
    found["scores"] = scored(given, settings["metrics"], settings["seed"], predicted, groups, task)
found["seconds"] = time.perf_counter() - started
write_json(snakemake.output[0], found)
