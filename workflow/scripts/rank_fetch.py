"""Download the weights of candidates: the only part of ranking that uses the network.

settings: candidates: as the user names them; if there are none, the curated ones are downloaded
"""

import sys

from basemodel.rank import curated
from basemodel.rank.fetch import fetch
from basemodel.rank.names import candidates

if failed := fetch(candidates(snakemake.params.settings["candidates"]) or curated.curated()):
    sys.exit(f"{failed} candidates could not be fetched: see above")
