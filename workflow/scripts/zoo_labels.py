"""Write the files of an official data set as a table of labels.

output: csv file (its whole path), label, split
settings: dataset: its entry in `datasets`; root: the data root; exact: whether it must be the
        published one
"""

from pathlib import Path

import pandas as pd

from basemodel.data.kinds import checked_listing
from basemodel.data.listing import DataError
from basemodel.files import shown
from basemodel.run.provenance import verify
from basemodel.tables import write_csv

verify(snakemake.params.code)
settings = snakemake.params.settings
root = Path(settings["root"]).absolute()
try:
    found = checked_listing(root, settings["dataset"], settings["exact"])
except DataError as error:
    raise SystemExit(shown(f"{snakemake.wildcards.dataset}: {error}")) from None
rows = [
    (str(root / file), found.classes[label], split)
    for split in ("train", "test")
    for file, label in getattr(found, split)
]
write_csv(snakemake.output[0], pd.DataFrame(rows, columns=["file", "label", "split"]))
print(f"{len(rows)} images in {len(found.classes)} classes")
