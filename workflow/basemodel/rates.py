"""How fast networks train, pass images and are scored here: entered by the user, or measured.

Measured rates are scaled to other widths or sides by multiply-adds or by featuremap size.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import nn

from basemodel.models.architectures import build
from basemodel.models.cost import count


class Rate(NamedTuple):
    """How long one image takes, and where that is from."""

    seconds: float  # on a device, or on one core
    source: str


Rates = dict[str, Rate]  # of train, forward, metrics (all of them together) and pack
UNKNOWN = Rate(math.nan, "unknown")


def weights(config: dict[str, Any], name: str, classes: int) -> int:
    """How many numbers a base model's file holds."""
    model = _network(name, config["architectures"][name], classes)
    return sum(tensor.numel() for tensor in model.state_dict().values())


def elements(config: dict[str, Any], name: str, cuts: bool = False) -> list[int]:
    """How many numbers one image's featuremaps hold; with `cuts`, those of each cut network."""
    model = _network(name, config["architectures"][name]).eval()
    image = torch.empty(1, 3, *[config["image"]["crop"]] * 2, device="meta")
    return [part(image).numel() for part in (model.cuts if cuts else [model.trunk])]


def rates(config: dict[str, Any], name: str, measured: dict[str, Any]) -> Rates:
    """The known rates of one architecture; entered values take precedence over measured ones.

    Of the measurements, the nearest in cost is taken, scaled by multiply-adds.
    """
    found = {}
    on = f"measured on {measured.get('machine')}"
    ours = {**config["architectures"][name], "side": config["image"]["crop"]}
    wanted = _multiply_adds(name, ours)
    entries = [entry for entry in measured.get("networks", []) if entry["architecture"] == name]
    costs = [_multiply_adds(name, entry) / wanted for entry in entries]
    if entries:
        cost, near = min(zip(costs, entries, strict=True), key=lambda of: abs(math.log(of[0])))
        same = all(near[key] == ours[key] for key in ("width", "stem", "side"))
        source = on if same else f"{on} at {near['side']} pixels, scaled"
        found = {key: Rate(1 / (near[key] * cost), source) for key in ("train", "forward")}
    scores = [entry for entry in measured.get("metrics", []) if entry["architecture"] == name]
    if scores:
        scale = elements(config, name)[0] / scores[0]["elements"]
        source = on if scale == 1 else f"{on}, scaled by size"
        found["metrics"] = Rate(scores[0]["seconds"] * scale, source)
    for key, value in config["plan"]["entered"].get(name, {}).items():
        found[key] = Rate(value if key == "metrics" else 1 / value, "entered")
    return found


def pack_rate(config: dict[str, Any], measured: dict[str, Any]) -> Rates:
    """The rate of packing, the same for all architectures: entered or measured."""
    if entered := config["plan"]["entered"].get("pack"):
        return {"pack": Rate(1 / entered, "entered")}
    if there := measured.get("pack"):
        return {"pack": Rate(1 / there, f"measured on {measured.get('machine')}")}
    return {}


def start_seconds(config: dict[str, Any], measured: dict[str, Any]) -> tuple[float, float]:
    """Seconds to start a job, on a device and without one: entered, measured, or else none."""
    entered = config["plan"]["entered"].get("job")
    if entered is not None:
        return entered, entered
    on_device = measured.get("job", 0)
    return on_device, measured.get("cpu_job", on_device)


def _network(name: str, size: dict[str, Any], classes: int = 1) -> nn.Module:
    """The network on the meta device: shapes without values."""
    with torch.device("meta"):
        return build(name, classes, size["width"], size["stem"])


def _multiply_adds(name: str, size: dict[str, Any]) -> int:
    return count(_network(name, size, 1000), size["side"]).multiply_adds
