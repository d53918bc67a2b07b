"""An estimate of an experiment's cost: jobs, device hours, wall time and disk space by stage.

Images are counted from the settings. Hours follow from rates that benchmarks measured or the user
entered; each row says which.

Assumptions: fine-tuning costs one pass through the network per training and test image of a target
(training a new last layer on cached features costs next to nothing); a cut network costs as much as
the whole; jobs of a stage are equally long; nothing waits for disks.
"""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from basemodel import metrics
from basemodel.models.catalog import layers
from basemodel.rates import Rates, elements, weights
from basemodel.resources import dataset_size, tuned
from basemodel.settings import other_metrics, pretrain_settings


@dataclass
class Work:
    """The total work of a stage's jobs, for one architecture or for none."""

    stage: str
    architecture: str = ""
    jobs: int = 0
    trained: int = 0  # images passed forward and backward
    passed: int = 0  # images passed forward only
    scored: int = 0  # featuremaps that metrics are computed from
    packed: int = 0  # images decoded
    bytes: int = 0


def work(config: dict[str, Any]) -> list[Work]:
    """Every stage's work, in order of dependence."""
    source = dataset_size(config, config["source"])
    targets = [dataset_size(config, name) for name in config["targets"]]
    by_class, by_image = (config["subsets"].get(kind, []) for kind in ("class", "image"))
    subsets = sum(by_class) + sum(by_image)
    wholes = len(by_class) + len(by_image)  # the subsets of one division make up the source
    tests = len(by_class) * source.test + sum(by_image) * source.test
    per_class = config["probe"]["images_per_class"]
    probes = per_class * sum(target.classes for target in targets)
    source_probe = per_class * min(source.classes, config["normal"]["classes"])
    item = 2 if config["probe"]["dtype"] == "float16" else 4
    train, test = sum(target.train for target in targets), sum(target.test for target in targets)
    cuts = config["truncation"]["architectures"]
    others = other_metrics(config)
    scores = [*config["metrics"], *others]
    # Cards are those of trained networks, and only these predict source classes.
    epoch_scores = {*_without(["card"], scores), "feature_norm"}
    cut_scores = _without(["card", "probabilities"], scores)
    images = [source, *targets]

    everything = sum(size.train + size.test for size in images)
    rows = [
        Work(
            "pack", jobs=len(images), packed=everything,
            bytes=everything * 3 * config["image"]["size"] ** 2,
        ),
        Work("subset, probe", jobs=subsets + 1 + len(images)),
    ]  # fmt: skip
    for name in config["architectures"]:
        epochs = pretrain_settings(config, name)["epochs"]
        [maps] = elements(config, name)
        base_models = sum(
            parts * weights(config, name, source.classes // parts) for parts in by_class
        )
        base_models += sum(by_image) * weights(config, name, source.classes)
        trained, passed = tuned(config["finetune"], config["finetune"]["trainable"], train, test)
        rows += [
            Work(
                "pretrain", name, subsets, trained=epochs * wholes * source.train,
                passed=wholes * source.train + tests, bytes=4 * base_models,
            ),
            Work(
                "normal", name, 1, trained=epochs * source.train,
                passed=epochs * source.test + source.train + source.test,
                bytes=4 * (epochs + 1) * weights(config, name, source.classes),
            ),
            Work(
                "epoch_featuremaps", name, epochs, passed=epochs * source_probe,
                bytes=epochs * source_probe * maps * item,
            ),
            Work("epoch_metric", name, len(epoch_scores), scored=epochs * source_probe),
            Work(
                "featuremaps", name, subsets * len(targets), passed=subsets * probes,
                bytes=subsets * probes * maps * item,
            ),
            Work("metric", name, len(scores) * len(targets), scored=subsets * probes),
            Work(
                "finetune", name, subsets * len(targets), trained=subsets * trained,
                passed=subsets * passed,
            ),
        ]  # fmt: skip
    for name in cuts:
        count = layers(name)
        trained, passed = tuned(config["finetune"], "last", train, test)
        rows += [
            Work(
                "cut_featuremaps", name, count * len(targets), passed=count * probes,
                bytes=probes * sum(elements(config, name, cuts=True)) * item,
            ),
            Work("cut_metric", name, len(cut_scores) * len(targets), scored=count * probes),
            Work("cut_finetune", name, count * len(targets), count * trained, count * passed),
        ]  # fmt: skip
    jobs = 14 + (len(config["metrics"]) > 1)
    if cuts:
        # costs, cuts, versions, a Figure 4 each; Figure 5, and the others' cuts, if there are any
        jobs += 3 + len(cuts)
        jobs += any(metric in cut_scores for metric in config["metrics"])
        jobs += any(metric in cut_scores for metric in others)
    rows.append(Work("tables, figures", jobs=jobs))
    return rows


def _without(inputs: list[str], names: list[str]) -> list[str]:
    """The metrics that do not need any of these inputs."""
    return [name for name in names if not set(inputs) & set(metrics.inputs(name))]


def table(
    rows: list[Work],
    known: dict[str, Rates],
    devices: int,
    start: float = 0,
    cpu_start: float | None = None,
) -> pd.DataFrame:
    """One row per stage and architecture, and a last one for the total; unknown hours are NaN.

    known: rates by architecture, those of none under ""; start: seconds to start a job on a device,
    cpu_start: of one that needs none (None: the same).
    wall_hours: on `devices` in parallel, if the jobs of a stage are equally long. The total's is a
    lower bound: all devices always busy, but no less than the longest job.
    """
    result = []
    for row in rows:
        rate = known.get(row.architecture, Rates())
        counts = {
            "train": row.trained, "forward": row.passed, "metrics": row.scored, "pack": row.packed
        }  # fmt: skip
        used = [rate.sources.get(key, "unknown") for key, count in counts.items() if count]
        device_seconds = _over(row.trained, rate.train) + _over(row.passed, rate.forward)
        cpu_seconds = _over(row.packed, rate.pack)
        cpu_seconds += _over(row.scored, rate.metrics and 1 / rate.metrics)
        if row.trained or row.passed:
            device_seconds += row.jobs * start
        else:
            cpu_seconds += row.jobs * (start if cpu_start is None else cpu_start)
        waves = math.ceil(row.jobs / devices) / row.jobs
        result.append(
            {
                "stage": row.stage,
                "architecture": row.architecture,
                "jobs": row.jobs,
                "images_trained": row.trained,
                "images_passed": row.passed,
                "device_hours": device_seconds / 3600,
                "wall_hours": device_seconds * waves / 3600,
                "cpu_hours": cpu_seconds / 3600,
                "gigabytes": row.bytes / 1e9,
                "rates": "; ".join(dict.fromkeys(used)),
            }
        )
    plan = pd.DataFrame(result)
    sums = ["jobs", "images_trained", "images_passed", "device_hours", "cpu_hours", "gigabytes"]
    total = {"stage": "total", "architecture": "", "rates": "", **plan[sums].sum(skipna=False)}
    longest = (plan["device_hours"] / plan["jobs"]).max(skipna=False)
    total["wall_hours"] = max(total["device_hours"] / devices, longest)
    plan = pd.concat([plan, pd.DataFrame([total])], ignore_index=True)[plan.columns]
    counts = ["jobs", "images_trained", "images_passed"]
    return plan.astype(dict.fromkeys(counts, "int64"))


def _over(count: int, rate: float | None) -> float:
    """Seconds; NaN if there is something to do at an unknown rate."""
    return count / (rate or math.nan) if count else 0.0


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
    if plan["rates"].str.contains("unknown").any():
        lines.append(
            "?: no rate is known. `python benchmarks/device.py --rates` and `python "
            "benchmarks/metrics.py --rates` measure them, or enter them under plan.entered."
        )
    return "\n".join(lines)
