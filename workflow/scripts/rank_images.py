"""Choose the images that candidates are compared on, and check that they can be decoded. While
they are, they are cropped as the candidates need them; images.json does not depend on these.

settings: images: the user's folder or table; state: data.folders.state of it; images_per_class;
        near_copies: report or group; pixels: whether any candidate looks at the images; task:
        what the labels are, or auto
output: images.json, see images.choose
"""

import json
from pathlib import Path

from basemodel.compute.cropped import writing_all
from basemodel.data.listing import DataError
from basemodel.files import shown, write_text
from basemodel.run.provenance import verify
from basemodel.selection.cropping import ways
from basemodel.selection.images import choose
from basemodel.selection.names import candidates
from basemodel.selection.shelf import here
from basemodel.zoo.models import SHELF, models

verify(snakemake.params.code)
settings, config = snakemake.params.settings, snakemake.config


def shelved():
    return here(config["rank"]["licence"], config["rank"]["most_parameters"])


named = config["models"]
ranked = list(models([one.label for one in shelved()] if named == SHELF else named))
if config["images"]:
    ranked += candidates(config["candidates"]) or shelved()
crops = Path(snakemake.output[0]).parent / "cropped"  # deleted when all candidates are done
try:
    with writing_all(crops, ways(ranked, Path(config["results"], "models"))) as keep:
        chosen = choose(
            settings["images"],
            settings["images_per_class"],
            settings["near_copies"],
            snakemake.threads,
            settings["pixels"],
            settings["task"],
            keep,
        )
except DataError as error:
    raise SystemExit(f"images: {shown(str(error))}") from None
# In ASCII, so that names that are not UTF-8 can be written, and read back as they are.
write_text(snakemake.output[0], json.dumps(chosen, indent=1) + "\n")
for problem in chosen["problems"]:
    print(problem)
kinds = {"classes": "classes", "tags": "tags"}.get(chosen["task"])
labels = f"{len(chosen['classes'])} {kinds}" if kinds else chosen["task"] or "unlabelled"
print(f"{len(chosen['probe'])} images, {labels}; {chosen['use']['held_out']} held out")
