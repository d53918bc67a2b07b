"""List what can be named as a candidate.

settings: models: the folder of base models; find: a pattern that selects names
"""

import sys
from pathlib import Path

from basemodel.selection.catalogue import listing, table
from basemodel.selection.names import SOURCES

settings = snakemake.params.settings
found = list(listing(Path(settings["models"]), settings["find"]))
if not found:
    sys.exit(f"no candidate matches {settings['find']!r}; names begin with {', '.join(SOURCES)}")
print(table(found))
if any(line.parameters is None for line in found):
    print("? parameters: not counted in a long list; rank: {find: PATTERN} shortens it")
here = sum(line.here for line in found)
print(f"{len(found)} candidates, the weights of {here} of them on this machine")
