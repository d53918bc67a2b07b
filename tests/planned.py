"""The jobs that `snakemake plan` counts, and those of a dry run in the same stages."""

from collections import Counter
from collections.abc import Mapping

from basemodel import plan

# Rules that the plan counts together.
TOGETHER = {"pack_files": "pack", "subset": "subset, probe", "probe": "subset, probe"}
# Those that it names. The others make tables and figures.
NAMED = {
    "pack", "pretrain", "normal", "epoch_featuremaps", "epoch_metric", "featuremaps", "metric",
    "finetune", "cut_featuremaps", "cut_metric", "cut_finetune", *TOGETHER.values(),
}  # fmt: skip
NOT_COUNTED = {"all", "total"}


def planned(config: dict) -> Counter:
    """By stage; a stage without jobs is left out."""
    counts = Counter()
    for row in plan.work(config):
        counts[row.stage] += row.jobs
    return +counts


def by_stage(announced: Mapping[str, int]) -> Counter:
    """From jobs by rule."""
    counts = Counter()
    for rule, jobs in announced.items():
        if rule not in NOT_COUNTED:
            stage = TOGETHER.get(rule, rule)
            counts[stage if stage in NAMED else "tables, figures"] += jobs
    return counts
