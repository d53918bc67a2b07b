"""The outcome of the experiment as a page of text.

input:  base_models: csv architecture, subset, policy, classes, …, test_accuracy
        fine_tuning: csv architecture, target, subset, accuracy
        targets: csv target, title, classes, …; correlation, pairs: csv of scripts/correlation.py;
        ceiling: csv of scripts/ceiling.py; mean_rho, differences, mean_regret: csv of
        scripts/comparison.py; optimism: csv of scripts/held_out.py;
        versions: csv of scripts/versions.py
settings: metrics: the paper's; comparable: bool, whether source, targets and settings are the
        paper's; why: str
output: txt
"""

from basemodel.files import write_text
from basemodel.report.conclusions import conclusions, held_out, too_few
from basemodel.report.summary import summarise
from basemodel.run.provenance import verify
from basemodel.run.versions import mixed, read
from basemodel.tables import read_csv

verify(snakemake.params.code)
settings = snakemake.params.settings

tables = {name: read_csv(path) for name, path in snakemake.input.items() if name != "versions"}
names = ("base_models", "fine_tuning", "targets", "correlation", "pairs")
compared = ("mean_rho", "differences", "mean_regret", "ceiling")
text = summarise(
    *(tables[name] for name in names),
    too_few(tables["mean_rho"], tables["correlation"]),
    held_out(tables["optimism"]),
    conclusions(*(tables[name] for name in compared), settings["metrics"]),
    comparable=settings["comparable"],
    why=settings["why"],
    mixed_versions=mixed(read(snakemake.input.versions)),
)
write_text(snakemake.output[0], text)
