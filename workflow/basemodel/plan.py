"""An estimate of an experiment's cost: jobs, device hours, wall time and disk space by stage.

Images are counted from the settings. Hours follow from rates that benchmarks measured or the user
entered; each row says which.

Assumptions: fine-tuning costs one pass through the network per training and test image of a target
(training a new last layer on cached features costs next to nothing); a cut network costs as much as
the whole; jobs of a stage are equally long; nothing waits for disks. Tables and figures, some
twenty short jobs, are not counted.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from basemodel import work
from basemodel.data import subsets
from basemodel.models.catalog import layers
from basemodel.rates import UNKNOWN, Rates, elements, weights
from basemodel.settings import other_metrics, pretrain_settings, without
from basemodel.work import Work


@dataclass
class Stage:
    """The total work of a stage's jobs, for one architecture or for none."""

    name: str
    architecture: str = ""
    jobs: int = 0
    trained: int = 0  # images passed forward and backward
    passed: int = 0  # images passed forward only
    scored: int = 0  # featuremaps that metrics are computed from
    packed: int = 0  # images decoded
    bytes: int = 0


# Which of a stage's counts each rate is of.
COUNTS = {"train": "trained", "forward": "passed", "metrics": "scored", "pack": "packed"}


def stages(config: dict[str, Any]) -> list[Stage]:
    """Every stage, in order of dependence. Raises LookupError for a data set of unknown size."""
    images = [config["source"], *config["targets"]]
    sizes = [work.dataset_size(config, name) for name in images]
    packed, side = sum(size.train + size.test for size in sizes), config["image"]["size"]
    tasks = len(subsets.names(config["subsets"])) + 1  # and the whole
    found = [
        Stage("pack", jobs=len(images), packed=packed, bytes=packed * 3 * side**2),
        Stage("subset, probe", jobs=tasks + len(images)),
    ]
    for name in config["architectures"]:
        found += _base_models(config, name)
    for name in config["truncation"]["architectures"]:
        found += _cuts(config, name)
    return found


def _base_models(config: dict[str, Any], name: str) -> Iterator[Stage]:
    """Those of one architecture."""
    tasks, targets = subsets.names(config["subsets"]), config["targets"]
    epochs = pretrain_settings(config, name)["epochs"]
    source = work.dataset_size(config, config["source"])
    image = elements(config, name)[0] * _item(config)  # bytes of its featuremaps
    metrics = [*config["metrics"], *other_metrics(config)]
    # Cards are those of trained networks, and only these predict source classes.
    epoch_metrics = {*without(["card"], metrics), "feature_norm"}

    classes = Counter(
        source.classes // parts if kind == "class" else source.classes
        for kind, parts, _ in map(subsets.parse, tasks)
    )
    numbers = sum(models * weights(config, name, of) for of, models in classes.items())
    yield _sum("pretrain", [work.pretraining(config, name, task) for task in tasks], 4 * numbers)
    numbers = (epochs + 1) * weights(config, name, source.classes)
    yield _sum("normal", [work.pretraining(config, name)], 4 * numbers)
    dumps = _sum("epoch_featuremaps", [work.epoch_dump(config, name)] * epochs, image=image)
    yield dumps
    yield Stage("epoch_metric", name, len(epoch_metrics), scored=dumps.passed)
    jobs = [work.dump(config, name, target) for target in targets] * len(tasks)
    dumps = _sum("featuremaps", jobs, image=image)
    yield dumps
    yield Stage("metric", name, len(metrics) * len(targets), scored=dumps.passed)
    jobs = [work.finetuning(config, name, target) for target in targets] * len(tasks)
    yield _sum("finetune", jobs)


def _cuts(config: dict[str, Any], name: str) -> Iterator[Stage]:
    """Those of one cut architecture."""
    count, targets = layers(name), config["targets"]
    metrics = without(["card", "probabilities"], [*config["metrics"], *other_metrics(config)])
    image = sum(elements(config, name, cuts=True)) * _item(config) / count
    jobs = [work.dump(config, name, target) for target in targets] * count
    dumps = _sum("cut_featuremaps", jobs, image=image)
    yield dumps
    yield Stage("cut_metric", name, len(metrics) * len(targets), scored=dumps.passed)
    jobs = [work.cut_finetuning(config, name, target) for target in targets] * count
    yield _sum("cut_finetune", jobs)


def _sum(name: str, jobs: Iterable[Work], bytes: int = 0, image: float = 0) -> Stage:
    """A stage of these jobs; `bytes`: of its files; `image`: of an image in them."""
    jobs = list(jobs)
    trained, passed = (
        round(sum(getattr(job, what) for job in jobs)) for what in ("trained", "passed")
    )
    return Stage(
        name, jobs[0].architecture, len(jobs), trained, passed, bytes=bytes + round(passed * image)
    )


def _item(config: dict[str, Any]) -> int:
    """Bytes of a number in featuremaps."""
    return 2 if config["probe"]["dtype"] == "float16" else 4


def table(
    rows: Iterable[Stage],
    known: Mapping[str, Rates],
    devices: int,
    starts: tuple[float, float] = (0, 0),
) -> pd.DataFrame:
    """One row per stage and architecture, and a last one for the total; unknown hours are NaN.

    known: rates by architecture, those of none under ""; starts: seconds to start a job on a device
    and one that needs none.
    wall_hours: on `devices` in parallel, if the jobs of a stage are equally long. The total's is a
    lower bound: all devices always busy, but no less than the longest job.
    """
    found = []
    for row in rows:
        counts = {rate: getattr(row, what) for rate, what in COUNTS.items() if getattr(row, what)}
        rates = {rate: known.get(row.architecture, {}).get(rate, UNKNOWN) for rate in counts}
        on_device = bool(row.trained or row.passed)
        hours = sum(count * rates[rate].seconds for rate, count in counts.items())
        hours = (hours + row.jobs * starts[0 if on_device else 1]) / 3600
        found.append(
            {
                "stage": row.name,
                "architecture": row.architecture,
                "jobs": row.jobs,
                "images_trained": row.trained,
                "images_passed": row.passed,
                "device_hours": hours if on_device else 0.0,
                "wall_hours": hours * math.ceil(row.jobs / devices) / row.jobs
                if on_device
                else 0.0,
                "cpu_hours": 0.0 if on_device else hours,
                "gigabytes": row.bytes / 1e9,
                "rates": "; ".join(dict.fromkeys(rate.source for rate in rates.values())),
            }
        )
    plan = pd.DataFrame(found)
    longest = (plan["device_hours"] / plan["jobs"]).max(skipna=False)
    total = plan.drop(columns=["stage", "architecture", "rates"]).sum(skipna=False)
    total["wall_hours"] = max(total["device_hours"] / devices, longest)
    total = {"stage": "total", "architecture": "", "rates": "", **total}
    counts = dict.fromkeys(["jobs", "images_trained", "images_passed"], "int64")
    return pd.concat([plan, pd.DataFrame([total])], ignore_index=True).astype(counts)


def page(plan: pd.DataFrame, devices: int) -> str:
    """The table for the terminal."""
    shown = plan.copy()
    for name in ("device_hours", "wall_hours", "cpu_hours", "gigabytes"):
        shown[name] = [
            "?" if math.isnan(x) else "" if x == 0 else f"{x:,.2f}" if x < 100 else f"{x:,.0f}"
            for x in plan[name]
        ]
    for name in ("images_trained", "images_passed"):
        shown[name] = [f"{x:,}" if x else "" for x in plan[name]]
    columns = {"images_trained": "trained", "images_passed": "passed", "wall_hours": "wall"}
    columns |= {"device_hours": "device h", "cpu_hours": "cpu h", "gigabytes": "GB"}
    lines = [shown.rename(columns=columns).to_string(index=False), ""]
    lines.append(f"wall: hours with {devices} devices at work; of the total, at the least.")
    lines.append("Tables and figures, some twenty short jobs, are not counted.")
    if plan["rates"].str.contains(UNKNOWN.source).any():
        lines.append(
            "?: no rate is known. `python benchmarks/device.py --rates` and `python "
            "benchmarks/metrics.py --rates` measure them, or enter them under plan.entered."
        )
    return "\n".join(lines)
