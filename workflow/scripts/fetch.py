"""Download the data sets that torchvision can download, and say how to get the others.

settings: root: the folder of data sets; counts: paper, if their sizes must be the published ones;
        datasets: the settings of each
"""

import sys
from pathlib import Path

from basemodel.data.fetch import fetch

settings = snakemake.params.settings
sys.stdout.reconfigure(line_buffering=True)
if not settings["datasets"]:
    print("The data sets of this experiment are made by itself: there is nothing to fetch.")
if failed := fetch(Path(settings["root"]), settings["counts"] == "paper", settings["datasets"]):
    sys.exit(f"{failed} data sets could not be fetched: see above")
