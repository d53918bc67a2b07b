"""Count the package versions on the cards of one part of the experiment.

input:  a list of cards (JSON with `versions`) for each kind of result
output: csv made, package, version, files: the kind, and how many of its cards have this version
"""

import pandas as pd

from basemodel.run.provenance import verify
from basemodel.run.versions import COLUMNS, gather, mixed
from basemodel.tables import write_csv

verify(snakemake.params.code)

rows = gather(dict(snakemake.input.items()))
write_csv(snakemake.output[0], pd.DataFrame(rows, columns=COLUMNS))
print("\n".join(mixed(rows)) or "no package in more than one version")
