# Which pre-trained model should I start from? The experiment of "A Base Model Selection Methodology
# for Efficient Fine-Tuning", from data to figures. README.md explains how to use it.

from pathlib import Path

from snakemake.utils import min_version

min_version("9.23")

# ------------------------------------------------------------------------------------------------
# Settings
# ------------------------------------------------------------------------------------------------


configfile: Path(workflow.basedir) / "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


pathvars:
    results=config["results"],


# GPUs are counted per machine, not over a whole cluster.
resource_scopes:
    gpu="local",
    gpu_share="local",


onstart:
    # Record the lock's owner, so that `make run` can tell whether that run is dead.
    lock.sign(getattr(workflow.persistence, "_lockfile", {}).values())
    if not workflow.touch:
        refuse_unknown()


onsuccess:
    records.keep(config["results"])
    report_versions()


onerror:
    records.keep(config["results"])


# ------------------------------------------------------------------------------------------------
# Targets
# ------------------------------------------------------------------------------------------------


rule all:
    default_target: True
    input:
        "<results>/summary.txt",
        expand("<results>/figures/{figure}.{kind}", figure=FIGURES, kind=FIGURE_KINDS),
        expand("<results>/tables/{table}.csv", table=TABLES),


rule pretrain_all:
    input:
        expand(
            "<results>/models/{architecture}/{subset}.safetensors",
            architecture=ARCHITECTURES,
            subset=SUBSETS,
        ),


rule finetune_all:
    input:
        FINE_TUNINGS,


# ------------------------------------------------------------------------------------------------
# Stages
# ------------------------------------------------------------------------------------------------


include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/normal.smk"
include: "workflow/rules/truncation.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/versions.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/rank_common.smk"
include: "workflow/rules/rank.smk"
