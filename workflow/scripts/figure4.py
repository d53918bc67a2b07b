"""Figure 4: accuracy of one network cut after each convolutional layer, by target.

input:  accuracies: csv of scripts/cuts.py
settings: architecture; targets: list of [name, title]; dpi
output: svg, pdf, png
"""

from basemodel.report.figures import figure4, style
from basemodel.run.provenance import verify
from basemodel.tables import read_csv

verify(snakemake.params.code)

settings = snakemake.params.settings
figure = figure4.draw(
    read_csv(snakemake.input.accuracies), settings["architecture"], settings["targets"]
)
style.save(figure, dict(snakemake.output.items()), settings["dpi"])
