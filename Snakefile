# Which pre-trained model should I start from? The experiment of "A Base Model Selection Methodology
# for Efficient Fine-Tuning", from data to figures. README.md explains how to use it.

from pathlib import Path

from basemodel.run import lock, records, shared_files, versions
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


# ------------------------------------------------------------------------------------------------
# Stages
# ------------------------------------------------------------------------------------------------


include: "workflow/rules/data.smk"
include: "workflow/rules/rank.smk"
include: "workflow/rules/compare_table.smk"


if config["models"]:  # base models that are not trained here

    include: "workflow/rules/zoo.smk"

else:

    include: "workflow/rules/experiment.smk"


include: "workflow/rules/plan.smk"
include: "workflow/rules/versions.smk"


# Short work, which a cluster's head node does.
localrules:
    subset,
    probe,
    versions,
    compare_table,
    rank_report,
    rank_round,
    rank_report_verified,


# ------------------------------------------------------------------------------------------------
# Targets
# ------------------------------------------------------------------------------------------------

TABLES += [f"versions_{part}" for part in CARDS]


rule all:
    default_target: True
    input:
        "<results>/summary.txt",
        expand("<results>/figures/{figure}.{kind}", figure=SHOWN, kind=["svg", "pdf", "png"]),
        expand("<results>/tables/{table}.csv", table=TABLES),
        CHECKED,


# ------------------------------------------------------------------------------------------------
# Before and after
# ------------------------------------------------------------------------------------------------


onstart:
    # Not earlier: only now has the executor said what is shared.
    of = workflow.storage_settings
    shared_files.require(map(str, of.shared_fs_usage), of.default_storage_provider)
    # Record the lock's owner, so that `make run` can tell whether that run is dead.
    lock.sign(getattr(workflow.persistence, "_lockfile", {}).values())
    if not workflow.touch:
        refuse_unknown()


onsuccess:
    records.keep(config["results"])
    tables = [f"{config['results']}/tables/versions_{part}.csv" for part in CARDS]
    if mixed := versions.mixed(versions.read(*tables)):
        logger.warning(f"Made with several versions of packages: {'; '.join(mixed)}")


onerror:
    records.keep(config["results"])
