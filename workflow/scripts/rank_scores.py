"""The scores of one candidate, from the arrays that rank_candidate.py has written. Those that
basemodel.rank has computed already are taken.

input:  card: card.json; arrays: the folder of its arrays; images: images.json of rank_images.py
settings: metrics: list; seed
output: json, see scores.scores_of
"""

from pathlib import Path

from basemodel.files import read_json, write_json
from basemodel.run.provenance import verify
from basemodel.selection.names import PYTHON
from basemodel.selection.scores import scores_of

verify(snakemake.params.code)
settings, card = snakemake.params.settings, read_json(snakemake.input.card)
try:
    found = scores_of(
        card,
        Path(snakemake.input.arrays),
        read_json(snakemake.input.images),
        settings["metrics"],
        settings["seed"],
        [Path(snakemake.input.images).parent / PYTHON / "candidates" / card["slug"]],
    )
except FileNotFoundError as error:  # deleted to save space (docs/costs.md)
    raise SystemExit(
        f"{error.filename} is not there any more: delete {snakemake.input.card}, and the next run "
        "passes the images through the network again"
    ) from None
write_json(snakemake.output[0], found)
