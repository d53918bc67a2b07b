# What several stages share.

import json
import sys
from functools import cache
from itertools import product
from pathlib import Path

from basemodel import begun, gpu_use, inline, metrics, provenance, settings, unlock, versions
from basemodel.comparability import comparable
from basemodel.data import subsets
from basemodel.fingerprint import fingerprint
from basemodel.metrics import module_names
from basemodel.models.catalog import layers
from basemodel.provenance import ordered

# A cluster job reads all this again, but with the settings that its run began with.
if not workflow.is_main_process and (recorded := begun.resume()):
    config.clear()
    config.update(recorded)

inline.read(config, workflow.config_settings.config)
try:
    settings.check(config)
except settings.SettingsError as error:
    raise SystemExit(f"config: {error}") from None

config["results"] = settings.results(config)
if workflow.is_main_process:
    if gpu_use.asks_memory(config["runtime"]):  # here, for jobs on all nodes
        config["runtime"]["gpu_memory"] = gpu_use.gpu_memory()
    begun.begin(Path(".snakemake/begun"), config)
    provenance.restore(config["results"])
    provenance.keep(config["results"])  # what a run that was killed has left
    # The stages logger uses this line; for other loggers it is a line like any other.
    logger.info(f"Results: {config['results']}", extra={"results": config["results"]})
    if unused := settings.unused_metrics(config):
        logger.info(
            f"Not compared, of workflow/basemodel/metrics: {', '.join(unused)}; name them in "
            "other_metrics, or set it to all"
        )

settings.share_library()


def without(inputs, names):
    """The metrics that do not need any of these inputs."""
    return [metric for metric in names if not set(inputs) & set(metrics.inputs(metric))]


ARCHITECTURES = list(config["architectures"])
TARGETS = config["targets"]
SUBSETS = subsets.names(config["subsets"])
METRICS = config["metrics"]
OTHER_METRICS = settings.other_metrics(config)
ALL_METRICS = METRICS + OTHER_METRICS
TITLES = [[target, config["datasets"][target]["title"]] for target in TARGETS]
FROM_FILES = settings.from_files(config)
# The Python for shell commands: that of a deployed environment, else this one.
PYTHON = "python" if workflow.deployment_settings.deployment_method else sys.executable
TABLES = ["scores", "correlation", "pairs", "normal_training", "epoch_metrics", "ceiling"]
TABLES += ["rho", "mean_rho", "differences", "regret", "mean_regret", "held_out", "optimism"]
VERSIONS = ["base_models", "normal_training"]
FIGURES = ["figure1", "figure2", "figure6", "figure7"]
# A cut network predicts no source classes, and has no card of its own.
CUT_METRICS = without(["probabilities", "card"], METRICS)
OTHER_CUT_METRICS = without(["probabilities", "card"], OTHER_METRICS)
if len(METRICS) > 1:  # one alone makes no pair
    FIGURES.append("figure3")
if config["truncation"]["architectures"]:
    TABLES.append("cut_choices")
    if OTHER_CUT_METRICS:
        TABLES.append("other_cut_choices")
    VERSIONS.append("truncation")
    FIGURES += [f"figure4-{name}" for name in config["truncation"]["architectures"]]
    if CUT_METRICS:
        FIGURES.append("figure5")
TABLES += [f"versions_{part}" for part in VERSIONS]
FIGURE_KINDS = ["svg", "pdf", "png"]

FINE_TUNINGS = expand(
    "<results>/finetune/{architecture}/{subset}/{target}.json",
    architecture=ARCHITECTURES,
    subset=SUBSETS,
    target=TARGETS,
)


def network(architecture):
    """What a base model is built from, except for the number of classes."""
    size = config["architectures"][architecture]
    return {"architecture": architecture, "width": size["width"], "stem": size["stem"]}


# Recorded on every base model's card, and used for all of its targets.
PREPROCESSING = {"size": config["image"]["size"], "crop": config["image"]["crop"]}


def inputs_of(metric, pattern, card=None, **values):
    """The files that a metric is computed from, a list for each of its inputs by name.

    `pattern`: of the arrays, with {what}; `card`: of the networks' cards.
    """
    wanted = [what for what in metrics.inputs(metric) if what != "labels"]
    return {
        what: expand(card if what == "card" else pattern, what=what, **values) for what in wanted
    }


@cache
def lent(need, *names):
    """A job's resources; `need`: a function of gpu_use, `names`: its arguments, beside config."""
    return gpu_use.lent(config["runtime"], need(config, *names))


def on_gpu(need, *wildcard_names):
    """The resources `gpu` and `gpu_share` of a rule's jobs, each by its wildcards."""

    def of_job(wildcards):
        return lent(need, *(wildcards[name] for name in wildcard_names))

    return {
        "gpu": lambda wildcards: of_job(wildcards).gpu,
        "gpu_share": lambda wildcards: of_job(wildcards).gpu_share,
    }


def cells(names, architectures, targets):
    return [list(cell) for cell in product(names, architectures, targets)]


def pixels(dataset):
    """The settings that affect a data set's pixels: not its title, nor what bad files lead to."""
    return {
        key: value
        for key, value in config["datasets"][dataset].items()
        if key not in ("title", "on_error")
    }


def as_it_is(value):
    """A parameter passed as the user wrote it: Snakemake would format braces in plain strings."""
    return lambda wildcards: value


def any_of(names):
    """A pattern that matches any of the names, and nothing if there are none."""
    return "|".join(names) or "(?!)"


def image_files(wildcards):
    """Adds no tracked input, but is called exactly when something is to be packed."""
    try:
        settings.require_files(config)
    except settings.SettingsError as error:
        raise SystemExit(f"config: {error}") from None
    return []


def drawn_characters(wildcards):
    """Adds no tracked input, as image_files."""
    if workflow.is_main_process:
        try:
            settings.require_glyphs(config, wildcards.dataset)
        except settings.SettingsError as error:
            raise SystemExit(f"config: {error}") from None
    return []


def new_versions(card):
    """Adds no tracked input, but forces a rerun if the card names other versions of packages.

    Not a parameter, because changing `runtime.versions` would then retrain everything.
    """

    def force(wildcards):
        # Conda environments have their own trigger, and are not what is installed here.
        if workflow.is_main_process and not workflow.deployment_settings.deployment_method:
            path = card.replace("<results>", config["results"]).format(**dict(wildcards.items()))
            if versions.changed(path):
                workflow.dag.forcefiles.add(path)
        return []

    return force if config["runtime"]["versions"] == "rerun" else []


def refuse_unknown():
    """End a run that would make results again only because nothing is on record of them."""
    dag = workflow.dag
    files = [
        file
        for job in dag.needrun_jobs()
        if not dag.reason(job).forced
        for file in provenance.unknown(job.output)
    ]
    if files:
        raise SystemExit(
            f"{config['results']}: of {len(files)} files, {files[0]} among them, it is not on "
            "record which settings and code made them. To keep them, copy them again with their "
            "time stamps and hidden files (cp -a), or vouch for them with --touch; to make them "
            "again, remove them or add --forceall"
        )


def report_versions():
    """Say at the end of a run if its results mix versions of packages."""
    tables = [f"{config['results']}/tables/versions_{part}.csv" for part in VERSIONS]
    if lines := versions.mixed(versions.read(*tables)):
        logger.warning(f"Made with several versions of packages: {'; '.join(lines)}")


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
    part="|".join(VERSIONS),
