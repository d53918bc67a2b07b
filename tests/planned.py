"""The jobs that `snakemake plan` counts, and those of a dry run in the same stages."""

from collections import Counter
from collections.abc import Mapping

from basemodel import plan

# Rules that the plan counts together.
TOGETHER = {"pack_files": "pack", "subset": "subset, probe", "probe": "subset, probe"}
# Those that it names. The others, which make tables and figures, it does not count.
NAMED = {
    "pack", "pretrain", "normal", "epoch_featuremaps", "epoch_metric", "featuremaps", "metric",
    "finetune", "cut_featuremaps", "cut_metric", "cut_finetune", *TOGETHER.values(),
}  # fmt: skip


def planned(config: dict) -> Counter:
    """By stage; one without jobs is left out."""
    counts = Counter()
    for stage in plan.stages(config):
        counts[stage.name] += stage.jobs
    return +counts


def by_stage(announced: Mapping[str, int]) -> Counter:
    """From jobs by rule."""
    counts = Counter()
    for rule, jobs in announced.items():
        stage = TOGETHER.get(rule, rule)
        if stage in NAMED:
            counts[stage] += jobs
    return counts
