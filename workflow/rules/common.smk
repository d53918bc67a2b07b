# What several stages share: the settings, checked; names; functions that rules use.

import re
from functools import cache
from itertools import product
from pathlib import Path

from basemodel import checks, inline, metrics, prerequisites, resources, settings, work
from basemodel.data import subsets
from basemodel.metrics import module_names
from basemodel.models import catalog
from basemodel.models.catalog import layers
from basemodel.selection import shelf
from basemodel.run import invocation, provenance, records
from basemodel.run.provenance import fingerprint
from basemodel.run.records import ordered
from basemodel.settings import without
from snakemake.cli import parse_config

# A cluster job reads all this again, but with the settings that its run began with.
if not workflow.is_main_process and (recorded := provenance.recorded_settings()):
    config.clear()
    config.update(recorded)
    HERE = config.pop("weights_here")
    config.pop("options")
    config.pop("cores")
else:
    HERE = None

inline.read(config, workflow.config_settings.config)
try:
    checks.check(config)
except checks.SettingsError as error:
    raise SystemExit(f"config: {error}") from None

config["results"] = settings.results(config)
if HERE is None:  # those of the shelf whose weights are on this machine: others' may differ
    FROM_SHELF = {key: config["rank"][key] for key in ("licence", "most_parameters")}
    HERE = [candidate.label for candidate in shelf.here(**FROM_SHELF)]
if workflow.is_main_process:
    if resources.asks_memory(config["runtime"]):  # here, for jobs on all nodes
        config["runtime"]["gpu_memory"] = resources.gpu_memory()
    asked = workflow.config_settings
    options = invocation.options(asked.configfiles, asked.config, parse_config)
    cores = workflow.resource_settings.cores
    recorded = {**config, "weights_here": HERE, "options": options, "cores": cores}
    provenance.start_run(Path(".snakemake/runs"), recorded)
    records.restore(config["results"])
    records.keep(config["results"])  # what a run that was killed has left
    # The stages logger uses this line; for other loggers it is a line like any other.
    logger.info(f"Results: {config['results']}", extra={"results": config["results"]})
    if unused := settings.unused_metrics(config):
        logger.info(
            f"Not compared, of workflow/basemodel/metrics: {', '.join(unused)}; name them in "
            "other_metrics, or set it to all"
        )

settings.share_library()


def cells(*axes):
    """All combinations, of a metric, an architecture and a target, say."""
    return [list(cell) for cell in product(*axes)]


def files_of(pattern, cells):
    """One file for each of the cells, {0} being its metric."""
    return [pattern.format(*cell) for cell in cells]


# The experiment's names.
ARCHITECTURES = list(config["architectures"])
CUT_ARCHITECTURES = config["truncation"]["architectures"]
ARCHITECTURE_MODULES = [*map(catalog.module_name, ARCHITECTURES)]  # with their titles in figures
SUBSETS = subsets.names(config["subsets"])
TARGETS = [] if config["models"] else config["targets"]  # those of models: rank_common.smk
TITLES = [[target, config["datasets"][target]["title"]] for target in TARGETS]
METRICS = config["metrics"]
OTHER_METRICS = settings.other_metrics(config)
ALL_METRICS = METRICS + OTHER_METRICS
# The card is of the end of training. The feature norm may be one of the metrics.
NORMAL_METRICS = list(dict.fromkeys([*without(["card"], METRICS), "feature_norm"]))
# A cut network predicts no source classes, and has no card of its own.
CUT_METRICS = without(["probabilities", "card"], METRICS)
OTHER_CUT_METRICS = without(["probabilities", "card"], OTHER_METRICS)

# Files of one stage that others read.
CELLS = cells(METRICS, ARCHITECTURES, TARGETS)
METRIC = "<results>/metrics/{0}/{1}/{2}.csv"
NORMAL_METRIC = "<results>/normal/{1}/metrics/{0}.csv"
FINE_TUNINGS = expand(
    "<results>/finetune/{architecture}/{subset}/{target}.json",
    architecture=ARCHITECTURES,
    subset=SUBSETS,
    target=TARGETS,
)

# The table that `snakemake compare` compares, and the folder for what it finds.
COMPARED_TABLE = Path(config["table"] or "table.csv").expanduser()
COMPARED_NAME = re.sub(r"[^\w.-]+", "_", COMPARED_TABLE.stem).lstrip("-.") or "table"
COMPARED = f"<results>/compare/{COMPARED_NAME}"


# What rules need that print to the terminal. Without it Snakemake would give each everything that
# there is, and it does not know how many cores a cluster has.
COMMAND = {"mem_mb": 1000}


def network(architecture):
    """What a base model is built from, except for the number of classes."""
    size = config["architectures"][architecture]
    return {"architecture": architecture, "width": size["width"], "stem": size["stem"]}


# Recorded on every base model's card, and used for all of its targets.
PREPROCESSING = {"size": config["image"]["size"], "crop": config["image"]["crop"]}


@cache
def code_for(script, *architectures):
    """The fingerprint of a script that builds networks of these architectures."""
    return fingerprint(script, *map(catalog.module_name, architectures))


inputs_by_name = cache(metrics.inputs)  # which parses the metric's file


def inputs_of(metric, pattern, card=None, **values):
    """The files that a metric is computed from, a list for each of its inputs by name.

    `pattern`: of the arrays, with {what}; `card`: of the networks' cards.
    """
    return {
        what: expand(card if what == "card" else pattern, what=what, **values)
        for what in inputs_by_name(metric)
        if what != "labels"
    }


def on_gpu(work_of, *wildcard_names):
    """The resources `gpu` and `gpu_share` of a rule's jobs, whose work a function of `work` says,
    given config and these wildcards."""

    @cache
    def allocated(*names):
        need = resources.need(config, work_of(config, *names))
        return resources.allocate(config["runtime"], need)

    def of_job(wildcards):
        return allocated(*(wildcards[name] for name in wildcard_names))

    return {
        "gpu": lambda wildcards: of_job(wildcards).gpu,
        "gpu_share": lambda wildcards: of_job(wildcards).gpu_share,
    }


def pixels(dataset):
    """The settings that affect a data set's pixels: not its title, nor what bad files lead to."""
    return {
        key: value
        for key, value in config["datasets"][dataset].items()
        if key not in ("title", "on_error")
    }


def any_of(names):
    """A pattern that matches any of the names, and nothing if there are none."""
    return "|".join(names) or "(?!)"


def checked(check):
    """An input function of no file: it ends the run before its first job, with one line, if `check`
    raises a SettingsError. Snakemake calls it exactly when the job's output is asked for."""

    def no_files(wildcards):
        try:
            check(wildcards)
        except checks.SettingsError as error:
            raise SystemExit(f"config: {error}") from None
        return []

    return no_files if workflow.is_main_process else []


def table_to_compare(wildcards):
    """The user's table. Ends the run with a line if it cannot be used.

    Its time stamp says nothing: its content is a parameter.
    """
    if workflow.is_main_process:
        # Not at the top: pandas would take every job half a second.
        from basemodel.statistics import outside_table

        if not config["table"]:
            raise SystemExit("config: table: names none; add --config table=scores.csv")
        try:
            outside_table.read(COMPARED_TABLE, config["larger_is_better"])
        except outside_table.TableError as error:
            raise SystemExit(f"config: table: {config['table']}: {error}") from None
    return ancient(str(COMPARED_TABLE))


def base_models_to_plan(wildcards):
    """No file. Ends the run if there are none."""
    if config["models"]:
        raise SystemExit(
            "config: models: `snakemake plan` knows only base models that are trained here; with "
            "`models`, `snakemake -n` lists the jobs"
        )
    return []


def refuse_unknown():
    """End a run that would make results again only because nothing is on record of them."""
    dag = workflow.dag
    files = [
        file
        for job in dag.needrun_jobs()
        if not dag.reason(job).forced
        for file in records.unknown(job.output)
    ]
    if files:
        raise SystemExit(
            f"{config['results']}: of {len(files)} files, {files[0]} among them, it is not on "
            "record which settings and code made them. To keep them, copy them again with their "
            "time stamps and hidden files (cp -a), or vouch for them with --touch; to make them "
            "again, remove them or add --forceall"
        )


def epochs(architecture):
    """The numbers, from 1, of the epochs that an architecture is pre-trained for."""
    return range(1, settings.pretrain_settings(config, architecture)["epochs"] + 1)


NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"


wildcard_constraints:
    # Names of models have dots and dashes: resnet50d.ra4_e3600_r224_in1k
    dataset=NAME,
    target=NAME,
    architecture=NAME,
    subset=NAME,
    epoch=r"\d+",
    layer=r"\d+",
    metric=NAME,
