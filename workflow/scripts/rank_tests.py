"""Of the images that are held out, find those to test fine-tuned candidates on.

input:  images: images.json of rank_images.py
output: json: test and problems, see rank.held_out.choose_tests
"""

import json

from basemodel.files import read_json, write_text
from basemodel.rank.held_out import choose_tests
from basemodel.run.provenance import verify

verify(snakemake.params.code)
found = choose_tests(read_json(snakemake.input.images), snakemake.threads)
write_text(snakemake.output[0], json.dumps(found, indent=1) + "\n")  # in ASCII, as images.json
for problem in found["problems"]:
    print(problem)
print(f"{len(found['test'])} images to test on")
