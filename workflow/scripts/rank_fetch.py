"""Download the weights of candidates: the only part of ranking that uses the network.

settings: candidates: as the user names them; if there are none, those of the shelf are downloaded
        that have this licence and at most_parameters
"""

import sys

from basemodel.selection.fetch import fetch
from basemodel.selection.names import candidates
from basemodel.selection.shelf import shelf

settings = snakemake.params.settings
wanted = candidates(settings["candidates"])
if failed := fetch(wanted or shelf(settings["licence"], settings["most_parameters"])):
    sys.exit(f"{failed} candidates could not be fetched: see above")
