"""One of the figures: basemodel.report.figures.NAME.draw, given tables and settings by name.

input:  csv, or npy for arrays; of a list of csv of scripts/metric.py, one for each of the cells and
        in that order, one table is made
settings: figure: NAME; dpi; cells (if there is such a list): of [metric, architecture]; what else
        draw takes, with the wildcards
output: svg, pdf, png
"""

import numpy as np

from basemodel.report.figures import load, style
from basemodel.run.provenance import verify
from basemodel.statistics.series import collect
from basemodel.tables import read_csv, read_tables

verify(snakemake.params.code)


def read(files, cells):
    if isinstance(files, str):
        return np.load(files) if files.endswith(".npy") else read_csv(files)
    return collect(read_tables(cells, files), ["architecture"], "epoch")


settings = {**snakemake.params.settings, **dict(snakemake.wildcards.items())}
draw, dpi = load.module(settings.pop("figure")).draw, settings.pop("dpi")
cells = settings.pop("cells", [])
tables = {name: read(files, cells) for name, files in snakemake.input.items()}
style.save(draw(**tables, **settings), dict(snakemake.output.items()), dpi)
