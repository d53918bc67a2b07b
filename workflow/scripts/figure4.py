"""Figure 4: accuracy of one network cut after each convolutional layer, by target.

input:  accuracies: csv of scripts/cuts.py
params: architecture; targets: list of [name, title]; dpi
output: svg, pdf, png
"""

from basemodel.fingerprint import verify
from basemodel.report.figures import figure4, style
from basemodel.tables import read_csv

verify(snakemake.params.code)

params = snakemake.params
figure = figure4.draw(read_csv(snakemake.input.accuracies), params.architecture, params.targets)
style.save(figure, {kind: snakemake.output.get(kind) for kind in ("svg", "pdf", "png")}, params.dpi)
