"""The page of text: bounds, the table of ρ, the best pair."""

import numpy as np
import pandas as pd
import pytest

import jobs
from basemodel.report.conclusions import conclusions, held_out, too_few
from basemodel.report.summary import summarise
from basemodel.run.versions import COLUMNS
from basemodel.statistics.pairs import alpha_grid, scale, search
from basemodel.statistics.pools import cells
from basemodel.tables import write_csv
from test_conclusions import comparison
from test_correlation import correlations

ARCHITECTURES = ["alexnet", "vgg16"]
TARGETS = ["flowers", "dtd"]
METRICS = ["S1", "S5", "S6"]
TOO_FEW, LEFT = ["(too few)", ""], ["(what is left held out)"]
BELIEVED = ["(which metric to believe)"]
LINES = (TOO_FEW, LEFT, BELIEVED)


def tables(source=0.5, spread=0.3):
    """The script's inputs, from 8 base models per architecture; accuracies 0.3 … 0.3 + spread."""
    subsets = [
        (f"{policy}-{i:02d}", policy) for policy in ("class10", "image10") for i in (1, 2, 3, 4)
    ]
    base_models = pd.DataFrame(
        {
            "architecture": a,
            "subset": s,
            "policy": p,
            "classes": {"class10": 4, "image10": 40}[p],
            "test_accuracy": source,
        }
        for a in ARCHITECTURES
        for s, p in subsets
    )
    rng = np.random.default_rng(3)
    fine_tuning = pd.DataFrame(
        {"architecture": a, "target": t, "subset": s, "accuracy": 0.3 + spread * i / 7}
        for a in ARCHITECTURES
        for t in TARGETS
        for i, (s, _) in enumerate(subsets)
    )
    values = {
        (m, a, t): pd.DataFrame(
            {"subset": s, "value": i + 3 * rng.uniform()} for i, (s, _) in enumerate(subsets)
        )
        for m in METRICS
        for a in ARCHITECTURES
        for t in TARGETS
    }
    targets = pd.DataFrame(
        {
            "target": TARGETS,
            "title": ["Oxford Flowers-102", "Describable Textures Data Set"],
            "classes": [10, 47],
        }
    )
    scores = cells(fine_tuning, base_models, values, ARCHITECTURES, TARGETS, METRICS)
    scaled = scale(np.stack(list(scores.metrics.values())))
    pairs, _ = search(scaled, scores.accuracy, alpha_grid(0.05), METRICS, scores.names)
    return base_models, fine_tuning, targets, correlations(scores), pairs


def lines_of(*arguments, comparable=False, why="glyphs are not ImageNet") -> list[str]:
    text = summarise(*arguments, *LINES, comparable=comparable, why=why)
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert all(len(line) <= 100 and line == line.rstrip() for line in lines)
    return lines


def fields(lines: list[str], *start: str) -> list[str]:
    (line,) = [line for line in lines if line.split()[: len(start)] == list(start)]
    return line.split()[len(start) :]


def test_source_bounds():
    lines = lines_of(*tables(source=0.5))
    # chance ¼: five times it is more than the cap of 60 %, and 50 % falls short of that
    assert fields(lines, "AlexNet", "class10") == ["4", "50.00%", "25.00%", "60.00%", "NOT", "MET"]
    assert fields(lines, "VGG16", "image10") == ["4", "50.00%", "2.50%", "12.50%", "met"]
    assert "Bounds NOT MET: 2 of 12." in lines  # 2 × 2 sources, 2 × 2 × 2 targets


def test_source_bound_takes_the_median():
    arguments = tables(source=0.6)
    base_models = arguments[0]
    base_models.loc[0, "test_accuracy"] = 0.01
    assert "All 12 bounds are met." in lines_of(*arguments)
    base_models.loc[1:2, "test_accuracy"] = 0.59
    assert "Bounds NOT MET: 1 of 12." in lines_of(*arguments)


def test_target_bounds():
    lines = lines_of(*tables())
    title = ["Oxford", "Flowers-102"]
    assert fields(lines, "AlexNet", *title, "45.00%") == ["10.00%", "4.5", "met", "30.0", "met"]
    lines = lines_of(*tables(spread=0.05))
    assert fields(lines, "VGG16", *title, "32.50%") == ["10.00%", "3.2", "met", "5.0", "NOT", "MET"]
    arguments = tables(spread=0.1)  # 0.4 − 0.3 is a little less than 0.1 in floating point
    assert fields(lines_of(*arguments), "VGG16", *title, "35.00%")[-2:] == ["10.0", "met"]
    arguments[2]["classes"] = [8, 47]
    assert fields(lines_of(*arguments), "VGG16", *title, "35.00%")[:4] == [
        *("12.50%", "2.8", "NOT", "MET"),
    ]


def test_table_of_rho():
    arguments = tables()
    correlation = arguments[3]
    correlation["rho"] = [0.7, -0.7, 0.6994, np.nan, -0.81, 0.2] * 2
    correlation["p_value"] = [0.053, 0.04, 0.049, np.nan, 0.06, 0.6] * 2
    lines = lines_of(*arguments)
    n = "Each rho is over the base models of one architecture: n = 8. A dash: it is undefined."
    section = lines[lines.index(n) :]
    assert section[1].startswith("* marks one that differs significantly from 0")
    assert fields(section, "AlexNet", "Oxford", "Flowers-102") == ["0.700", "-0.700*", "0.699*"]
    assert fields(section, "VGG16", "Describable", "Textures") == ["-", "-0.810", "0.200"]
    assert "|rho| >= 0.7: 6 of 10, 2 more being undefined" in section
    assert "S1 2, S5 4, S6 0" in section
    assert not any("published sign" in line for line in lines)


def test_many_metrics_stay_within_the_page():
    arguments = list(tables())
    correlation = arguments[3]
    wide = [
        correlation[correlation["metric"] == "S1"].assign(metric=f"metric_number_{i}")
        for i in range(11)
    ]
    arguments[3] = pd.concat(wide)
    lines_of(*arguments)


def test_best_pair_beside_the_published_one():
    arguments = tables()
    pairs = arguments[4]
    best = pairs.iloc[pairs["mean_rho"][:3].argmax()]
    lines = lines_of(*arguments)
    assert fields(lines, "pair") == [f"{best['first']},", best["second"], "S5,", "S6"]
    assert fields(lines, "alpha") == [f"{best['alpha']:g}", "0.574"]
    assert fields(lines, "mean", "rho") == [f"{best['mean_rho']:.4f}", "0.7514"]
    assert fields(lines, "variance") == [f"{best['variance_rho']:.6f}", "0.005993"]
    assert fields(lines, "maximum")[0] == f"{best['max_rho']:.4f}"
    assert fields(lines, "maximum")[-3:] == ["0.8874", "AlexNet,", "Caltech-101"]
    assert fields(lines, "cells") == ["4", "24"]
    assert lines[-1] == ("Comparable with the published numbers: NO: glyphs are not ImageNet")


def test_comparable_runs_show_the_published_signs():
    lines = lines_of(*tables(), comparable=True, why="the paper's settings " * 8)
    assert fields(lines, "AlexNet", "published", "sign") == ["-", "mixed", "+"]
    assert any(line.startswith("Comparable with the published numbers: yes:") for line in lines)


def test_no_defined_pair():
    arguments = list(tables())
    arguments[4] = arguments[4].assign(mean_rho=np.nan)
    assert "No pair of metrics has a defined rho." in lines_of(*arguments)


def test_mixed_versions_have_a_section_and_unmixed_ones_none():
    plain = lines_of(*tables())
    assert not any("VERSIONS" in line for line in plain)
    mixed = ["numpy 2.3.1: 1 data sets", "numpy 2.4.6: " + "180 base models, " * 8]
    text = summarise(*tables(), *LINES, comparable=False, why="", mixed_versions=mixed)
    lines = text.splitlines()
    start = lines.index("5. MADE WITH SEVERAL VERSIONS OF PACKAGES")
    assert lines[:start] == plain[:start] and lines[-1] == plain[-1].removesuffix(
        " glyphs are not ImageNet"
    )
    assert lines[start + 2] == mixed[0] and max(map(len, lines)) <= 100


def test_one_metric_makes_no_pair():
    arguments = list(tables())
    arguments[4] = arguments[4][arguments[4]["second"] == ""].head(1)
    assert "One metric makes no pair." in lines_of(*arguments)


def test_an_accuracy_over_no_images_is_refused_and_named():
    """The mean, the median and the maximum would pass over it, and the bounds be met."""
    arguments = tables()
    arguments[0].loc[2, "test_accuracy"] = np.nan
    with pytest.raises(ValueError, match="^base models: alexnet, class10-03 has nan, not a fract"):
        lines_of(*arguments)
    arguments = tables()
    arguments[1].loc[0, "accuracy"] = np.nan
    with pytest.raises(ValueError, match="accuracies: alexnet, flowers, class10-01 has nan"):
        lines_of(*arguments)


def test_script(tmp_path):
    arguments = tables()
    names = ["base_models", "fine_tuning", "targets", "correlation", "pairs"]
    for name, table in zip(names, arguments, strict=True):
        write_csv(tmp_path / f"{name}.csv", table)
    versions = pd.DataFrame([("base_models", "torch", "2.10", 8)], columns=COLUMNS)
    write_csv(tmp_path / "versions.csv", versions)
    compared = comparison()
    for name, table in compared.items():
        write_csv(tmp_path / f"{name}.csv", table)
    jobs.run(
        "summary.py",
        input={n: tmp_path / f"{n}.csv" for n in [*names, *compared, "versions"]},
        output=[tmp_path / "summary.txt"],
        params={"comparable": False, "why": "glyphs are not ImageNet", "metrics": ["S1", "S3"]},
    )
    text = (tmp_path / "summary.txt").read_text(encoding="utf-8")
    assert list(too_few(compared["mean_rho"], arguments[3])) == []
    left = "\n".join(held_out(compared.pop("optimism")))
    believed = "\n".join(line.rstrip() for line in conclusions(*compared.values(), ["S1", "S3"]))
    assert left in text and believed in text
    text = text.replace(left, LEFT[0]).replace(believed, BELIEVED[0])
    assert [*TOO_FEW, *text.split("\n")[:-1]] == lines_of(*arguments)
