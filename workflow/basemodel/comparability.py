"""Whether an experiment is the paper's, so that its numbers can be compared with the published."""

from collections.abc import Iterator
from typing import Any

from basemodel.settings import pretrain_settings, used
from basemodel.statistics import published

NAMED = 3  # how many differences from the paper's settings a reason names


def comparable(config: dict[str, Any]) -> tuple[bool, str]:
    """Whether results can be compared with the published numbers, and why.

    `truncation` and `normal` do not matter: no published number in the summary depends on them.
    """
    source = config["datasets"][config["source"]]
    if source["kind"] != "imagenet":
        return False, f"the source is {source['title']}, not ImageNet"
    targets = [config["datasets"][target]["kind"] for target in config["targets"]]
    absent = [kind for kind in published.TARGETS if kind not in targets]
    if absent:
        return False, f"of the paper's targets, {', '.join(absent)} are not among the targets"
    if config["data_counts"] != "paper":
        return False, "the data sets need not be complete (data_counts: any)"
    other = list(
        dict.fromkeys(  # architectures share settings
            f"{setting} is {ours}, not {theirs}"
            for setting, ours, theirs in _beside_published(config)
            if ours != theirs
        )
    )
    if other:
        more = f"; and {len(other) - NAMED} more" if len(other) > NAMED else ""
        return False, "; ".join(other[:NAMED]) + more
    return True, (
        "the source is ImageNet, the paper's six known targets are among the targets, and all that "
        "the paper's design and Table 3 fix is as there. What it leaves open is this "
        f"experiment's choice: {published.OPEN}."
    )


def _beside_published(config: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Every setting that the paper fixes: its name, its value here and there."""
    yield "the number of targets", len(config["targets"]), published.TARGET_COUNT
    for name in used(config):
        on_error = config["datasets"][name].get("on_error", "stop")
        yield f"datasets.{name}.on_error", on_error, "stop"
    for setting, theirs in published.DESIGN.items():
        section, _, key = setting.partition(".")
        ours = config[section].get(key, []) if key else config[section]
        # The order of lists does not matter.
        yield setting, sorted(ours) if isinstance(ours, list) else ours, theirs
    yield "architectures", sorted(config["architectures"]), sorted(published.SIGNS)
    for name, network in config["architectures"].items():
        for key, theirs in published.NETWORK.items():
            yield f"architectures.{name}.{key}", network[key], theirs
        for key, theirs in published.RECIPE.items():
            own = f"architectures.{name}." if key in network.get("pretrain", {}) else ""
            yield f"{own}pretrain.{key}", pretrain_settings(config, name)[key], theirs
    for key, theirs in published.RECIPE.items():
        yield f"finetune.{key}", config["finetune"][key], theirs
