"""End at once; every seventh job fails."""

import sys
from pathlib import Path

if int(snakemake.wildcards.i) % 7 == 0:
    sys.exit(int(snakemake.wildcards.i) % 100 + 1)
Path(snakemake.output[0]).write_text(snakemake.wildcards.i)
