"""How fast networks train, pass images and are scored here: entered by the user, or measured.

Measured rates are scaled to other widths or sides by multiply-adds or by featuremap size.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from basemodel.models.architectures import build
from basemodel.models.cost import count


@dataclass
class Rates:
    """A machine's rates for one architecture, and their sources; None: unknown."""

    train: float | None = None  # images per second
    forward: float | None = None  # images per second
    metrics: float | None = None  # seconds per image, for all metrics
    pack: float | None = None  # images per second and core; the same for all architectures
    sources: dict[str, str] = field(default_factory=dict)


def network(config: dict[str, Any], name: str, classes: int = 1) -> nn.Module:
    """The network on the meta device: shapes without values."""
    size = config["architectures"][name]
    with torch.device("meta"):
        return build(name, classes, size["width"], size["stem"])


def weights(config: dict[str, Any], name: str, classes: int) -> int:
    """How many numbers a base model's file holds."""
    return sum(tensor.numel() for tensor in network(config, name, classes).state_dict().values())


def elements(config: dict[str, Any], name: str, cuts: bool = False) -> list[int]:
    """How many numbers one image's featuremaps hold; with `cuts`, those of each cut network."""
    model = network(config, name).eval()
    image = torch.empty(1, 3, *[config["image"]["crop"]] * 2, device="meta")
    return [part(image).numel() for part in (model.cuts if cuts else [model.trunk])]


def rates(config: dict[str, Any], name: str, measured: dict[str, Any]) -> Rates:
    """The known rates of one architecture; entered values take precedence over measured ones.

    Of the measurements, the nearest in cost is taken, scaled by multiply-adds.
    """
    found = Rates()
    entered = config["plan"]["entered"].get(name, {})
    ours = {**config["architectures"][name], "side": config["image"]["crop"]}
    wanted = _multiply_adds(name, ours)
    near = [entry for entry in measured.get("networks", []) if entry["architecture"] == name]
    near.sort(key=lambda entry: abs(math.log(_multiply_adds(name, entry) / wanted)))
    on = f"measured on {measured.get('machine')}"
    if near:
        scale = _multiply_adds(name, near[0]) / wanted
        same = all(near[0][key] == ours[key] for key in ("width", "stem", "side"))
        source = on if same else f"{on} at {near[0]['side']} pixels, scaled"
        found.train, found.forward = near[0]["train"] * scale, near[0]["forward"] * scale
        found.sources = {"train": source, "forward": source}
    scores = [entry for entry in measured.get("metrics", []) if entry["architecture"] == name]
    if scores:
        scale = elements(config, name)[0] / scores[0]["elements"]
        found.metrics = scores[0]["seconds"] * scale
        found.sources["metrics"] = on if scale == 1 else f"{on}, scaled by size"
    return _with(found, entered)


def pack_rate(config: dict[str, Any], measured: dict[str, Any]) -> Rates:
    """The rate of packing, entered or measured."""
    found = Rates(pack=measured.get("pack"))
    found.sources["pack"] = f"measured on {measured.get('machine')}" if found.pack else "unknown"
    entered = config["plan"]["entered"]
    return _with(found, {key: entered[key] for key in ("pack",) if key in entered})


def start_seconds(config: dict[str, Any], measured: dict[str, Any]) -> tuple[float, float]:
    """Seconds to start a job, on a device and without one: entered, measured, or else none."""
    entered = config["plan"]["entered"].get("job")
    if entered is not None:
        return entered, entered
    on_device = measured.get("job", 0)
    return on_device, measured.get("cpu_job", on_device)


def _with(found: Rates, entered: dict[str, float]) -> Rates:
    for key, value in entered.items():
        setattr(found, key, value)
        found.sources[key] = "entered"
    return found


def _multiply_adds(name: str, size: dict[str, Any]) -> int:
    with torch.device("meta"):
        model = build(name, 1000, size["width"], size["stem"])
    return count(model, size["side"]).multiply_adds
