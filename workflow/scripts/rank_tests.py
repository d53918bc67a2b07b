"""Find the images to fine-tune candidates on, to choose on, and to test on.

input:  images: images.json of rank_images.py
output: json: train, validation, test and problems, see held_out.for_fine_tuning
"""

import json

from basemodel.data.listing import DataError
from basemodel.files import read_json, shown, write_text
from basemodel.run.provenance import verify
from basemodel.selection.held_out import for_fine_tuning

verify(snakemake.params.code)
chosen = read_json(snakemake.input.images)
try:
    found = for_fine_tuning(chosen, snakemake.threads)
except DataError as error:
    raise SystemExit(f"images: {shown(str(error))}") from None
write_text(snakemake.output[0], json.dumps(found, indent=1) + "\n")  # in ASCII, as images.json
for problem in found["problems"]:
    print(problem)
print(", ".join(f"{len(found[part])} {part}" for part in ("train", "validation", "test")))
