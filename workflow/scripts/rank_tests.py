"""Find the images to fine-tune candidates on, to choose on, and to test on.

input:  images: images.json of rank_images.py
output: json: train, validation, test and problems, see held_out.for_fine_tuning
"""

import json

from basemodel.files import read_json, write_text
from basemodel.run.provenance import verify
from basemodel.selection.held_out import for_fine_tuning

verify(snakemake.params.code)
found = for_fine_tuning(read_json(snakemake.input.images), snakemake.threads)
write_text(snakemake.output[0], json.dumps(found, indent=1) + "\n")  # in ASCII, as images.json
for problem in found["problems"]:
    print(problem)
if not found["test"]:  # all are copies, or cannot be decoded
    chosen = read_json(snakemake.input.images)
    told = "; ".join([*chosen["problems"], *found["problems"]])
    raise SystemExit(f"{chosen['images']}: no image is left to test on: {told}")
print(", ".join(f"{len(found[part])} {part}" for part in ("train", "validation", "test")))
