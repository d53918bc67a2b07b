# What several stages share.

from basemodel import settings, subsets
from basemodel.fingerprint import fingerprint
from snakemake.exceptions import WorkflowError

try:
    settings.check(config)
except settings.SettingsError as error:
    raise WorkflowError(f"config: {error}") from None

ARCHITECTURES = list(config["architectures"])
TARGETS = config["targets"]
SUBSETS = subsets.names(config["subsets"])
METRICS = config["metrics"]
TITLES = [[target, config["datasets"][target]["title"]] for target in TARGETS]
FIGURE_KINDS = ["svg", "pdf", "png"]

FINE_TUNINGS = expand(
    "<results>/finetune/{architecture}/{subset}/{target}.json",
    architecture=ARCHITECTURES,
    subset=SUBSETS,
    target=TARGETS,
)


wildcard_constraints:
    dataset="[a-z0-9_]+",
    target="[a-z0-9_]+",
    architecture="[a-z0-9_]+",
    subset="[a-z0-9-]+",
    metric="[A-Za-z0-9_]+",
