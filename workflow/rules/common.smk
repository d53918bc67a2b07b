# What several stages share.

import json
import sys

from basemodel import settings, subsets
from basemodel.comparability import comparable
from basemodel.depths import layers
from basemodel.fingerprint import fingerprint

try:
    settings.check(config)
except settings.SettingsError as error:
    raise SystemExit(f"config: {error}") from None

config["results"] = settings.results(config)
if workflow.is_main_process:
    # The stages logger takes it from here; with any other it is a line like others.
    logger.info(f"Results: {config['results']}", extra={"results": config["results"]})

settings.share_library()

ARCHITECTURES = list(config["architectures"])
TARGETS = config["targets"]
SUBSETS = subsets.names(config["subsets"])
METRICS = config["metrics"]
TITLES = [[target, config["datasets"][target]["title"]] for target in TARGETS]
FROM_FILES = settings.from_files(config)
# What commands run that no script: theirs in an environment made for them, else this one.
PYTHON = "python" if workflow.deployment_settings.deployment_method else sys.executable
TABLES = ["scores", "correlation", "pairs", "normal_training"]
FIGURES = ["figure1", "figure2"]
if len(METRICS) > 1:  # one alone makes no pair
    FIGURES.append("figure3")
if config["truncation"]["architectures"]:
    TABLES.append("cut_choices")
    FIGURES += [f"figure4-{name}" for name in config["truncation"]["architectures"]] + ["figure5"]
FIGURE_KINDS = ["svg", "pdf", "png"]

FINE_TUNINGS = expand(
    "<results>/finetune/{architecture}/{subset}/{target}.json",
    architecture=ARCHITECTURES,
    subset=SUBSETS,
    target=TARGETS,
)


def network(architecture):
    """What a base model is built from, but for the number of classes."""
    size = config["architectures"][architecture]
    return {"architecture": architecture, "width": size["width"], "stem": size["stem"]}


def as_it_is(value):
    """A parameter that holds what the user wrote: Snakemake fills in braces in plain strings."""
    return lambda wildcards: value


def any_of(names):
    """The pattern of a wildcard that is one of the names, or of none that is nothing."""
    return "|".join(names) or "(?!)"


def image_files(wildcards):
    """No input that is tracked, but asked for exactly when something is to be packed."""
    try:
        settings.require_files(config)
    except settings.SettingsError as error:
        raise SystemExit(f"config: {error}") from None
    return []


def epochs(architecture):
    """The numbers of the epochs that an architecture is pre-trained for, from 1."""
    return range(1, settings.pretrain_settings(config, architecture)["epochs"] + 1)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    target="[a-z0-9_]+",
    architecture="[a-z0-9_]+",
    subset="[a-z0-9-]+",
    epoch=r"\d+",
    layer=r"\d+",
    metric="[A-Za-z0-9_]+",
