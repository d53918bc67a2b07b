"""The cards that name other versions of Python or packages than those installed, one a line.

settings: cards: files by part and kind, some of which may not exist
"""

from basemodel.run.versions import changed

results = snakemake.config["results"]
for kinds in snakemake.params.settings["cards"].values():
    for card in (card for files in kinds.values() for card in files):
        if changed(path := card.replace("<results>", results)):
            print(path)
